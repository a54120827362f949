"""The embeddings of a data set: one HDF5 file per experiment, seed and data set.

    work, performance, split   (n,) UTF-8    the songs
    embedding                  (n, size) float32

Every dataset carries a checksum.
"""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from coversim import hdf5
from coversim.errors import CoversimError


class Embeddings(NamedTuple):
    """Songs and their embeddings, in arrays of one length."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    splits: np.ndarray  # of str
    embeddings: np.ndarray  # (songs, size) float32


def write(
    path: str | os.PathLike,
    works: Sequence[str],
    performances: Sequence[str],
    splits: Sequence[str],
    embeddings: np.ndarray,
) -> None:
    """Write a data set's embeddings, (songs, size), to a file that appears once it is whole.

    Raises
    ------
    CoversimError
        If an embedding is not finite.
    """
    finite = np.isfinite(embeddings).all(axis=1)
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


def read(path: str | os.PathLike) -> Embeddings:
    """Read a data set's embeddings; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        names = (np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance", "split"))
        songs = Embeddings(*names, file["embedding"][:])
        if len({len(column) for column in songs}) > 1:
            raise ValueError("songs and embeddings do not match")
    return songs


def of_split(paths: Iterable[str | os.PathLike], split: str) -> Embeddings:
    """The songs of one split, from the files of all data sets of an experiment."""
    parts = []
    for path in paths:
        songs = read(path)
        chosen = songs.splits == split
        parts.append([column[chosen] for column in songs])
    return Embeddings(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
