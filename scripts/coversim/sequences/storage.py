"""The sequences of a shard: one HDF5 file per projection and shard; and of a collection, joined from them.

    work, performance, split   (n,) UTF-8                  the songs
    offset                     (n + 1,) int64              whose patches are which
    vector                     (patches, half) uint8       see coversim.sequences.matching.stored
    profile                    (sections, C, 12) float32   mean chroma; how many a song has, its length says
    hubness                    (n,) float64                see coversim.sequences.distances; NaN: not known
    order                      (components,) int64         of the projection
    shard                      (n,) UTF-8                  that each song is of, in the file of a collection

Every dataset carries a checksum.
"""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from coversim.sequences.patches import section_counts
from coversim.sequences.projection import PatchEncoder
from coversim.storage import hdf5

ROWS = 1024  # of a chunk, where vectors are appended
TOGETHER = 2**20  # patches of a collection that are read at a time: 32 MB


class StoredSequence(NamedTuple):
    """A song as a sequence."""

    work: str
    performance: str
    split: str
    vectors: np.ndarray  # (L, half) uint8
    profiles: np.ndarray  # (sections, C, 12) float32
    hubness: float = math.nan

    @property
    def name(self) -> tuple[str, str]:
        return self.work, self.performance


class Sequences(NamedTuple):
    """Songs, and their vectors one after the other."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    splits: np.ndarray  # of str
    offsets: np.ndarray  # (songs + 1,)
    vectors: np.ndarray  # (vectors, half) uint8
    profiles: np.ndarray  # (sections, C, 12) float32
    hubness: np.ndarray  # (songs,)
    orders: np.ndarray  # (components,)
    apart: int = 1  # patches from a vector to the next

    @property
    def lengths(self) -> np.ndarray:
        """Vectors of each song."""
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
            self.profiles[chosen.repeat(section_counts(self.lengths, self.apart))],
            self.hubness[chosen],
            self.orders,
            self.apart,
        )

    def song(self, place: int) -> StoredSequence:
        """One of the songs."""
        sections = np.cumsum([0, *section_counts(self.lengths, self.apart)])
        return StoredSequence(
            str(self.works[place]),
            str(self.performances[place]),
            str(self.splits[place]),
            self.vectors[self.offsets[place] : self.offsets[place + 1]],
            self.profiles[sections[place] : sections[place + 1]],
            float(self.hubness[place]),
        )


def together(songs: Sequence[StoredSequence], orders: np.ndarray) -> Sequences:
    """Songs, at least one, of a projection with these orders."""
    works, performances, splits = (np.array([song[column] for song in songs], str) for column in range(3))
    return Sequences(
        *(works, performances, splits, np.cumsum([0, *(len(song.vectors) for song in songs)])),
        np.concatenate([song.vectors for song in songs]),
        np.concatenate([song.profiles for song in songs]),
        np.array([song.hubness for song in songs], np.float64),
        orders,
    )


def write(path: str | os.PathLike, songs: Sequence[StoredSequence], projection: PatchEncoder) -> None:
    """Write songs, whose vectors are of this projection, to a file that appears once it is whole."""
    vectors = [np.empty((0, (projection.size + 1) // 2), np.uint8), *(song.vectors for song in songs)]
    profiles = [np.empty((0, projection.channels, 12), np.float32), *(song.profiles for song in songs)]
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
        works, performances, splits = (
            np.array(hdf5.strings(file[name]), dtype=str) for name in ("work", "performance", "split")
        )
        offsets, vectors, profiles, hubness, orders = (
            file[name][:] for name in ("offset", "vector", "profile", "hubness", "order")
        )
        songs = Sequences(works, performances, splits, offsets, vectors, profiles, hubness, orders)
        if (
            len({len(songs.lengths), len(songs.hubness), *map(len, songs[:3])}) > 1
            or songs.offsets[-1] != len(songs.vectors)
            or section_counts(songs.lengths).sum() != len(songs.profiles)
        ):
            raise ValueError("songs and vectors do not match")
    return songs


def join(shards: Sequence[Path], split: str, path: str | os.PathLike) -> None:
    """Write the songs of a split of all these shards to one file, the shards in their order, one in memory at a time.

    Of a song that several data sets have (work and performance), the first counts.
    """
    seen: set[tuple[str, str]] = set()
    parts: list[Sequences] = []  # without vectors and profiles, which are in the file already
    of_shards: list[str] = []
    with hdf5.creating(path) as file:
        for shard in shards:
            songs = read(shard)
            new = np.array([name not in seen for name in songs.names], dtype=bool)
            seen.update(songs.names)
            songs = songs.of(new & (songs.splits == split))
            for name, rows in (("vector", songs.vectors), ("profile", songs.profiles)):
                _append(file, name, rows)
            parts.append(songs._replace(vectors=songs.vectors[:0], profiles=songs.profiles[:0]))
            of_shards += [shard.stem] * len(songs.works)
        works, performances, splits = (
            np.concatenate([part[column] for part in parts]) for column in range(3)
        )
        for name, column in (("work", works), ("performance", performances), ("split", splits)):
            hdf5.write(file, name, hdf5.text(column))
        hdf5.write(file, "shard", hdf5.text(of_shards))
        hdf5.write(file, "offset", np.cumsum([0, *(length for part in parts for length in part.lengths)]))
        hdf5.write(file, "hubness", np.concatenate([part.hubness for part in parts]))
        hdf5.write(file, "order", parts[0].orders)


def blocks(path: str | os.PathLike, together: int = TOGETHER) -> Iterator[tuple[Sequences, list[str]]]:
    """The songs of a collection and their shards, some at a time: of `together` patches, or one song of more."""
    with hdf5.opened(path) as file:
        works, performances, splits, shards = (
            np.array(hdf5.strings(file[name]), dtype=str)
            for name in ("work", "performance", "split", "shard")
        )
        offsets, hubness, orders = (file[name][:] for name in ("offset", "hubness", "order"))
        sections = np.cumsum([0, *section_counts(np.diff(offsets))])
        if offsets[-1] != len(file["vector"]) or sections[-1] != len(file["profile"]):
            raise ValueError("songs and vectors do not match")
        for start, stop in runs(offsets, together):
            songs = Sequences(
                works[start:stop],
                performances[start:stop],
                splits[start:stop],
                offsets[start : stop + 1] - offsets[start],
                file["vector"][offsets[start] : offsets[stop]],
                file["profile"][sections[start] : sections[stop]],
                hubness[start:stop],
                orders,
            )
            yield songs, shards[start:stop].tolist()


def runs(offsets: np.ndarray, together: int) -> Iterator[tuple[int, int]]:
    """Songs in a row, from and to, of `together` vectors, or one song of more; whose is what, `offsets` say."""
    start = 0
    while start < len(offsets) - 1:
        stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + together, "right")) - 1)
        yield start, stop
        start = stop


def _append(file: h5py.File, name: str, rows: np.ndarray) -> None:
    """Write rows after those that are there."""
    if name not in file:
        empty, maxshape = (0, *rows.shape[1:]), (None, *rows.shape[1:])
        file.create_dataset(
            name, empty, rows.dtype, chunks=(ROWS, *rows.shape[1:]), maxshape=maxshape, fletcher32=True
        )
    written = len(file[name])
    file[name].resize(written + len(rows), axis=0)
    file[name][written:] = rows
