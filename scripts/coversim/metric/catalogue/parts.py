"""The files of a catalogue: songs that were added together, and what the metric makes of them.

part-<n>.h5   (n,) songs, each an Entry as JSON, and what its kind (coversim.metric.kinds) writes
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coversim.dataset.features import FRAME_RATE
from coversim.metric.kinds.kind import Arrays, Kind
from coversim.storage import hdf5

METRIC = "metric.pt"  # the file of the metric, beside them
RATES = "rates"  # attribute of a part: the frame rates of its songs, each once


class Entry(NamedTuple):
    """A song of a catalogue."""

    work: str
    performance: str
    title: str
    artist: str
    path: str  # absolute
    size: int
    mtime_ns: int
    rate: float = FRAME_RATE  # frames per second at which the file was read: it does not tell


def parts_of(folder: Path) -> list[Path]:
    """The parts of a catalogue, in the order in which they were written."""
    found = (path for path in folder.glob("part-*.h5") if path.stem.removeprefix("part-").isdecimal())
    return sorted(found, key=lambda path: int(path.stem.removeprefix("part-")))


def count_of(path: Path) -> int:
    """How many songs are in a part."""
    with hdf5.opened(path) as file:
        return len(file["songs"])


def entries_of(path: Path) -> list[Entry]:
    """The songs of a part."""
    with hdf5.opened(path) as file:
        return [_entry(song) for song in file["songs"][:].tolist()]


def entry_of(path: Path, row: int) -> Entry:
    """A song of a part."""
    with hdf5.opened(path) as file:
        return _entry(file["songs"][row])


def rates_of(path: Path) -> dict[str, float]:
    """The frame rates of the songs of a part that are not those of Da-TACOS, by path."""
    with hdf5.opened(path) as file:
        if RATES in file.attrs and set(file.attrs[RATES].tolist()) == {FRAME_RATE}:
            return {}
    return {entry.path: entry.rate for entry in entries_of(path) if entry.rate != FRAME_RATE}


def points_of(path: Path) -> np.ndarray:
    """The points (n, E) of a part."""
    with hdf5.opened(path) as file:
        return file["point"][:]


def write_part(folder: Path, entries: Sequence[Entry], kind: Kind, arrays: Arrays) -> Path:
    """Write songs as a new part of a catalogue, and what `kind` packed of them.

    Parts never change, so that whoever has opened a catalogue does not take one song for another.
    """
    last = max((int(path.stem.partition("-")[2]) for path in parts_of(folder)), default=0)
    path = folder / f"part-{last + 1}.h5"
    with hdf5.creating(path) as file:
        # as JSON, since names may hold anything
        hdf5.write(file, "songs", hdf5.text([json.dumps(entry) for entry in entries]))
        file.attrs[RATES] = np.unique([entry.rate for entry in entries])
        kind.write(file, arrays)
    return path


def _entry(song: bytes) -> Entry:
    return Entry(*json.loads(song))
