"""A catalogue of songs that can be searched: a folder with a metric and what it makes of each song.

    metric.pt          the metric; whoever has the folder needs nothing else
    part-<n>.h5        songs that were added together, see coversim.metric.catalogue.parts
    index.json, …      where there are more than memory should hold, see coversim.metric.catalogue.index

Adding songs writes more parts. A song is known by its path, and embedded anew if its file is of another size or time.

A search has up to three steps: the points nearest to the song's own; of a metric that compares songs in order, the songs
of these points, matched; and, if asked, the first songs aligned frame by frame.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coversim.dataset.features import FRAME_RATE
from coversim.errors import CoversimError
from coversim.evaluation.probability import prior_among
from coversim.metric.catalogue import index
from coversim.metric.catalogue.index import SHORTLIST, Index
from coversim.metric.catalogue.nearest import Points
from coversim.metric.catalogue.parts import (
    METRIC,
    Entry,
    count_of,
    entries_of,
    entry_of,
    parts_of,
    points_of,
    rates_of,
)
from coversim.metric.catalogue.sources import known_as
from coversim.metric.kinds.kind import Arrays
from coversim.metric.metric import Metric
from coversim.metric.songs import Song
from coversim.storage import hdf5

CANDIDATES = 5000  # songs that are matched in order, unless told otherwise


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
        self.parts = {path: count_of(path) for path in parts_of(folder)}
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
        return [entry for path in self.parts for entry in entries_of(path)]

    def search(
        self,
        song: Any,
        top: int = 10,
        prior: float | None = None,
        candidates: int = CANDIDATES,
        rerank: int = 0,
        rate: float | None = None,
    ) -> list[Found]:
        """The songs nearest to one, a path or what the metric's `embed` gives, the nearest first; not the song itself.

        Parameters
        ----------
        prior : the probability that a song of the catalogue is a cover; None: one of them all is. So the more there
            are, the nearer one must be.
        candidates : songs that are matched in order, those whose points are nearest; for metrics of sequences only
        rerank : of the first songs so many are ordered anew by distance and alignment together (see
            coversim.metric.alignment); `song` must be a path. Their distances and probabilities stay those of the metric.
        rate : frames per second of the file in the path `song`; None: as `rate_of` says
        """
        if not len(self):
            raise CoversimError(f"{self.folder}: an empty catalogue. Remedy: add songs to it")
        if self.changed:
            raise CoversimError(
                f"{self.folder}: songs of it were changed or removed since it was opened. Remedy: open it again"
            )
        own = str(known_as(Path(song), self.metric)) if isinstance(song, str | os.PathLike) else None
        if own is not None:
            rate = rate or self.rate_of(song)
        rows, distances = self._nearest(
            song if own is None else self.metric.embed(song, rate),
            max(top, rerank) + (own is not None),
            candidates,
        )
        entries = [self._entry(row) for row in rows.tolist()]
        found = [
            (entry, distance)
            for entry, distance in zip(entries, distances.tolist(), strict=True)
            if entry.path != own
        ]
        if rerank:
            found = self._reranked(self.metric.opened(song, rate), found[: max(top, rerank)], rerank)
        prior = prior_among(len(self)) if prior is None else prior
        known = self.metric.calibration
        return [
            Found(rank, entry, distance, known.probability(distance, prior) if known else None)
            for rank, (entry, distance) in enumerate(found[:top], start=1)
        ]

    @property
    def changed(self) -> bool:
        """Whether songs that were there when it was opened have been changed or removed since."""
        return not all(path.is_file() for path in self.parts)

    def rate_of(self, song: str | os.PathLike) -> float:
        """Frames per second of a file: of a song that was added those it was added with, of others those of Da-TACOS."""
        return self._rates.get(str(known_as(Path(song), self.metric)), FRAME_RATE)

    def approximations(self, candidates: int = CANDIDATES) -> list[str]:
        """In words, what a search may miss here."""
        said = []
        if len(self) > index.EXACT:
            recall = self._index.about["recall_at_10"]
            said.append(f"index: finds {recall:.3f} of the ten nearest songs, as measured when it was built")
        if self.metric.kind.in_order and len(self) > candidates:
            points = self.metric.kind.points
            better = "; embeddings find more (model.first_step)" if points == "outlines" else ""
            said.append(
                f"first step: of {len(self):,} songs the {candidates:,} with the nearest {points} are matched{better}"
            )
        return said

    @cached_property
    def _rates(self) -> dict[str, float]:
        return {path: rate for part in self.parts for path, rate in rates_of(part).items()}

    @cached_property
    def _points(self) -> Points:
        points = np.empty((len(self), points_of(next(iter(self.parts))).shape[1]), np.float32)
        for path, start, end in zip(self.parts, self._starts, self._starts[1:], strict=False):
            points[start:end] = points_of(path)
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
        exact = len(self) <= index.EXACT
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
        return entry_of(list(self.parts)[part], row - self._starts[part])

    def _reranked(
        self, song: Song, found: list[tuple[Entry, float]], count: int
    ) -> list[tuple[Entry, float]]:
        from coversim.metric.alignment import order

        first = found[:count]
        places = order(
            self.metric,
            song,
            [(entry.path, entry.rate) for entry, _ in first],
            np.array([one for _, one in first]),
        )
        return [first[place] for place in places] + found[count:]
