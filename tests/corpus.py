"""Small data sets for tests: genuine-looking Da-TACOS files in both layouts, and every way to damage one."""

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

from coversim.dataset.copies import Copy
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.storage import tsv

REAL = Path(__file__).parents[2] / "shared" / "data" / "da-tacos_real"
"""One genuine song of Da-TACOS, in the per-feature layout; lies beside the repository, not in it."""

BLOSC = 32001

_CHUNK_FRAMES = {"hpcp": 1365, "cens": 682}


def song_arrays(seed: int = 0, seconds: float = 20, features: Iterable[str] = ("crema", "hpcp")) -> dict:
    """Random arrays by feature, with the shape, type, orientation and first pitch class of genuine files."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * FRAME_RATE)
    coarse = rng.random((12, -(-frames // 8))) ** 4
    chroma = np.repeat(coarse, 8, axis=1)[:, :frames]
    fine = chroma * rng.uniform(0.8, 1, chroma.shape)
    arrays = {
        "crema": chroma[:, : frames - 1].astype(np.float32),
        "hpcp": np.roll(fine, -FEATURES["hpcp"].roll, axis=0).T.astype(np.float32),
        "cens": np.ascontiguousarray(fine.T),
        "mfcc": rng.normal(0, 20, (13, frames)).astype(np.float32),
    }
    return {feature: arrays[feature] for feature in features}


def song_path(
    root: Path, work: str, performance: str, feature: str, layout: str, subset: str = "toy"
) -> Path:
    """Where a data set keeps a feature of a song."""
    if layout == "single":
        return root / f"da-tacos_{subset}_subset_single_files" / work / f"{performance}.h5"
    folder = root / f"da-tacos_{subset}_subset_{feature}" / f"{work}_{feature}"
    return folder / f"{performance}_{feature}.h5"


def write_song(
    root: Path,
    work: str,
    performance: str,
    arrays: Mapping[str, np.ndarray] | None = None,
    layout: str = "per-feature",
    subset: str = "toy",
) -> list[Path]:
    """Write a song's arrays, by default random ones, and return the paths of its files."""
    paths = []
    for feature, array in (song_arrays() if arrays is None else arrays).items():
        path = song_path(root, work, performance, feature, layout, subset)
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "a") as file:
            file.attrs.update(
                CLASS=np.bytes_("GROUP"),
                DEEPDISH_IO_VERSION=12,
                PYTABLES_FORMAT_VERSION=np.bytes_("2.1"),
                TITLE=h5py.Empty("S1"),
                VERSION=np.bytes_("1.0"),
                label=np.bytes_(work.encode()),
                track_id=np.bytes_(performance.encode()),
            )
            write_array(file, FEATURES[feature].dataset, array, _CHUNK_FRAMES.get(feature))
        if path not in paths:
            paths.append(path)
    return paths


def write_array(file: h5py.File, name: str, array: np.ndarray, chunk_frames: int | None = None) -> None:
    """Write an array as PyTables does: compressed, in chunks of frames or, by default, of one row each."""
    compression = {}
    if array.size:
        rows = min(chunk_frames, len(array)) if chunk_frames else 1
        compression = {"chunks": (rows, *array.shape[1:]), "compression": "gzip", "shuffle": True}
    file.create_dataset(name, data=array, **compression)


def write_corpus(
    root: Path,
    works: Mapping[str, Iterable[str]],
    features: Iterable[str] = ("crema", "hpcp"),
    layout: str = "per-feature",
    subset: str = "toy",
    seconds: float = 20,
    seed: int = 0,
) -> Path:
    """Write a data set of the given works and performances, each song random and different: of `seed`, the next one …"""
    for work, performances in works.items():
        for performance in performances:
            write_song(root, work, performance, song_arrays(seed, seconds, features), layout, subset)
            seed += 1
    return root


