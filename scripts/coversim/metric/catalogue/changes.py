"""Adding songs to a catalogue, and removing some."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from coversim.dataset.features import FRAME_RATE
from coversim.errors import CoversimError
from coversim.metric.catalogue import index
from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.parts import (
    METRIC,
    Entry,
    entries_of,
    parts_of,
    points_of,
    write_part,
)
from coversim.metric.catalogue.sources import Titles, known_as, state_of
from coversim.metric.metric import Metric
from coversim.metric.songs import names_of
from coversim.progress import followed
from coversim.storage import hdf5
from coversim.storage.checksums import record_of

LOCK = ".lock"
TOGETHER = 1024  # songs in memory while they are added, and in a part at most


def add(
    folder: str | os.PathLike,
    songs: Iterable[Path],
    metric: str | os.PathLike | None = None,
    problem: Callable[[CoversimError], None] | None = None,
    said: Callable[[str], None] = lambda text: None,
    rate: float | None = None,
) -> int:
    """Add songs that are new or changed to a catalogue, and make it where there is none; how many were added.

    What is there is not read again, but for the list of songs; a changed song that cannot be used stays as it was, and another
    one until its new form is written. There is no new catalogue before its first songs are in it. Where there is an index,
    new parts are added to it. Several processes may add at a time.

    Parameters
    ----------
    metric : file of the metric, needed for a new catalogue only; of one that is there, the calibration becomes that of this file
    problem : told of each song that cannot be used; None: the first raises
    said : told what the index is worth, where there is one
    rate : frames per second of the files; None: those of songs that are there as before, and of others those of Da-TACOS
    """
    folder = Path(folder)
    known = _opened(folder, metric)
    songs = list(dict.fromkeys(known_as(path, known.metric) for path in songs))
    there = {entry.path: entry for entry in known.entries}
    rates = {path: rate or (there[path].rate if path in there else FRAME_RATE) for path in map(str, songs)}
    wanted = []
    for path in songs:
        entry, state = there.get(str(path)), state_of(path, known.metric)
        if state is None or entry is None or entry[5:] != (*state, rates[str(path)]):
            wanted.append((path, state or (0, 0)))
    named = Titles(said)
    added = 0
    entries: list[Entry] = []
    embedded: list[Any] = []
    parts = set(known.parts)

    def write() -> None:
        if entries:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                _hold(folder, known.metric)
                parts.add(write_part(folder, entries, known.metric.kind, known.metric.kind.packed(embedded)))
            entries.clear()
            embedded.clear()

    try:
        for path, state in followed(wanted, "songs", len(wanted)):
            try:
                one = known.metric.embed(path, rates[str(path)])
                entry = Entry(*names_of(path), *named.of(path), str(path), *state, rates[str(path)])
            except CoversimError as error:
                if problem is None:
                    raise
                problem(error)
            else:  # both or neither: a song and what is made of it share a place
                embedded.append(one)
                entries.append(entry)
                added += 1
            if len(entries) == TOGETHER:
                write()
    finally:  # what stops it loses none of the songs before
        write()
    if (folder / METRIC).is_file():
        twice = len(there) < len(known.entries) or any(str(path) in there for path, _ in wanted)
        with _alone(folder):
            if twice or parts < set(parts_of(folder)):
                _remove_older(folder)
            _keep_index(folder, said)
    return added


def remove(
    folder: str | os.PathLike,
    chosen: Callable[[Entry], bool],
    said: Callable[[str], None] = lambda text: None,
) -> int:
    """Remove the songs that are `chosen`; how many these were. `said` is as for `add`."""
    folder = Catalogue.load(folder).folder
    with _alone(folder):
        removed = _remove(folder, lambda entry, place: chosen(entry))
        _keep_index(folder, said)
    return removed


def _hold(folder: Path, metric: Metric) -> None:
    """Have this metric in a catalogue that is new; another process may have made it meanwhile, with another one."""
    if not (folder / METRIC).is_file():
        metric.save(folder / METRIC)
    elif not Metric.load(folder / METRIC).same_as(metric):
        raise CoversimError(
            f"{folder}: another process has made it meanwhile, with another metric. Remedy: name another folder"
        )


def _alone(folder: Path) -> FileLock:
    """Held while a catalogue changes, it keeps other processes waiting."""
    return FileLock(folder / LOCK)


def _remove_older(folder: Path) -> None:
    """Remove what stands for a song that was added again since."""
    places = {
        entry.path: (path, row) for path in parts_of(folder) for row, entry in enumerate(entries_of(path))
    }
    _remove(folder, lambda entry, place: places[entry.path] != place)


def _remove(folder: Path, chosen: Callable[[Entry, tuple[Path, int]], bool]) -> int:
    """Have new parts instead of those that hold songs which are `chosen`, by entry, part and row, without these."""
    catalogue, removed = Catalogue.load(folder), 0
    kind = catalogue.metric.kind
    for path in catalogue.parts:
        entries = entries_of(path)
        kept = [row for row, entry in enumerate(entries) if not chosen(entry, (path, row))]
        removed += len(entries) - len(kept)
        if not kept:
            _unlink(path)
        elif len(kept) < len(entries):
            with hdf5.opened(path) as file:
                arrays = kind.read(file, np.array(kept))
            write_part(folder, [entries[row] for row in kept], kind, arrays)
            _unlink(path)
    return removed


def _unlink(part: Path) -> None:
    part.unlink()
    record_of(part).unlink(missing_ok=True)


def _keep_index(folder: Path, said: Callable[[str], None]) -> None:
    """Have an index where there are too many songs to look at each, and none elsewhere."""
    catalogue = Catalogue.load(folder)
    if len(catalogue) > index.EXACT:
        said(index.update(folder, catalogue.parts, points_of))
    else:
        index.remove(folder)


def _opened(folder: Path, metric: str | os.PathLike | None) -> Catalogue:
    """The catalogue, or an empty one that is yet to be written; a metric that is named must be its own."""
    named = None if metric is None else Metric.load(metric)
    if folder.exists() and not folder.is_dir():
        raise CoversimError(f"{folder}: a file. Remedy: name a folder, which need not be there yet")
    if not (folder / METRIC).is_file():
        if parts_of(folder):
            raise CoversimError(
                f"{folder}: its songs are there, but not their metric. Remedy: put its {METRIC} back, or delete the folder"
            )
        if named is None:
            raise CoversimError(f"{folder}: a new catalogue needs a metric. Remedy: say --metric metric.pt")
        return Catalogue(folder, named)
    catalogue = Catalogue.load(folder)
    if named is None:
        return catalogue
    if not catalogue.metric.same_as(named):
        raise CoversimError(
            f"{folder}: made with another metric, {catalogue.metric.name}, whose distances are others. "
            "Remedy: leave --metric out, or make a new catalogue"
        )
    if named.calibration is None or catalogue.metric.says_as(named):
        return catalogue
    with _alone(folder):
        named.save(folder / METRIC)
    return Catalogue(folder, named)
