"""Arrays by name in one .npz file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from coversim.errors import CoversimError
from coversim.storage.atomic import replacing


def write(path: str | os.PathLike, **arrays: Any) -> None:
    """Write arrays to a file that appears once it is whole."""
    with replacing(path) as temporary, Path(temporary).open("wb") as file:
        np.savez(file, **arrays)


def read(path: str | os.PathLike, *names: str) -> list[np.ndarray]:
    """The named arrays of a file; a damaged one raises a CoversimError with the remedy."""
    return list(_read(path, names).values())


def read_all(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """All arrays of a file, by name; the same."""
    return _read(path, None)


def _read(path: str | os.PathLike, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in (file.files if names is None else names)}
    except (ValueError, OSError, EOFError, KeyError, BadZipFile) as error:
        raise CoversimError(
            f"{path}: not readable as .npz ({error}). Remedy: delete it; the next run makes it anew"
        ) from error
