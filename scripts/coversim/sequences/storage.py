"""The sequences of a shard: one HDF5 file per experiment and shard.

    work, performance, split   (n,) UTF-8                  the songs
    offset                     (n + 1,) int64              whose patches are which
    vector                     (patches, size) int8        unit length is stored as 127
    profile                    (sections, C, 12) float32   mean chroma; how many a song has, its length says
    order                      (components,) int64         of the projection

Every dataset carries a checksum.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coversim.sequences.matching import stored
from coversim.sequences.patches import section_counts
from coversim.storage import hdf5


class Sequences(NamedTuple):
    """Songs, and their vectors one after the other."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    splits: np.ndarray  # of str
    offsets: np.ndarray  # (songs + 1,)
    vectors: np.ndarray  # (patches, size) int8
    profiles: np.ndarray  # (sections, C, 12) float32
    orders: np.ndarray  # (components,)


def write(
    path: str | os.PathLike,
    works: Sequence[str],
    performances: Sequence[str],
    splits: Sequence[str],
    vectors: Sequence[np.ndarray],
    profiles: Sequence[np.ndarray],
    orders: np.ndarray,
) -> None:
    """Write vectors (L, size) and profiles (sections, C, 12) of each song to a file that appears once it is whole."""
    with hdf5.creating(path) as file:
        for name, strings in (("work", works), ("performance", performances), ("split", splits)):
            hdf5.write(file, name, hdf5.text(strings))
        hdf5.write(file, "offset", np.cumsum([0, *map(len, vectors)]))
        hdf5.write(file, "vector", stored(np.concatenate(vectors)))
        hdf5.write(file, "profile", np.concatenate(profiles).astype(np.float32))
        hdf5.write(file, "order", orders)


def read(path: str | os.PathLike) -> Sequences:
    """Read what `write` wrote; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        names = (np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance", "split"))
        songs = Sequences(*names, *(file[name][:] for name in ("offset", "vector", "profile", "order")))
        lengths = np.diff(songs.offsets)
        if (
            len({len(lengths), *map(len, songs[:3])}) > 1
            or songs.offsets[-1] != len(songs.vectors)
            or section_counts(lengths).sum() != len(songs.profiles)
        ):
            raise ValueError("songs and vectors do not match")
    return songs
