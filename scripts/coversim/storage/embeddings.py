"""The embeddings of a data set: one HDF5 file per experiment, seed and data set.

    work, performance, split   (n,) UTF-8    the songs
    embedding                  (n, size) float32
    query                      (n, tempi, size) float32, what a song is sought by where `query.tempi` says so
    settings                   JSON: those that the model carries

Every dataset carries a checksum.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coversim.errors import CoversimError
from coversim.storage import hdf5


class Embeddings(NamedTuple):
    """Songs and their embeddings, in arrays of one length."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    splits: np.ndarray  # of str
    embeddings: np.ndarray  # (songs, size) float32
    queries: np.ndarray | None = None  # (songs, tempi, size) float32; None: a song is sought by its embedding


def write(
    path: str | os.PathLike,
    works: Sequence[str] | np.ndarray,
    performances: Sequence[str] | np.ndarray,
    splits: Sequence[str] | np.ndarray,
    embeddings: np.ndarray,
    queries: np.ndarray | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a data set's embeddings to a file that appears once it is whole; see `Embeddings`.

    Raises
    ------
    CoversimError
        If an embedding is not finite, or something that its song is sought by.
    """
    finite = np.isfinite(embeddings).all(axis=1)
    if queries is not None:
        finite &= np.isfinite(queries).all(axis=(1, 2))
    if not finite.all():
        song = int(finite.argmin())
        raise CoversimError(
            f"{path}: the embedding of {works[song]}/{performances[song]} is not finite, and of "
            f"{int((~finite).sum()) - 1} other songs. Remedy: train with a lower learning rate"
        )
    with hdf5.creating(path) as file:
        for name, strings in (("work", works), ("performance", performances), ("split", splits)):
            hdf5.write(file, name, hdf5.text(strings))
        hdf5.write(file, "embedding", np.asarray(embeddings, dtype=np.float32))
        if queries is not None:
            hdf5.write(file, "query", np.asarray(queries, dtype=np.float32))
        hdf5.write_settings(file, settings or {})


def read(path: str | os.PathLike) -> Embeddings:
    """Read a data set's embeddings; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        works, performances, splits = (
            np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance", "split")
        )
        queries = file["query"][:] if "query" in file else None
        songs = Embeddings(works, performances, splits, file["embedding"][:], queries)
        if len({len(column) for column in songs if column is not None}) > 1:
            raise ValueError("songs and embeddings do not match")
        if queries is not None and (queries.ndim != 3 or queries.shape[2:] != songs.embeddings.shape[1:]):
            raise ValueError("queries and embeddings do not match")
    return songs


def of_split(paths: Iterable[str | os.PathLike], collection: str) -> Embeddings:
    """The songs of a collection, from the files of all data sets of an experiment, each named like its data set.

    A collection is a split, or one of a single data set, such as `test/irish`. Of a song that several data sets have
    (work and performance), the first counts.
    """
    split, _, dataset = collection.partition("/")
    parts, seen = [], set()
    for path in map(Path, paths):
        if dataset not in ("", path.stem):
            continue
        songs = read(path)
        names = list(
            zip(songs.works.tolist(), songs.performances.tolist(), songs.splits.tolist(), strict=True)
        )
        chosen = [place for place, name in enumerate(names) if name[2] == split and name not in seen]
        seen.update(names)
        parts.append([column if column is None else column[chosen] for column in songs])
    *columns, queries = zip(*parts, strict=True)
    sought = None if any(part is None for part in queries) else np.concatenate(queries)
    works, performances, splits, embeddings = map(np.concatenate, columns)
    return Embeddings(works, performances, splits, embeddings, sought)
