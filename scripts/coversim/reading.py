"""Reading Da-TACOS' HDF5 files, genuine or damaged.

deepdish (PyTables) wrote them: arrays are datasets, dicts and lists are groups, scalars and strings are
attributes. Nothing in a file is trusted: an array is read only after its rank, shape, type and storage were
found to be within bounds, and links and storage that lead elsewhere are refused. What is wrong with a song
ends as a BadSong that names the file.

h5py's low-level interface is used: on a song of a minute or two its high-level one would take as long for
opening and looking around as HDF5 for reading the array.
"""

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5s

from coversim.errors import BadSong
from coversim.features import FEATURES, FRAME_RATE

LONGEST = 2 * 3600
"""Seconds: a longer song is set aside, which bounds the memory of every job."""

_MAX_FRAMES = int(LONGEST * FRAME_RATE)
_MAX_BYTES = 13 * 8 * _MAX_FRAMES
_MAX_VALUE = 1e9
_MAX_TEXT = 1024
_MAX_TAGS = 1000

_FETCH = "fetch the file again, or delete it"
_DELETE = "delete the file"

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


class Key(NamedTuple):
    """Estimated key: tonic such as `C` or `F#`, scale `major` or `minor`, strength 0…1."""

    key: str
    scale: str
    strength: float


class Beats(NamedTuple):
    """What madmom found: novelty per frame and its smoothed form (T,), onsets (n,) in frames, tempos (k, 2)
    in beats per minute with their strength."""

    novfn: np.ndarray
    snovfn: np.ndarray
    onsets: np.ndarray
    tempos: np.ndarray


class Tag(NamedTuple):
    """A tag such as `female vocalists` and its score, 0…1."""

    tag: str
    score: float


class Identity(NamedTuple):
    """Work and performance that a file says it is of; None where it does not say."""

    work: str | None
    performance: str | None


def read_feature(
    path: str | os.PathLike, feature: str, work: str | None = None, performance: str | None = None
) -> Reading:
    """One frame-wise feature of a song, from a file of either layout.

    Arrays may be (rows, T) or (T, rows): crema is the former in the cover-analysis subset and the latter in
    the benchmark subset. As many frames as rows are ambiguous and refused. `work` and `performance` are
    compared with the file's own label, if given. Values that are not finite are interpolated linearly along
    time. Raises BadSong for a file that cannot be read, and for an array that is silent, has a row without a
    finite value, or fewer than two frames.
    """
    kind = FEATURES[feature]
    with _opened(path, work, performance) as file:
        values = _array(file, kind.dataset, np.float32, ndim=2)
        if kind.rows not in values.shape:
            raise BadSong(f"{feature} has shape {values.shape} instead of ({kind.rows}, frames)", _FETCH)
        if values.shape == (kind.rows, kind.rows):
            raise BadSong(f"{feature} has shape {values.shape}: rows cannot be told from frames", _DELETE)
        if values.shape[1] == kind.rows:
            values = values.T
        if values.shape[1] < 2:
            raise BadSong(f"{feature} has {values.shape[1]} frames instead of two or more", _DELETE)
        return _repaired(np.roll(values, kind.roll, axis=0) if kind.roll else values, feature)


def read_key(path: str | os.PathLike, work: str | None = None, performance: str | None = None) -> Key:
    """Key of a song, by Essentia's key extractor."""
    with _opened(path, work, performance) as file:
        group = _member(file, "key_extractor", h5g.GroupID)
        return Key(
            key=str(_required(group, "key")),
            scale=str(_required(group, "scale")),
            strength=float(_required(group, "strength")),
        )


def read_beats(path: str | os.PathLike, work: str | None = None, performance: str | None = None) -> Beats:
    """Onsets and tempos of a song, by madmom."""
    with _opened(path, work, performance) as file:
        group = _member(file, "madmom_features", h5g.GroupID)
        return Beats(
            novfn=_array(group, "novfn", np.float64, ndim=1),
            snovfn=_array(group, "snovfn", np.float64, ndim=1),
            onsets=_array(group, "onsets", np.int64, ndim=1),
            tempos=_array(group, "tempos", np.float64, ndim=2),
        )


def read_tags(path: str | os.PathLike, work: str | None = None, performance: str | None = None) -> list[Tag]:
    """Tags of a song with their scores, in the order of the file."""
    with _opened(path, work, performance) as file:
        tags = _member(file, "tags", h5g.GroupID)
        count = tags.get_num_objs()
        if count > _MAX_TAGS:
            raise BadSong(f"it holds {count} tags", _FETCH)
        groups = [_member(tags, f"i{i}", h5g.GroupID) for i in range(count)]
        return [Tag(str(_required(group, "i0")), float(_required(group, "i1"))) for group in groups]


