"""The frames of a shard's songs, downsampled: one HDF5 file per shard and feature.

    work, performance   (n,) UTF-8        the songs, in the order of the manifest
    start               (n + 1,) int64    song i is frames[start[i]:start[i + 1]]
    repaired            (n,) int64        values of the song that were not finite and got interpolated
    misnamed            (n,) bool         whether its file names another work or performance than its place, which counts
    digest              (n,) UTF-8        of the song's frames: equal ones are the same recording
    frames              (T, rows) float32
    set_aside           (m, 4) UTF-8      work, performance, reason, remedy
    attributes          feature; rate, frames per second (0 where each song has the same number of frames)

The bytes depend on the songs alone. Every dataset carries a checksum (fletcher32), and so does HDF5's own
metadata from format 1.10 on.
Writer and reader hold one song in memory at a time, the writer at most 16,384 frames of small songs more.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from coversim.errors import BadSong
from coversim.storage import hdf5

Name = tuple[str, str]  # work and performance: together they tell a song

LENGTHS = 0.1  # share by which the lengths of a song in two features may differ: genuine ones do by 0.3 % …
SLACK = 8  # … and so many frames

_CHUNK = 1024
_BUFFER = 16 * _CHUNK


class SetAside(NamedTuple):
    """A song that could not be used, and why."""

    work: str
    performance: str
    reason: str
    remedy: str


class SongFrames(NamedTuple):
    """A song's frames in one or more features of as many rows, (features, rows, T) float32."""

    work: str
    performance: str
    frames: np.ndarray

    @property
    def name(self) -> Name:
        return self.work, self.performance


class Writer:
    """Appends songs to a shard; see `writing`."""

    def __init__(self, file: h5py.File, rows: int):
        self._file = file
        self._frames = file.create_dataset(
            "frames",
            shape=(0, rows),
            maxshape=(None, rows),
            dtype=np.float32,
            chunks=(_CHUNK, rows),
            fletcher32=True,
        )
        self._buffer: list[np.ndarray] = []
        self._songs: list[tuple[str, str]] = []
        self._start = [0]
        self._repaired: list[int] = []
        self._misnamed: list[bool] = []
        self._digests: list[str] = []
        self._set_aside: list[SetAside] = []

    def append(
        self, work: str, performance: str, values: np.ndarray, repaired: int = 0, misnamed: bool = False
    ) -> None:
        """Append a song's frames, (rows, T), of which `repaired` values were interpolated.

        `misnamed` says whether its file names another work or performance.
        """
        self._songs.append((work, performance))
        self._start.append(self._start[-1] + values.shape[1])
        self._repaired.append(repaired)
        self._misnamed.append(misnamed)
        self._digests.append(digest(values))
        self._buffer.append(values.T)
        if self._start[-1] - len(self._frames) > _BUFFER:
            self._flush()

    def set_aside(self, work: str, performance: str, bad: BadSong) -> None:
        """Note that a song could not be used."""
        self._set_aside.append(SetAside(work, performance, bad.reason, bad.remedy))

    def finish(self) -> None:
        """Write all but the frames, which are there already."""
        self._flush()
        hdf5.write(self._file, "work", hdf5.text([work for work, _ in self._songs]))
        hdf5.write(self._file, "performance", hdf5.text([performance for _, performance in self._songs]))
        hdf5.write(self._file, "start", np.array(self._start, np.int64))
        hdf5.write(self._file, "repaired", np.array(self._repaired, np.int64))
        hdf5.write(self._file, "misnamed", np.array(self._misnamed, bool))
        hdf5.write(self._file, "digest", hdf5.text(self._digests))
        hdf5.write(self._file, "set_aside", hdf5.text(self._set_aside).reshape(-1, len(SetAside._fields)))

    def _flush(self) -> None:
        if self._buffer:
            written = len(self._frames)
            self._frames.resize(self._start[-1], axis=0)
            self._frames[written:] = np.concatenate(self._buffer)
            self._buffer.clear()


@contextmanager
def writing(path: str | os.PathLike, feature: str, rows: int, rate: float) -> Iterator[Writer]:
    """Yield the Writer of a new shard at `path`, which appears, whole, once the block has ended well."""
    with hdf5.creating(path) as file:
        file.attrs["feature"] = feature
        file.attrs["rate"] = float(rate)
        writer = Writer(file, rows)
        yield writer
        writer.finish()


