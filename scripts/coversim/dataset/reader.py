"""Reading Da-TACOS' HDF5 files, genuine or damaged.

deepdish (PyTables) wrote them: arrays are datasets, strings are attributes. Nothing in a file is trusted: an
array is read only after its rank, shape, type and storage were found to be within bounds, and links and
storage that lead elsewhere are refused. What is wrong with a song ends as a BadSong that names the file. The
names of the song's folder and file count; whatever names stand inside the file.

h5py's low-level interface is used: on a song of a minute or two its high-level one would take as long for
opening and looking around as HDF5 for reading the array.
"""

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5l, h5o, h5p, h5s, h5t, h5z

from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.frame_rate import check_lengths
from coversim.errors import BadSong

LONGEST = 2 * 3600
"""Seconds: a longer song is set aside, which bounds the memory of every job."""

_MAX_FRAMES = int(LONGEST * FRAME_RATE)
_MAX_BYTES = 13 * 8 * _MAX_FRAMES
LARGEST = 1e9
_MAX_TEXT = 1024
_COMPRESSIONS = {
    305: "lzo",
    307: "bzip2",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32015: "zstd",
    32026: "blosc2",
}
"""Filters that h5py comes without, by their registered numbers."""

_LEAVE_OUT = "move the file out of the data set"
_FETCH = f"fetch the file again, or {_LEAVE_OUT}"
_COPY = f"copy the array itself into the file, or {_LEAVE_OUT}"

# Opened without a lock: nothing writes to a data set, and the file systems of clusters often lack locks.
_ACCESS = h5p.create(h5p.FILE_ACCESS)
_ACCESS.set_fclose_degree(h5f.CLOSE_STRONG)
_ACCESS.set_file_locking(False, True)


class Reading(NamedTuple):
    """A feature of one song."""

    values: np.ndarray
    """(rows, T) float32, finite; row 0 of a chroma feature is pitch class C."""
    nan: int
    """Values that were not a number, and are interpolated in time."""
    inf: int
    """Values that were infinite, and are interpolated in time."""
    misnamed: bool
    """Whether the file names another work or performance than its place does, which counts."""


def read_feature(
    path: str | os.PathLike, feature: str, work: str | None = None, performance: str | None = None
) -> Reading:
    """One frame-wise feature of a song, from a file of either layout.

    Arrays may be (rows, T) or (T, rows): crema is the former in the cover-analysis subset and the latter in
    the benchmark subset. As many frames as rows are ambiguous and refused. `work` and `performance`, if given,
    are compared with the names inside the file, where there are any. Values that are not finite are
    interpolated linearly along time. Raises BadSong for a file that cannot be read, and for an array that is
    silent, has a row without a finite value, or fewer than two frames, or many more or fewer than another feature in
    the same file.
    """
    kind = FEATURES[feature]
    with _opened(path) as file:
        values = _array(file, kind.dataset)
        if kind.rows not in values.shape:
            raise BadSong(f"{feature} has shape {values.shape} instead of ({kind.rows}, frames)", _FETCH)
        if values.shape == (kind.rows, kind.rows):
            raise BadSong(f"{feature} has shape {values.shape}: rows cannot be told from frames", _LEAVE_OUT)
        if values.shape[1] == kind.rows:
            values = values.T
        if values.shape[1] < 2:
            raise BadSong(f"{feature} has {values.shape[1]} frames instead of two or more", _FETCH)
        values = np.roll(values, kind.roll, axis=0) if kind.roll else values
        _check_lengths(file, feature, values.shape[1])
        nan, inf = _repair(values, feature)
        return Reading(values, nan, inf, _misnamed(file, work, performance))


@contextmanager
def _opened(path: str | os.PathLike) -> Iterator[h5f.FileID]:
    """The file at `path`; what fails inside becomes a BadSong."""
    name = Path(path).name
    try:
        with closing(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, _ACCESS)) as file:
            yield file
    except BadSong as bad:
        raise BadSong(f"{name}: {bad.reason}", bad.remedy) from bad
    except FileNotFoundError as error:
        raise BadSong(f"{name}: no such file", "put it back, or run again without it") from error
    except PermissionError as error:
        raise BadSong(f"{name}: reading it is not permitted", "make it readable") from error
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        if "truncated" in str(error):
            reason = "cut off before its end"
        elif h5py.is_hdf5(path):
            reason = "damaged"
        else:
            reason = "not an HDF5 file"
        raise BadSong(f"{name}: {reason}", _FETCH) from error


def _check_lengths(file: h5f.FileID, feature: str, frames: int) -> None:
    """Compare with what other features the file holds."""
    for other in FEATURES.values():
        if other.name != feature and file.links.exists(other.dataset.encode()):
            shape: tuple[int, ...] = ()
            with suppress(BadSong):  # what is wrong with the other array is not this one's matter
                shape = _dataset(file, other.dataset).shape or ()
            if len(shape) == 2 and other.rows in shape:
                check_lengths(feature, frames, other.name, shape[shape[0] == other.rows])


