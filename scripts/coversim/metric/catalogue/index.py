"""The points nearest to some, of points that memory need not hold: an inverted file of product codes, by FAISS.

    index-<n>.faiss  for each point the nearest of √N centres, and how it differs from that, in E / 4 bytes
    index.json       which file is the present one, which parts of the catalogue are in it, and what it was worth when built

After Jégou, Douze & Schmid (2011), "Product quantization for nearest neighbor search". It is mapped into memory, not read.
What it finds is put in order by the points themselves. How many of the ten nearest songs are found is measured when it is
built, on songs of the catalogue.
"""

import json
import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from coversim.errors import CoversimError
from coversim.metric.catalogue.nearest import Points
from coversim.storage.atomic import replacing
from coversim.storage.checksums import entry, record_of

ABOUT = "index.json"
NAME = re.compile(r"index-[0-9]+\.faiss")
EXACT = 1_000_000  # songs whose points are in memory and all looked at; if there are more, an index finds the nearest
PART = 2**20  # more songs than are in any part: a point's number is that of its part times this, and its row
CODED = 4  # numbers of a point that one byte stands for
PER_CENTRE = 40  # points that centres are learned from
GROWTH = 4  # how many times as many songs as it was built for an index takes before it is built anew
SHORTLIST = 10  # times as many points as are wanted are put in order
TEN = 10  # nearest songs that recall is measured by
MEASURED = 100  # songs that recall is measured with
ENOUGH = 0.99  # recall from which on no more lists are searched

Read = Callable[[Path], np.ndarray]


def update(folder: Path, parts: dict[Path, int], points_of: Read) -> str:
    """Bring the index of a catalogue up to date with its parts, and build it if need be; what was done, in words.

    Parameters
    ----------
    parts : how many songs are in each
    points_of : reads the points (n, E) of a part
    """
    songs = sum(parts.values())
    held = {path.name: _state(path) for path in parts}
    about = _about(folder)
    if about is None or songs > GROWTH * about["built_for"]:
        return _build(folder, parts, points_of, held)
    try:
        index = _faiss().read_index(str(folder / about["file"]))
    except RuntimeError:  # damaged
        return _build(folder, parts, points_of, held)
    for name in about["parts"].keys() - {name for name in held if about["parts"].get(name) == held[name]}:
        number = _number(folder / name) * PART
        index.remove_ids(_faiss().IDSelectorRange(number, number + PART))
    new = [path for path in parts if about["parts"].get(path.name) != held[path.name]]
    for path in new:
        _add(index, path, points_of)
    _save(folder, index, about | {"parts": held})
    return f"index: {len(new)} parts added to it, {songs:,} songs in all"


def remove(folder: Path) -> None:
    """Remove the index, where there is one: a catalogue that fits into memory needs none."""
    for path in (folder / ABOUT, *folder.glob("index-*.faiss")):
        path.unlink(missing_ok=True)


