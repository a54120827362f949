"""A catalogue of songs that can be searched: a folder with a metric and what it makes of each song.

    metric.pt          the metric; whoever has the folder needs nothing else
    part-<n>.h5        songs that were added together: work, performance, title, artist, path, size, mtime_ns, (n,) each,
                       and what coversim.metric.kinds packs of them

Adding songs writes one more part. A song is known by its path, and embedded anew if its file is of another size or time.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coversim.dataset import titles
from coversim.errors import CoversimError
from coversim.metric.kinds import Arrays
from coversim.metric.metric import Metric
from coversim.metric.songs import file_of, has_feature_folder, names_of
from coversim.storage import hdf5

METRIC = "metric.pt"
TOGETHER = 256  # songs in memory while they are added, and in a part at most


class Entry(NamedTuple):
    """A song of a catalogue."""

    work: str
    performance: str
    title: str
    artist: str
    path: str  # absolute
    size: int
    mtime_ns: int


class Found(NamedTuple):
    """A song that a search found."""

    rank: int  # from 1
    entry: Entry
    distance: float
    probability: float | None


@dataclass
class Catalogue:
    """Songs, and what the metric makes of them."""

    folder: Path
    metric: Metric
    entries: list[Entry]
    arrays: Arrays | None  # None while it is empty

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "Catalogue":
        """Read what `add` wrote."""
        folder = Path(folder)
        if not (folder / METRIC).is_file():
            raise CoversimError(
                f"{folder}: no catalogue. Remedy: make one: coversim catalogue add {folder} SONGS --metric metric.pt"
            )
        metric = Metric.load(folder / METRIC)
        parts = [_read(path) for path in _parts(folder)]
        entries = [entry for part, _ in parts for entry in part]
        arrays = metric.kind.joined([arrays for _, arrays in parts]) if parts else None
        return cls(folder, metric, entries, arrays)

    def search(self, song: Any, top: int = 10, prior: float | None = None) -> list[Found]:
        """The songs nearest to one, a path or what the metric's `embed` gives, the nearest first; not the song itself.

        `prior` is the probability that a song of the catalogue is a cover; None: one of them all is. So the more
        there are, the nearer one must be.
        """
        if self.arrays is None:
            raise CoversimError(f"{self.folder}: an empty catalogue. Remedy: add songs to it")
        own = str(_known_as(Path(song), self.metric)) if isinstance(song, str | os.PathLike) else None
        distances = self.metric.kind.distances(song if own is None else self.metric.embed(song), self.arrays)
        others = np.array([entry.path != own for entry in self.entries])
        order = np.argsort(np.where(others, distances, np.inf), kind="stable")[: min(top, int(others.sum()))]
        prior = 1 / (len(self.entries) + 1) if prior is None else prior
        known = self.metric.calibration
        return [
            Found(
                rank,
                self.entries[row],
                float(distances[row]),
                known.probability(float(distances[row]), prior) if known else None,
            )
            for rank, row in enumerate(order.tolist(), start=1)
        ]


def add(
    folder: str | os.PathLike,
    songs: Iterable[Path],
    metric: str | os.PathLike | None = None,
    problem: Callable[[CoversimError], None] | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> int:
    """Add songs that are new or changed to a catalogue, and make it where there is none; how many were added.

    Parameters
    ----------
    metric : file of the metric; needed for a new catalogue only
    problem : told of each song that cannot be used; None: the first raises
    progress : told how many songs are done, of how many
    """
    folder = Path(folder)
    known = _opened(folder, metric)
    songs = list(dict.fromkeys(_known_as(path, known.metric) for path in songs))
    there = {entry.path: entry for entry in known.entries}
    wanted = []
    for path in songs:
        entry = there.get(str(path))
        if entry is None or not path.is_file() or (entry.size, entry.mtime_ns) != _state(path):
            wanted.append(path)
    if changed := [str(path) for path in wanted if str(path) in there]:
        remove(folder, lambda entry: entry.path in set(changed))
    named = _Titles()
    added = 0
    for start in range(0, len(wanted), TOGETHER):
        entries, embedded = [], []
        for place, path in enumerate(wanted[start : start + TOGETHER], start=start + 1):
            try:
                embedded.append(known.metric.embed(path))
                entries.append(Entry(*names_of(path), *named.of(path), str(path), *_state(path)))
            except CoversimError as error:
                if problem is None:
                    raise
                problem(error)
            progress(place, len(wanted))
        if entries:
            _write(_next_part(folder), entries, known.metric.kind.packed(embedded))
            added += len(entries)
    return added


def remove(folder: str | os.PathLike, chosen: Callable[[Entry], bool]) -> int:
    """Remove the songs that are `chosen`; how many these were."""
    catalogue, removed = Catalogue.load(folder), 0
    kind = catalogue.metric.kind
    for path in _parts(Path(folder)):
        entries, arrays = _read(path)
        kept = [place for place, entry in enumerate(entries) if not chosen(entry)]
        removed += len(entries) - len(kept)
        if not kept:
            path.unlink()
        elif len(kept) < len(entries):
            songs = kind.unpacked(arrays)
            _write(path, [entries[place] for place in kept], kind.packed([songs[place] for place in kept]))
    return removed


def songs_in(paths: Iterable[str | os.PathLike]) -> Iterator[Path]:
    """Files of songs: each path itself, or, where it is a folder, all .h5 files below it, sorted.

    Of Da-TACOS, where each feature has a folder, the files of one feature will do.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*.h5") if not file.name.startswith("."))
        if not found:
            raise CoversimError(f"{path}: no .h5 file below it. Remedy: name the folder that holds the songs")
        seen = set()
        for file in found:
            song = (file.parents[2], *names_of(file)) if has_feature_folder(file) else file
            if song not in seen:
                seen.add(song)
                yield file


