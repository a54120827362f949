"""Titles and artists from the metadata of Da-TACOS: one JSON file per subset, keyed by work and performance."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from coversim.errors import CoversimError

_MAX_SONGS = 1_000_000
_MAX_BYTES = 512 * 2**20
"""A million songs of 500 bytes; the largest subset has 15,000 songs in some 5 MB."""
_MAX_WORK = 2**21
"""Characters of one work: parsed at once, they may take 32 times their length, as objects without content."""
_PIECE = 2**20

_KEYS = ("work_title", "work_artist", "perf_title", "perf_artist")
_BEFORE_WORK = re.compile(r'\s*+[{,]\s*+("(?:[^"\\]|\\.)*+")\s*+:\s*+', re.DOTALL)
_END = re.compile(r"\s*+({\s*+)?}\s*+")


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
    """Titles by (work, performance), of the songs that have any.

    The file may be of any origin: one that is too large, nested too deep, or not of the form
    {work: {performance: {"work_title": …}}} raises a CoversimError that names it. Memory: the titles, and
    100 MB at most for one work at a time.
    """
    size = Path(path).stat().st_size
    if size > _MAX_BYTES:
        raise _refused(path, f"{size:,} bytes are more than the metadata of a million songs")
    titles: dict[tuple[str, str], Titles] = {}
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            for work, performances in _works(path, file):
                for performance, song in _object(path, work, performances).items():
                    entry = _object(path, f"{work}, {performance}", song)
                    song_titles = Titles(*(_text(entry, key) for key in _KEYS))
                    if any(song_titles):
                        titles[work, performance] = song_titles
                    if len(titles) > _MAX_SONGS:
                        raise _refused(path, f"more than {_MAX_SONGS:,} songs")
    except RecursionError:
        raise _refused(path, "nested too deep") from None
    except ValueError as error:
        raise _refused(path, f"not JSON ({error})") from error
    return titles


def _works(path: str | os.PathLike, file: TextIO) -> Iterator[tuple[str, Any]]:
    """Each work and what the file says of it, one after the other, so that one at a time is in memory."""
    decoder, text, place, after = json.JSONDecoder(), "", 0, "the start"
    while more := file.read(_PIECE):
        text, place = text[place:] + more, 0
        while member := _BEFORE_WORK.match(text, place):
            try:
                performances, place = decoder.raw_decode(text, member.end())
            except ValueError:  # cut off, or no JSON
                break
            after = decoder.decode(member[1])
            yield after, performances
        if len(text) - place > _MAX_WORK:
            raise _refused(path, f"what follows {after} is more than {_MAX_WORK:,} characters, or not JSON")
    if not _END.fullmatch(text, place):
        raise _refused(path, f"not JSON of the form {{work: {{performance: …}}}} after {after}")


def _object(path: str | os.PathLike, where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refused(path, f"{where} is not an object, but {type(value).__name__}")
    return value


def _text(song: Mapping[str, Any], key: str) -> str:
    value = song.get(key)
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _refused(path: str | os.PathLike, reason: str) -> CoversimError:
    return CoversimError(
        f"{path}: {reason}. Remedy: fetch the metadata again, or move the file out of the data set"
    )