class Index:
    """An index that is searched."""

    def __init__(self, folder: Path, parts: dict[Path, int]):
        """Raises CoversimError unless it holds these parts."""
        about = _about(folder)
        remedy = f"Remedy: coversim catalogue add {folder} ANY_OF_ITS_SONGS.h5"
        if about is None or about["parts"] != {path.name: _state(path) for path in parts}:
            raise CoversimError(
                f"{folder}: its index is not that of its songs: adding or removing did not come to its end. {remedy}"
            )
        self.about = about
        faiss = _faiss()
        try:
            self._index = faiss.read_index(str(folder / self.about["file"]), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise CoversimError(f"{folder}: its index is damaged. {remedy}") from error
        faiss.extract_index_ivf(self._index).nprobe = self.about["lists_searched"]
        start = {
            _number(path): start for path, start in zip(parts, np.cumsum([0, *parts.values()]), strict=False)
        }
        self._starts = np.zeros(max(start) + 1, np.int64)
        self._starts[list(start)] = list(start.values())

    def candidates(self, sought: np.ndarray, count: int) -> np.ndarray:
        """Rows of about the `count` points of the catalogue nearest to any of `sought` (P, E), in any order."""
        numbers = np.unique(self._index.search(np.ascontiguousarray(sought), count)[1])
        numbers = numbers[numbers >= 0]
        return self._starts[numbers // PART] + numbers % PART


def _build(folder: Path, parts: dict[Path, int], points_of: Read, held: dict[str, str]) -> str:
    """Learn centres and codes from songs of all parts, and add all songs."""
    songs = sum(parts.values())
    centres = round(math.sqrt(songs))
    step = max(1, songs // (PER_CENTRE * centres))
    index = _empty(points_of(next(iter(parts))).shape[1], centres)
    index.train(np.concatenate([points_of(path)[::step] for path in parts]))
    for path in parts:
        _add(index, path, points_of)
    recall, searched = _measured(index, parts, points_of)
    about = {
        "built_for": songs,
        "parts": held,
        "lists": centres,
        "lists_searched": searched,
        "recall_at_10": recall,
    }
    _save(folder, index, about)
    return (
        f"index: built for {songs:,} songs; of the ten nearest songs it finds {recall:.3f} (exact search: 1), "
        f"measured with {MEASURED} of the songs"
    )


def _empty(size: int, centres: int) -> Any:
    """An index of points of this size; zeros fill them up until CODED divides it, which changes no distance."""
    faiss, coded = _faiss(), math.ceil(size / CODED) * CODED
    index = faiss.IndexIVFPQ(faiss.IndexFlatL2(coded), coded, centres, coded // CODED, 8)
    if coded > size:
        index = faiss.IndexPreTransform(faiss.RemapDimensionsTransform(size, coded, False), index)
    return index


def _measured(index: Any, parts: dict[Path, int], points_of: Read) -> tuple[float, int]:
    """Recall of the ten nearest songs, and how many lists are searched for it: as few as are enough, a quarter at most."""
    starts = np.cumsum([0, *parts.values()])
    asked = np.unique(np.linspace(0, starts[-1] - 1, MEASURED, dtype=np.int64))
    rows = [asked[(asked >= start) & (asked < end)] - start for start, end in pairwise(starts)]
    queries = np.concatenate(
        [points_of(path)[own] for path, own in zip(parts, rows, strict=True) if len(own)]
    )
    own = np.concatenate([own + _number(path) * PART for path, own in zip(parts, rows, strict=True)])
    names, distances = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for path in parts:
        points = Points(points_of(path))
        found = [points.nearest(query[None], TEN + 1) for query in queries]
        names = np.concatenate([names, [near + _number(path) * PART for near, _ in found]], axis=1)
        distances = np.concatenate([distances, [distance for _, distance in found]], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, : TEN + 1]
        names = np.take_along_axis(names, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
    expected = [near[near != name][:TEN] for near, name in zip(names, own, strict=True)]
    lists = _faiss().extract_index_ivf(index)
    searched = 1
    while True:
        lists.nprobe = searched
        found = index.search(queries, SHORTLIST * TEN)[1]
        recall = float(
            np.mean([np.isin(near, some).mean() for near, some in zip(expected, found, strict=True)])
        )
        if recall >= ENOUGH or searched >= lists.nlist / 4:
            return recall, searched
        searched *= 2


def _add(index: Any, path: Path, points_of: Read) -> None:
    points = points_of(path)
    index.add_with_ids(points, np.arange(len(points)) + _number(path) * PART)


def _save(folder: Path, index: Any, about: dict[str, Any]) -> None:
    """Write the index under a new name, then what is known of it: until then the one before counts."""
    before = sorted(folder.glob("index-*.faiss"))
    number = max((_number(path) for path in before), default=0) + 1
    with replacing(folder / f"index-{number}.faiss", recorded=False) as temporary:
        _faiss().write_index(index, str(temporary))
    with replacing(folder / ABOUT, recorded=False) as temporary:
        temporary.write_text(
            json.dumps(about | {"file": f"index-{number}.faiss"}, indent=1), encoding="utf-8"
        )
    for path in before:
        path.unlink()


def _about(folder: Path) -> dict[str, Any] | None:
    """What is known of the present index; None where there is none, or what is said of it is damaged."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return about if NAME.fullmatch(about["file"]) and (folder / about["file"]).is_file() else None
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def _state(path: Path) -> str:
    """What tells the content of a part from another: its recorded checksum."""
    recorded = record_of(path)
    return (recorded.read_text(encoding="utf-8") if recorded.exists() else entry(path, path.name)).split()[0]


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise CoversimError(
            "a catalogue of so many songs needs FAISS, which is not installed. Remedy: pip install faiss-cpu"
        ) from error
    return faiss