class _Titles:
    """Title and artist of songs that lie in the layout of Da-TACOS, where its metadata is there."""

    def __init__(self) -> None:
        self._read: dict[Path, dict[tuple[str, str], titles.Titles]] = {}

    def of(self, path: Path) -> tuple[str, str]:
        subset = path.parent.parent.name.removeprefix("da-tacos_").partition("_subset_")[0]
        file = titles.find(path.parent.parent.parent, subset) if len(path.parents) > 2 else None
        if file is None:
            return "", ""
        if file not in self._read:
            self._read[file] = titles.read(file)
        found = self._read[file].get(names_of(path))
        if found is None:
            return "", ""
        return found.performance_title or found.work_title, found.performance_artist or found.work_artist


def _opened(folder: Path, metric: str | os.PathLike | None) -> Catalogue:
    """The catalogue, which is made if it is not there; a metric that is named must be its own."""
    if (folder / METRIC).is_file():
        catalogue = Catalogue.load(folder)
        if metric is not None and not catalogue.metric.same_as(Metric.load(metric)):
            raise CoversimError(
                f"{folder}: made with another metric, {catalogue.metric.name}, whose distances are others. "
                "Remedy: leave --metric out, or make a new catalogue"
            )
        return catalogue
    if metric is None:
        raise CoversimError(f"{folder}: a new catalogue needs a metric. Remedy: say --metric metric.pt")
    loaded = Metric.load(metric)
    loaded.save(folder / METRIC)
    return Catalogue(folder, loaded, [], None)


def _known_as(path: Path, metric: Metric) -> Path:
    """The path by which a catalogue knows a song: of its file with the first feature that the metric sees."""
    return file_of(path.absolute(), metric.kind.features[0])


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.h5"), key=lambda path: int(path.stem.partition("-")[2]))


def _next_part(folder: Path) -> Path:
    last = max((int(path.stem.partition("-")[2]) for path in _parts(folder)), default=0)
    return folder / f"part-{last + 1}.h5"


def _write(path: Path, entries: Sequence[Entry], arrays: Arrays) -> None:
    with hdf5.creating(path) as file:
        # as JSON, since names may hold anything
        hdf5.write(file, "songs", hdf5.text([json.dumps(entry) for entry in entries]))
        for name, array in arrays.items():
            hdf5.write(file, name, array)


def _read(path: Path) -> tuple[list[Entry], Arrays]:
    with hdf5.opened(path) as file:
        entries = [Entry(*json.loads(song)) for song in hdf5.strings(file["songs"])]
        return entries, {name: file[name][:] for name in file if name != "songs"}
