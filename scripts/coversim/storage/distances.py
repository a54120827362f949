"""Distances of some queries to the songs of their collection, or to their candidates among them.

One HDF5 file per shard, `…/<collection>/<shard>.h5`:

    work, performance   (n,) UTF-8         the songs of the collection
    query               (q,) int64         rows of the queries among them
    distance            (q, n) float32     to each song; (q, c) where there are candidates
    candidate           (q, c) int32       rows of the songs with which a query was compared; absent: with all
    settings            JSON               how they were compared

The attribute `candidates` of the file is c. Every dataset carries a checksum.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from coversim.errors import CoversimError
from coversim.storage import hdf5

Name = tuple[str, str]  # work and performance: together they tell a song


class Distances(NamedTuple):
    """The queries of a shard, and how far each song of the collection is."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    query: np.ndarray  # rows of the queries
    distance: np.ndarray  # (queries, songs) float32, or (queries, candidates)
    candidate: np.ndarray | None = None  # rows of the songs to which these are the distances; None: all

    @property
    def names(self) -> list[Name]:
        """Work and performance of each song."""
        return list(zip(self.works.tolist(), self.performances.tolist(), strict=True))

    def to_all(self, places: np.ndarray) -> np.ndarray:
        """Distances (places, songs) of these queries; NaN where two were not compared."""
        if self.candidate is None:
            return self.distance[places]
        found = np.full((len(places), len(self.works)), np.nan, np.float32)
        np.put_along_axis(found, self.candidate[places].astype(np.int64), self.distance[places], axis=1)
        return found


def write(
    path: str | os.PathLike,
    works: Sequence[str] | np.ndarray,
    performances: Sequence[str] | np.ndarray,
    query: np.ndarray,
    distance: np.ndarray,
    settings: Mapping[str, Any] | None = None,
    candidate: np.ndarray | None = None,
) -> None:
    """Write the distances of a shard's queries to a file that appears once it is whole."""
    with hdf5.creating(path) as file:
        hdf5.write(file, "work", hdf5.text(works))
        hdf5.write(file, "performance", hdf5.text(performances))
        hdf5.write(file, "query", np.asarray(query, dtype=np.int64))
        hdf5.write(file, "distance", np.asarray(distance, dtype=np.float32))
        if candidate is not None:
            hdf5.write(file, "candidate", np.asarray(candidate, dtype=np.int32))
            file.attrs["candidates"] = candidate.shape[1]
        hdf5.write_settings(file, settings or {})


def read(path: str | os.PathLike) -> Distances:
    """Read what `write` wrote; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        works, performances = (
            np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance")
        )
        candidate = file["candidate"][:] if "candidate" in file else None
        found = Distances(works, performances, file["query"][:], file["distance"][:], candidate)
        shape = (len(found.query), len(works)) if candidate is None else candidate.shape
        if found.distance.shape != shape or len(found.query) != shape[0]:
            raise ValueError("songs and distances do not match")
    return found


class Candidates(NamedTuple):
    """With which songs some queries are compared."""

    wanted: int  # so many of each query, unless the collection has fewer
    queries: list[int]  # which of the queries
    songs: list[Name]
    found: np.ndarray  # rows of the songs with which each is compared, (queries, candidates)


def candidates(path: str | os.PathLike, queries: Sequence[Name]) -> Candidates:
    """Which of these queries are compared with some songs only, and with which; see coversim.alignment.candidates."""
    chosen = read(path)
    names = chosen.names
    place_of = {names[row]: place for place, row in enumerate(chosen.query.tolist())}
    kept = [number for number, query in enumerate(queries) if query in place_of]
    places = np.array([place_of[queries[number]] for number in kept], dtype=np.int64)
    wanted = hdf5.read_settings(path)["candidates"]
    return Candidates(wanted, kept, names, np.asarray(chosen.candidate)[places])


def write_compared(
    path: str | os.PathLike,
    songs: Sequence[Name],
    queries: Sequence[Name],
    distance: np.ndarray,
    settings: Mapping[str, Any],
    chosen: Candidates | None,
) -> None:
    """Write the distances of queries to all songs, or to those that were chosen for them."""
    write(
        path,
        [work for work, _ in songs],
        [performance for _, performance in songs],
        rows_among(songs, queries),
        distance,
        {**settings, "candidates": chosen.wanted if chosen else 0},
        rows_among(songs, chosen.songs)[chosen.found] if chosen else None,
    )


def rows_among(songs: Sequence[Name], found: Sequence[Name]) -> np.ndarray:
    """Where songs, queries or those that an embedding found, stand among those that can be compared pair by pair.

    Raises
    ------
    CoversimError
        If one is not there: of several features, files that contradict each other are set aside, which one alone shows not.
    """
    row = {name: row for row, name in enumerate(songs)}
    if missing := [f"{work}/{performance}" for work, performance in found if (work, performance) not in row]:
        raise CoversimError(
            f"{missing[0]}, and {len(missing) - 1} other songs: found by an embedding, but their features do not fit together. "
            "Remedy: take them out of the data set, or give the experiment that re-ranks one feature (features)"
        )
    return np.array([row[name] for name in found], dtype=np.int64)
