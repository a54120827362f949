"""A catalogue of songs that can be searched: a folder with a metric and what it makes of each song.

    metric.pt          the metric; whoever has the folder needs nothing else
    part-<n>.h5        songs that were added together: work, performance, title, artist, path, size, mtime_ns, (n,) each,
                       and what coversim.metric.kinds writes of them
    index.json, …      beyond EXACT songs, see coversim.metric.index

Adding songs writes more parts. A song is known by its path, and embedded anew if its file is of another size or time.

A search has up to three steps: the points nearest to the song's own; of a metric that compares songs in order, the songs
of these points, matched; and, if asked, the first songs aligned frame by frame.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coversim.dataset import titles
from coversim.errors import CoversimError
from coversim.evaluation.probability import prior_among
from coversim.metric import index
from coversim.metric.index import SHORTLIST, Index
from coversim.metric.kinds import Arrays, Kind
from coversim.metric.metric import Metric
from coversim.metric.nearest import Points
from coversim.metric.songs import file_of, has_feature_folder, names_of
from coversim.progress import followed
from coversim.storage import hdf5
from coversim.storage.checksums import record_of

METRIC = "metric.pt"
TOGETHER = 1024  # songs in memory while they are added, and in a part at most
EXACT = 1_000_000  # songs whose points are in memory and all looked at; if there are more, an index finds the nearest
CANDIDATES = 5000  # songs that are matched in order, unless told otherwise


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


class Catalogue:
    """Songs, and what the metric makes of them: read when it is needed.

    Attributes
    ----------
    folder, metric : where it is, and whose it is
    parts : of each of its files how many songs are in it
    """

    def __init__(self, folder: Path, metric: Metric):
        self.folder, self.metric = folder, metric
        self.parts = {path: _songs_in(path) for path in _parts(folder)}
        self._starts = np.cumsum([0, *self.parts.values()])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "Catalogue":
        """Open what `add` wrote."""
        folder = Path(folder)
        if not (folder / METRIC).is_file():
            raise CoversimError(
                f"{folder}: no catalogue. Remedy: make one: coversim catalogue add {folder} SONGS --metric metric.pt"
            )
        return cls(folder, Metric.load(folder / METRIC))

    @cached_property
    def entries(self) -> list[Entry]:
        """All songs."""
        return [entry for path in self.parts for entry in _entries(path)]

    def search(
        self,
        song: Any,
        top: int = 10,
        prior: float | None = None,
        candidates: int = CANDIDATES,
        rerank: int = 0,
    ) -> list[Found]:
        """The songs nearest to one, a path or what the metric's `embed` gives, the nearest first; not the song itself.

        Parameters
        ----------
        prior : the probability that a song of the catalogue is a cover; None: one of them all is. So the more there
            are, the nearer one must be.
        candidates : songs that are matched in order, those whose outlines are nearest; for metrics of sequences only
        rerank : of the first songs so many are ordered anew by distance and alignment together (see
            coversim.metric.alignment); `song` must be a path. Their distances and probabilities stay those of the metric.
        """
        if not len(self):
            raise CoversimError(f"{self.folder}: an empty catalogue. Remedy: add songs to it")
        own = str(_known_as(Path(song), self.metric)) if isinstance(song, str | os.PathLike) else None
        rows, distances = self._nearest(
            song if own is None else self.metric.embed(song), max(top, rerank) + (own is not None), candidates
        )
        entries = [self._entry(row) for row in rows.tolist()]
        found = [
            (entry, distance)
            for entry, distance in zip(entries, distances.tolist(), strict=True)
            if entry.path != own
        ]
        if rerank:
            found = self._reranked(song, found[: max(top, rerank)], rerank)
        prior = prior_among(len(self)) if prior is None else prior
        known = self.metric.calibration
        return [
            Found(rank, entry, distance, known.probability(distance, prior) if known else None)
            for rank, (entry, distance) in enumerate(found[:top], start=1)
        ]

    def approximations(self, candidates: int = CANDIDATES) -> list[str]:
        """In words, what a search may miss here."""
        said = []
        if len(self) > EXACT:
            recall = self._index.about["recall_at_10"]
            said.append(f"index: finds {recall:.3f} of the ten nearest songs, as measured when it was built")
        if self.metric.kind.in_order and len(self) > candidates:
            said.append(
                f"first step: of {len(self):,} songs the {candidates:,} with the nearest outlines are matched"
            )
        return said

    def points_of(self, path: Path) -> np.ndarray:
        """The points (n, E) of a part."""
        with hdf5.opened(path) as file:
            return file["point"][:]

    @cached_property
    def _points(self) -> Points:
        points = np.empty((len(self), self.points_of(next(iter(self.parts))).shape[1]), np.float32)
        for path, start, end in zip(self.parts, self._starts, self._starts[1:], strict=False):
            points[start:end] = self.points_of(path)
        return Points(points)

    @cached_property
    def _index(self) -> Index:
        return Index(self.folder, self.parts)

    @cached_property
    def _all(self) -> Arrays:
        return self._arrays(np.arange(len(self)))

    def _nearest(self, song: Any, count: int, candidates: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the nearest songs and their distances, the nearest first."""
        kind, sought = self.metric.kind, self.metric.kind.sought(song)
        exact = len(self) <= EXACT
        if not kind.in_order and exact:
            return self._points.nearest(sought, count)
        wanted = max(count, candidates) if kind.in_order else SHORTLIST * count
        if len(self) <= wanted:
            rows, arrays = np.arange(len(self)), self._all
        else:
            found = (
                self._points.nearest(sought, wanted)[0] if exact else self._index.candidates(sought, wanted)
            )
            rows = np.sort(found)
            arrays = self._arrays(rows)
        distances = kind.distances(song, arrays)
        order = np.argsort(distances, kind="stable")[:count]
        return rows[order], distances[order]

    def _arrays(self, rows: np.ndarray) -> Arrays:
        """What is kept of some songs, `rows` ascending."""
        found = []
        for path, start, end in zip(self.parts, self._starts, self._starts[1:], strict=False):
            own = rows[(rows >= start) & (rows < end)] - start
            if len(own):
                with hdf5.opened(path) as file:
                    found.append(self.metric.kind.read(file, own))
        return self.metric.kind.joined(found)

    def _entry(self, row: int) -> Entry:
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        with hdf5.opened(list(self.parts)[part]) as file:
            return _entry(file["songs"][row - self._starts[part]])

    def _reranked(self, song: Any, found: list[tuple[Entry, float]], count: int) -> list[tuple[Entry, float]]:
        from coversim.metric.alignment import order

        first = found[:count]
        places = order(
            self.metric, song, [Path(entry.path) for entry, _ in first], np.array([one for _, one in first])
        )
        return [first[place] for place in places] + found[count:]


