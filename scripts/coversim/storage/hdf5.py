"""HDF5 files that the workflow itself writes and reads: whole, checked, and the same bytes for the same content."""

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import h5py
import numpy as np

from coversim.errors import CoversimError
from coversim.storage.atomic import replacing


@contextmanager
def creating(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Yield a new HDF5 file, which appears at `path`, whole, once the block has ended well.

    The format of HDF5 1.10 has checksums of its metadata; datasets have them if created with `fletcher32`.
    """
    with replacing(path) as temporary, closing(_Disk(temporary, "w+")) as disk:
        try:
            with h5py.File(disk, "w", libver="v110") as file:
                yield file
        finally:
            if disk.failure:
                raise CoversimError(
                    f"{path}: {disk.failure.strerror}. Remedy: make room on its disk and run again"
                ) from disk.failure


@contextmanager
def opened(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Yield an HDF5 file of the workflow to read; a damaged one raises a CoversimError with the remedy."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except FileNotFoundError as error:
        raise CoversimError(f"{path}: no such file. Remedy: run the workflow, which makes it") from error
    except PermissionError as error:
        raise CoversimError(f"{path}: reading it is not permitted. Remedy: make it readable") from error
    except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
        raise CoversimError(
            f"{path}: damaged ({error}). Remedy: delete it; the next run makes it anew"
        ) from error


def write(
    file: h5py.File, name: str, data: np.ndarray, compression: str | None = None, rows: int | None = None
) -> None:
    """Write an array, of any length, with a checksum; of so many `rows` each, where some are read without the others."""
    chunks, maxshape = tuple(max(1, length) for length in data.shape), (None,) * data.ndim
    if rows:
        chunks = min(rows, chunks[0]), *chunks[1:]
    file.create_dataset(
        name, data=data, chunks=chunks, maxshape=maxshape, fletcher32=True, compression=compression
    )


def write_settings(file: h5py.File, settings: Mapping[str, Any]) -> None:
    """Write the settings that the file's content was made with: they go where it goes."""
    write(file, "settings", text([json.dumps(settings, sort_keys=True)]))


def read_settings(path: str | os.PathLike) -> dict[str, Any]:
    """What `write_settings` wrote."""
    with opened(path) as file:
        return json.loads(strings(file["settings"])[0])


def text(strings: Sequence | np.ndarray) -> np.ndarray:
    """Strings, or rows of them, as UTF-8 of a fixed length: a checksum does not cover others."""
    encoded = np.char.encode(np.array(strings, dtype=str), "utf-8")
    return encoded.astype(h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize)))


def strings(dataset: h5py.Dataset) -> list:
    """What `text` made of them, again."""
    return np.char.decode(dataset[:].astype(bytes), "utf-8").tolist()


class _Disk(io.FileIO):
    """A file that keeps its first failure to write, and from then on takes everything without a word.

    HDF5 cannot close a file that it cannot write: on a full disk it would crash as the process ends.
    """

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and not self.failure:
                rest = rest[super().write(rest) :]
        except OSError as failure:
            self.failure = failure
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as failure:
            self.failure = self.failure or failure
            return self.tell()
