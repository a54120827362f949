"""The sequences of a shard: one HDF5 file per projection and shard.

    work, performance, split   (n,) UTF-8                  the songs
    offset                     (n + 1,) int64              whose patches are which
    vector                     (patches, size) int8        unit length is stored as 127
    profile                    (sections, C, 12) float32   mean chroma; how many a song has, its length says
    hubness                    (n,) float64                see coversim.sequences.distances; NaN: not known
    order                      (components,) int64         of the projection

Every dataset carries a checksum.
"""

import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coversim.sequences.patches import WINDOW, section_counts
from coversim.sequences.projection import Projection
from coversim.storage import hdf5


class Song(NamedTuple):
    """A song as a sequence."""

    work: str
    performance: str
    split: str
    vectors: np.ndarray  # (L, size) int8
    profiles: np.ndarray  # (sections, C, 12) float32
    hubness: float = math.nan


class Sequences(NamedTuple):
    """Songs, and their vectors one after the other."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    splits: np.ndarray  # of str
    offsets: np.ndarray  # (songs + 1,)
    vectors: np.ndarray  # (patches, size) int8
    profiles: np.ndarray  # (sections, C, 12) float32
    hubness: np.ndarray  # (songs,)
    orders: np.ndarray  # (components,)

    @property
    def lengths(self) -> np.ndarray:
        """Patches of each song."""
        return np.diff(self.offsets)

    @property
    def names(self) -> list[tuple[str, str]]:
        """Work and performance of each song."""
        return list(zip(self.works.tolist(), self.performances.tolist(), strict=True))

    def of(self, chosen: np.ndarray) -> "Sequences":
        """Those songs alone, (songs,) bool."""
        return Sequences(
            self.works[chosen],
            self.performances[chosen],
            self.splits[chosen],
            np.cumsum([0, *self.lengths[chosen]]),
            self.vectors[chosen.repeat(self.lengths)],
            self.profiles[chosen.repeat(section_counts(self.lengths))],
            self.hubness[chosen],
            self.orders,
        )

    def song(self, place: int) -> Song:
        """One of the songs."""
        sections = np.cumsum([0, *section_counts(self.lengths)])
        return Song(
            str(self.works[place]),
            str(self.performances[place]),
            str(self.splits[place]),
            self.vectors[self.offsets[place] : self.offsets[place + 1]],
            self.profiles[sections[place] : sections[place + 1]],
            float(self.hubness[place]),
        )


def write(path: str | os.PathLike, songs: Sequence[Song], projection: Projection) -> None:
    """Write songs, whose vectors are of this projection, to a file that appears once it is whole."""
    channels = projection.components.shape[1] // WINDOW
    vectors = [np.empty((0, projection.size), np.int8), *(song.vectors for song in songs)]
    profiles = [np.empty((0, channels, 12), np.float32), *(song.profiles for song in songs)]
    with hdf5.creating(path) as file:
        for name in ("work", "performance", "split"):
            hdf5.write(file, name, hdf5.text([getattr(song, name) for song in songs]))
        hdf5.write(file, "offset", np.cumsum([0, *(len(song.vectors) for song in songs)]))
        hdf5.write(file, "vector", np.concatenate(vectors))
        hdf5.write(file, "profile", np.concatenate(profiles))
        hdf5.write(file, "hubness", np.array([song.hubness for song in songs], np.float64))
        hdf5.write(file, "order", projection.orders)


def read(path: str | os.PathLike) -> Sequences:
    """Read what `write` wrote; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        names = (np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance", "split"))
        arrays = (file[name][:] for name in ("offset", "vector", "profile", "hubness", "order"))
        songs = Sequences(*names, *arrays)
        if (
            len({len(songs.lengths), len(songs.hubness), *map(len, songs[:3])}) > 1
            or songs.offsets[-1] != len(songs.vectors)
            or section_counts(songs.lengths).sum() != len(songs.profiles)
        ):
            raise ValueError("songs and vectors do not match")
    return songs
