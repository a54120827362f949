"""Distances of some queries to the songs of their collection: one HDF5 file per shard, `…/<collection>/<shard>.h5`.

    work, performance   (n,) UTF-8         the songs of the collection
    query               (q,) int64         rows of the queries among them
    distance            (q, n) float32     NaN where the two were not compared
    settings            JSON               how they were compared

Every dataset carries a checksum; the distances are compressed, since re-ranking leaves most of them NaN.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from coversim.storage import hdf5


class Distances(NamedTuple):
    """The queries of a shard, and how far each song of the collection is."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    query: np.ndarray  # rows of the queries
    distance: np.ndarray  # (queries, songs) float32


def write(
    path: str | os.PathLike,
    works: Sequence[str] | np.ndarray,
    performances: Sequence[str] | np.ndarray,
    query: np.ndarray,
    distance: np.ndarray,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the distances of a shard's queries to a file that appears once it is whole."""
    with hdf5.creating(path) as file:
        hdf5.write(file, "work", hdf5.text(works))
        hdf5.write(file, "performance", hdf5.text(performances))
        hdf5.write(file, "query", np.asarray(query, dtype=np.int64))
        hdf5.write(file, "distance", np.asarray(distance, dtype=np.float32), compression="gzip")
        hdf5.write_settings(file, settings or {})


def read(path: str | os.PathLike) -> Distances:
    """Read what `write` wrote; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        works, performances = (
            np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance")
        )
        found = Distances(works, performances, file["query"][:], file["distance"][:])
        if found.distance.shape != (len(found.query), len(found.works)):
            raise ValueError("songs and distances do not match")
    return found
