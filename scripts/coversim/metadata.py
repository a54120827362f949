"""Titles and artists from the metadata of Da-TACOS: one JSON file per subset, keyed by work and performance."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from coversim.errors import CoversimError

_MAX_BYTES = 64 * 2**20
_KEYS = ("work_title", "work_artist", "perf_title", "perf_artist")


class Titles(NamedTuple):
    """What a work and its performance are called; empty where the metadata does not say."""

    work_title: str
    work_artist: str
    performance_title: str
    performance_artist: str


def find(root: str | os.PathLike, subset: str) -> Path | None:
    """The metadata file of a subset, where Da-TACOS' archives put it; None without one."""
    name = f"da-tacos_{subset}_subset_metadata.json"
    candidates = (Path(root, "da-tacos_metadata", name), Path(root, name))
    return next((path for path in candidates if path.is_file()), None)


def read(path: str | os.PathLike) -> dict[tuple[str, str], Titles]:
    """Titles by (work, performance).

    The file may be of any origin: one that is too large, nested too deep, or not of the form
    {work: {performance: {"work_title": …}}} raises a CoversimError that names it.
    """
    size = Path(path).stat().st_size
    if size > _MAX_BYTES:
        raise _refused(path, f"{size:,} bytes are more than the metadata of any subset")
    try:
        works = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise _refused(path, "nested too deep") from None
    except ValueError as error:
        raise _refused(path, f"not JSON ({error})") from error
    titles = {}
    for work, performances in _object(path, "the top level", works).items():
        for performance, song in _object(path, work, performances).items():
            entry = _object(path, f"{work}, {performance}", song)
            titles[work, performance] = Titles(*(_text(entry, key) for key in _KEYS))
    return titles


def _object(path: str | os.PathLike, where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refused(path, f"{where} is not an object, but {type(value).__name__}")
    return value


def _text(song: Mapping[str, Any], key: str) -> str:
    value = song.get(key)
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _refused(path: str | os.PathLike, reason: str) -> CoversimError:
    return CoversimError(f"{path}: {reason}. Remedy: fetch the metadata again, or delete the file")