def write_copies(path: Path, *songs: tuple[str, str, str]) -> Path:
    """Write the table of the songs that do not count, by data set, work and performance; by default there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tsv.text(Copy._fields, [(*song, "", "", "") for song in songs]))
    return path


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without rights, since root may read whatever it likes."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def _rewrite(change: Callable[[h5py.File, str], None]) -> Callable[[Path], None]:
    """A damage that changes an open file, given the name of its array."""

    def damage(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file, next(name for name in file if isinstance(file[name], h5py.Dataset)))

    return damage


def _array(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """A damage that replaces the array of a file."""

    def replace(file: h5py.File, name: str) -> None:
        array = file[name][:]
        del file[name]
        write_array(file, name, change(array))

    return _rewrite(replace)


def _declare(**how: object) -> Callable[[Path], None]:
    """A damage that declares an array without writing it."""

    def declare(file: h5py.File, name: str) -> None:
        del file[name]
        file.create_dataset(name, dtype=np.float32, **how)

    return _rewrite(declare)


def _link(link: Callable[[str], object]) -> Callable[[Path], None]:
    """A damage that puts a link in the place of an array."""

    def replace(file: h5py.File, name: str) -> None:
        del file[name]
        file[name] = link(name)

    return _rewrite(replace)


def _frames(array: np.ndarray, count: int) -> np.ndarray:
    return array[:count] if array.shape[1] in (12, 13) else array[:, :count]


def _referenced(file: h5py.File, name: str) -> None:
    del file[name]
    file.create_dataset(name, data=np.full((12, 40), file.ref, dtype=h5py.ref_dtype))


def _virtual(file: h5py.File, name: str) -> None:
    del file[name]
    layout = h5py.VirtualLayout((12, 40), np.float32)
    layout[:] = h5py.VirtualSource("elsewhere.h5", name, (12, 40))
    file.create_virtual_dataset(name, layout)


def _bomb(file: h5py.File, name: str) -> None:
    """A chunk that inflates to thousands of times the size that the array declares."""
    del file[name]
    dataset = file.create_dataset(name, (12, 100), np.float32, chunks=(12, 100), compression="gzip")
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**25), 9))


def _compressed_elsewhere(file: h5py.File, name: str) -> None:
    """Compressed as PyTables can, by a filter that h5py comes without."""
    del file[name]
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_chunk((12, 40))
    creation.set_filter(BLOSC, h5z.FLAG_OPTIONAL, (2, 2, 4, 1920, 5, 1, 1))
    space = h5s.create_simple((12, 40))
    dataset = h5d.create(file.id, name.encode(), h5t.NATIVE_FLOAT, space, creation)
    dataset.write_direct_chunk((0, 0), b"compressed")


def _one_bit(path: Path) -> None:
    """Flip one bit in the middle of the compressed array."""
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        name = next(name for name in file if isinstance(file[name], h5py.Dataset))
        chunk = file[name].id.get_chunk_info(0)
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "not HDF5": lambda path: path.write_text("<html>404 Not Found</html>"),
    "empty file": lambda path: path.write_bytes(b""),
    "flipped bit": _one_bit,
    "missing": Path.unlink,
    "no array": _rewrite(lambda file, name: file.__delitem__(name)),
    "group for array": _rewrite(lambda file, name: (file.__delitem__(name), file.create_group(name))),
    "one dimension": _array(np.ravel),
    "three dimensions": _array(lambda array: array[None]),
    "11 rows": _array(lambda array: array[:, :11] if array.shape[1] == 12 else array[:11]),
    "text for numbers": _array(lambda array: array.astype("S8")),
    "complex numbers": _array(lambda array: array.astype(np.complex64)),
    "all zero": _array(np.zeros_like),
    "all NaN": _array(lambda array: np.full_like(array, np.nan)),
    "all infinite": _array(lambda array: np.full_like(array, np.inf)),
    "absurd values": _array(lambda array: array * np.float32(1e30)),
    "zero frames": _array(lambda array: _frames(array, 0)),
    "one frame": _array(lambda array: _frames(array, 1)),
    "as many frames as rows": _array(lambda array: _frames(array, 12)),
    "a terabyte of zeros": _declare(shape=(12, 2**35), chunks=(1, 2**16), compression="gzip"),
    "a gigabyte in a chunk": _declare(shape=(12, 40), maxshape=(None, None), chunks=(2**14, 2**14)),
    "no extent": _declare(shape=None),
    "decompression bomb": _rewrite(_bomb),
    "external storage": _declare(shape=(12, 40), external="/etc/passwd"),
    "virtual array": _rewrite(_virtual),
    "external link": _link(lambda name: h5py.ExternalLink("elsewhere.h5", name)),
    "soft link to itself": _link(lambda name: h5py.SoftLink(f"/{name}")),
    "object references": _rewrite(_referenced),
    "unknown compression": _rewrite(_compressed_elsewhere),
}
"""What can be wrong with a song's file so that the song is set aside; each takes the file's path."""