def add(
    folder: str | os.PathLike,
    songs: Iterable[Path],
    metric: str | os.PathLike | None = None,
    problem: Callable[[CoversimError], None] | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> int:
    """Add songs that are new or changed to a catalogue, and make it where there is none; how many were added.

    What is there is not read again, but for the list of songs. Where there is an index, new parts are added to it.

    Parameters
    ----------
    metric : file of the metric; needed for a new catalogue only
    problem : told of each song that cannot be used; None: the first raises
    said : told what the index is worth, where there is one
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
        gone = set(changed)
        _without(folder, lambda entry: entry.path in gone)
    named = _Titles()
    added = 0
    entries: list[Entry] = []
    embedded: list[Any] = []

    def write() -> None:
        if entries:
            write_part(folder, entries, known.metric.kind, known.metric.kind.packed(embedded))
            entries.clear()
            embedded.clear()

    for path in followed(wanted, "songs"):
        try:
            embedded.append(known.metric.embed(path))
            entries.append(Entry(*names_of(path), *named.of(path), str(path), *_state(path)))
            added += 1
        except CoversimError as error:
            if problem is None:
                raise
            problem(error)
        if len(entries) == TOGETHER:
            write()
    write()
    _keep_index(folder, said)
    return added


def remove(
    folder: str | os.PathLike,
    chosen: Callable[[Entry], bool],
    said: Callable[[str], None] = lambda text: None,
) -> int:
    """Remove the songs that are `chosen`; how many these were. `said` is as for `add`."""
    removed = _without(Path(folder), chosen)
    _keep_index(Path(folder), said)
    return removed


def _without(folder: Path, chosen: Callable[[Entry], bool]) -> int:
    """Write the parts anew that hold songs which are `chosen`, without these."""
    catalogue, removed = Catalogue.load(folder), 0
    kind = catalogue.metric.kind
    for path in catalogue.parts:
        entries = _entries(path)
        kept = [place for place, entry in enumerate(entries) if not chosen(entry)]
        removed += len(entries) - len(kept)
        if not kept:
            path.unlink()
            record_of(path).unlink(missing_ok=True)
        elif len(kept) < len(entries):
            with hdf5.opened(path) as file:
                arrays = kind.read(file, np.array(kept))
            _write(path, [entries[place] for place in kept], kind, arrays)
    return removed


def _keep_index(folder: Path, said: Callable[[str], None]) -> None:
    """Have an index where there are too many songs to look at each, and none elsewhere."""
    catalogue = Catalogue.load(folder)
    if len(catalogue) > EXACT:
        said(index.update(folder, catalogue.parts, catalogue.points_of))
    else:
        index.remove(folder)


def export(folder: str | os.PathLike, output: Path) -> int:
    """Write all songs, and what is compared of them, as a Parquet table; how many these are.

    Columns: work, performance, title, artist, path, and those of the metric's kind. A part in memory at a time.
    """
    import pandas as pd

    from coversim.storage import parquet

    catalogue = Catalogue.load(folder)
    kind = catalogue.metric.kind

    def tables() -> Iterator[pd.DataFrame]:
        for path, songs in followed(catalogue.parts.items(), "parts", len(catalogue.parts)):
            with hdf5.opened(path) as file:
                arrays = kind.read(file, np.arange(songs))
            # Parquet holds UTF-8, and names of files may be none
            names = [
                [text.encode("utf-8", "backslashreplace").decode() for text in entry[:5]]
                for entry in _entries(path)
            ]
            yield pd.DataFrame(names, columns=Entry._fields[:5]).assign(**kind.columns(arrays))

    parquet.write_parts(output, tables())
    return len(catalogue)


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
    return Catalogue(folder, loaded)


def _known_as(path: Path, metric: Metric) -> Path:
    """The path by which a catalogue knows a song: of its file with the first feature that the metric sees."""
    return file_of(path.absolute(), metric.kind.features[0])


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.h5"), key=lambda path: int(path.stem.partition("-")[2]))


def write_part(folder: Path, entries: Sequence[Entry], kind: Kind, arrays: Arrays) -> None:
    """Write songs that are new to a catalogue, and what `kind` packed of them."""
    last = max((int(path.stem.partition("-")[2]) for path in _parts(folder)), default=0)
    _write(folder / f"part-{last + 1}.h5", entries, kind, arrays)


def _write(path: Path, entries: Sequence[Entry], kind: Kind, arrays: Arrays) -> None:
    with hdf5.creating(path) as file:
        # as JSON, since names may hold anything
        hdf5.write(file, "songs", hdf5.text([json.dumps(entry) for entry in entries]))
        kind.write(file, arrays)


def _songs_in(path: Path) -> int:
    with hdf5.opened(path) as file:
        return len(file["songs"])


def _entries(path: Path) -> list[Entry]:
    with hdf5.opened(path) as file:
        return [_entry(song) for song in file["songs"][:].tolist()]


def _entry(song: bytes) -> Entry:
    return Entry(*json.loads(song))