def _misnamed(file: h5f.FileID, work: str | None, performance: str | None) -> bool:
    """Whether the file says that it is of another work or performance."""
    return any(
        outside is not None and inside is not None and inside != outside
        for inside, outside in ((_text(file, "label"), work), (_text(file, "track_id"), performance))
    )


def _array(file: h5f.FileID, name: str) -> np.ndarray:
    """A numeric array of two dimensions as float32, read only if it is declared no larger than that of a song can be."""
    dataset = _dataset(file, name)
    shape, stored, storage = dataset.shape, dataset.dtype, dataset.get_create_plist()
    if len(shape) != 2 or stored.kind not in "fiu":
        raise BadSong(f"{name} is {stored} of shape {shape}", _FETCH)
    layout = storage.get_layout()
    if storage.get_external_count() or layout == h5d.VIRTUAL:
        raise BadSong(f"{name} lies in another file", _COPY)
    chunk = storage.get_chunk() if layout == h5d.CHUNKED else ()
    size = max(math.prod(shape), math.prod(chunk)) * stored.itemsize
    if max(shape) > _MAX_FRAMES or size > _MAX_BYTES:
        what = f"{name} has shape {shape}" + f" in chunks of {chunk}" * bool(chunk)
        raise BadSong(
            f"{what}, more than {LONGEST // 3600} hours of music", f"split the song, or {_LEAVE_OUT}"
        )
    if dataset.get_storage_size() > 4 * size:
        raise BadSong(f"{name} would inflate beyond its shape {shape}", _FETCH)
    values = np.empty(shape, np.float32)
    try:
        dataset.read(h5s.ALL, h5s.ALL, values)
    except OSError as error:
        raise _unfiltered(name, storage) or error from error
    return values


def _unfiltered(name: str, storage: h5p.PropDCID) -> BadSong | None:
    """What to say of an array whose compression is not installed."""
    for filter_code, *_ in map(storage.get_filter, range(storage.get_nfilters())):
        if not h5z.filter_avail(filter_code):
            compression = _COMPRESSIONS.get(filter_code, f"HDF5 filter {filter_code}")
            return BadSong(
                f"{name} is compressed by {compression}, which is not installed here",
                f"where it is, repack the file with h5repack -f GZIP=9, or {_LEAVE_OUT}",
            )
    return None


def _repair(values: np.ndarray, feature: str) -> tuple[int, int]:
    """Fill holes in place, unless what is left is no music; the counts of NaN and infinity."""
    nan = inf = 0
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        if not np.isfinite(values).any(axis=1).all():
            raise BadSong(f"{feature} has a row without a finite value", _FETCH)
        nan, inf = _fill(values)
        low, high = values.min(), values.max()
    if low == high == 0:
        raise BadSong(f"{feature} is zero throughout", _LEAVE_OUT)
    if max(-low, high) > LARGEST:
        raise BadSong(f"{feature} has values up to {max(-low, high):.0e}", _FETCH)
    return nan, inf


def _fill(values: np.ndarray) -> tuple[int, int]:
    """Interpolate all that is not finite linearly along each row, in place; the counts of NaN and infinity."""
    finite = np.isfinite(values)
    hole = ~finite.all(axis=0)
    near = hole.copy()  # a hole and the frames on both sides of it are all that interpolation needs
    near[1:] |= hole[:-1]
    near[:-1] |= hole[1:]
    frames = np.flatnonzero(near)
    part, finite = values[:, frames], finite[:, frames]
    nan = int(np.isnan(part).sum())
    inf = int(part.size - finite.sum()) - nan
    for row, good in zip(part, finite, strict=True):
        row[~good] = np.interp(frames[~good], frames[good], row[good])
    values[:, frames] = part
    return nan, inf


def _dataset(file: h5f.FileID, name: str) -> h5d.DatasetID:
    """The array `name`, unless it is a link to elsewhere."""
    if not file.links.exists(name.encode()):
        raise BadSong(f"it holds no {name}", f"set features to what the files hold, {_FETCH}")
    if file.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise BadSong(f"{name} is a link to elsewhere", _COPY)
    member = h5o.open(file, name.encode())
    if not isinstance(member, h5d.DatasetID):
        raise BadSong(f"{name} is not an array", _FETCH)
    return member


def _text(file: h5f.FileID, name: str) -> str | None:
    """A text or a number that the file has as an attribute, as text; None without one."""
    if not h5a.exists(file, name.encode()):
        return None
    attribute = h5a.open(file, name.encode())
    kind = attribute.get_type()
    is_text = kind.get_class() == h5t.STRING
    is_number = kind.get_class() in (h5t.INTEGER, h5t.FLOAT)
    if attribute.shape != () or kind.get_size() > _MAX_TEXT or not (is_text or is_number):
        return None
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    if is_text:
        return value.item().decode("utf-8", "replace")
    number = value.item()
    return str(int(number) if isinstance(number, float) and number.is_integer() else number)