def read_identity(path: str | os.PathLike) -> Identity:
    """Work and performance that the file says it is of."""
    with _opened(path) as file:
        return _identity(file)


@contextmanager
def _opened(
    path: str | os.PathLike, work: str | None = None, performance: str | None = None
) -> Iterator[h5f.FileID]:
    """The file at `path`, checked to be of this work and performance; what fails inside becomes a BadSong."""
    name = Path(path).name
    try:
        with closing(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, _ACCESS)) as file:
            _check_identity(file, work, performance)
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


def _check_identity(file: h5f.FileID, work: str | None, performance: str | None) -> None:
    named = _identity(file)
    for what, inside, outside in (
        ("work", named.work, work),
        ("performance", named.performance, performance),
    ):
        if inside is not None and outside is not None and inside != outside:
            raise BadSong(
                f"the file says {what} {inside!r}, its place says {outside!r}",
                "move it to where it belongs, or delete it",
            )


def _identity(file: h5f.FileID) -> Identity:
    work, performance = (_attribute(file, name) for name in ("label", "track_id"))
    return Identity(work and str(work), performance and str(performance))


def _array(group: h5g.GroupID, name: str, dtype: type, ndim: int) -> np.ndarray:
    """A numeric array, read only if it is declared no larger than that of a song can be."""
    dataset = _member(group, name, h5d.DatasetID)
    shape, stored, storage = dataset.shape, dataset.dtype, dataset.get_create_plist()
    if len(shape) != ndim or stored.kind not in "fiu":
        raise BadSong(f"{name} is {stored} of shape {shape}", _FETCH)
    layout = storage.get_layout()
    if storage.get_external_count() or layout == h5d.VIRTUAL:
        raise BadSong(f"{name} lies in another file", _DELETE)
    chunk = storage.get_chunk() if layout == h5d.CHUNKED else ()
    size = max(math.prod(shape), math.prod(chunk)) * stored.itemsize
    if max(shape) > _MAX_FRAMES or size > _MAX_BYTES:
        what = f"{name} has shape {shape}" + f" in chunks of {chunk}" * bool(chunk)
        raise BadSong(f"{what}, more than {LONGEST // 3600} hours of music", _DELETE)
    if dataset.get_storage_size() > 4 * size:
        raise BadSong(f"{name} would inflate beyond its shape {shape}", _DELETE)
    values = np.empty(shape, dtype)
    dataset.read(h5s.ALL, h5s.ALL, values)
    return values


def _repaired(values: np.ndarray, feature: str) -> Reading:
    """`values` with their holes filled in place, unless what is left is no music."""
    nan = inf = 0
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        if not np.isfinite(values).any(axis=1).all():
            raise BadSong(f"{feature} has a row without a finite value", _FETCH)
        nan, inf = _fill(values)
        low, high = values.min(), values.max()
    if low == high == 0:
        raise BadSong(f"{feature} is zero throughout", _DELETE)
    if max(-low, high) > _MAX_VALUE:
        raise BadSong(f"{feature} has values up to {max(-low, high):.0e}", _FETCH)
    return Reading(values, nan, inf)


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


def _member(group: h5g.GroupID, name: str, kind: type) -> h5g.GroupID | h5d.DatasetID:
    """The array or group `name`, unless it is a link to elsewhere."""
    if not group.links.exists(name.encode()):
        raise BadSong(f"it holds no {name}", _FETCH)
    if group.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise BadSong(f"{name} is a link to elsewhere", _DELETE)
    member = h5o.open(group, name.encode())
    if not isinstance(member, kind):
        raise BadSong(f"{name} is not {'an array' if kind is h5d.DatasetID else 'a group'}", _FETCH)
    return member


def _required(group: h5g.GroupID, name: str) -> str | float:
    value = _attribute(group, name)
    if value is None:
        raise BadSong(f"it holds no {name}", _FETCH)
    return value


def _attribute(owner: h5g.GroupID, name: str) -> str | float | None:
    """A string or a number kept as an attribute; None where there is none."""
    if not h5a.exists(owner, name.encode()):
        return None
    attribute = h5a.open(owner, name.encode())
    dtype = attribute.dtype
    is_text = h5py.check_string_dtype(dtype) is not None
    if attribute.shape is None:
        return None
    if attribute.shape != () or dtype.itemsize > _MAX_TEXT or not (is_text or dtype.kind in "fiu"):
        raise BadSong(f"{name} is {dtype} of shape {attribute.shape}", _FETCH)
    value = np.empty((), dtype)
    attribute.read(value)
    return value.item().decode("utf-8", "replace") if is_text else value.item()