@dataclass(frozen=True)
class FramesShard:
    """What a shard holds of one feature; its frames are read only when asked for."""

    path: Path
    feature: str
    rate: float
    works: list[str]
    performances: list[str]
    start: np.ndarray
    repaired: list[int]
    misnamed: list[bool]
    digests: list[str]
    set_aside: list[SetAside]

    @property
    def songs(self) -> list[Name]:
        return list(zip(self.works, self.performances, strict=True))

    def frames(self, places: Sequence[int]) -> Iterator[np.ndarray]:
        """The frames of the songs at `places`, (rows, T) float32, one song in memory at a time."""
        with hdf5.opened(self.path) as file:
            for place in places:
                yield file["frames"][self.start[place] : self.start[place + 1]].T


def read(path: str | os.PathLike) -> FramesShard:
    """What the shard at `path` holds; a damaged file raises a CoversimError that says which to delete."""
    with hdf5.opened(path) as file:
        shard = FramesShard(
            path=Path(path),
            feature=str(file.attrs["feature"]),
            rate=float(file.attrs["rate"]),
            works=hdf5.strings(file["work"]),
            performances=hdf5.strings(file["performance"]),
            start=file["start"][:],
            repaired=file["repaired"][:].tolist(),
            misnamed=file["misnamed"][:].tolist(),
            digests=hdf5.strings(file["digest"]),
            set_aside=[SetAside(*row) for row in hdf5.strings(file["set_aside"])],
        )
        total = len(file["frames"])
        if len(shard.start) != len(shard.works) + 1 or shard.start[-1] != total:
            raise ValueError("songs and frames do not match")
    return shard


def digest(frames: np.ndarray) -> str:
    """What tells a recording by its frames (…, T) float32."""
    content = repr(frames.shape).encode() + np.ascontiguousarray(frames, np.float32).tobytes()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def songs(
    paths: Iterable[str | os.PathLike],
    wanted: Collection[Name] | None = None,
    left_out: Collection[tuple[str, str, str]] = (),
) -> Iterator[SongFrames]:
    """Each song that is in all features of its shard, and `wanted` if given, one at a time.

    `paths` may mix data sets, shards and features: files of one name in sibling folders, such as `crema-4hz/0007.h5`
    and `hpcp-4hz/0007.h5`, are the same shard in several features. Their frames become channels in the order of
    `paths`, cropped to the shortest. A song with `contradictions` is left out, and what is `left_out` by data set, work and
    performance. Of a song that several data sets have (work and performance), the first counts.
    """
    shards: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in map(Path, paths):
        shards[path.parent.parent, path.name].append(path)
    seen: set[Name] = set()
    for features in shards.values():
        dataset = features[0].parent.parent.name
        unwanted = {song[1:] for song in left_out if song[0] == dataset}
        yield from _joined([read(path) for path in features], wanted, unwanted, seen)


def once_each(songs: Iterable[SongFrames]) -> Iterator[SongFrames]:
    """The first song of each recording."""
    seen = set()
    for song in songs:
        if (recording := digest(song.frames)) not in seen:
            seen.add(recording)
            yield song


def contradictions(shards: Sequence[FramesShard]) -> Iterator[SetAside]:
    """Songs that one of these shards, features at one rate, has far longer than another one has."""
    for shard in shards[1:] if shards and shards[0].rate else ():
        first = dict(zip(shards[0].songs, np.diff(shards[0].start).tolist(), strict=True))
        for song, frames in zip(shard.songs, np.diff(shard.start).tolist(), strict=True):
            other = first.get(song, frames)
            if abs(frames - other) > LENGTHS * max(frames, other) + SLACK:
                yield SetAside(
                    *song,
                    f"{shards[0].feature} lasts {other / shard.rate:.0f} s and {shard.feature} {frames / shard.rate:.0f} s: "
                    "one of them is of another frame rate, so nothing uses both",
                    "fetch both files again, or move them out of the data set",
                )


def _joined(
    shards: Sequence[FramesShard],
    wanted: Collection[Name] | None,
    unwanted: Collection[Name],
    seen: set[Name],
) -> Iterator[SongFrames]:
    places = [{name: place for place, name in enumerate(shard.songs)} for shard in shards]
    common = [
        song
        for song in shards[0].songs
        if all(song in of for of in places)
        and song not in seen
        and song not in unwanted
        and (wanted is None or song in wanted)
    ]
    bad = {song[:2] for song in contradictions(shards)}
    common = [song for song in common if song not in bad]
    seen.update(common)
    channels = [shard.frames([of[song] for song in common]) for shard, of in zip(shards, places, strict=True)]
    for (work, performance), *frames in zip(common, *channels, strict=True):
        shortest = min(array.shape[1] for array in frames)
        yield SongFrames(work, performance, np.stack([array[:, :shortest] for array in frames]))
