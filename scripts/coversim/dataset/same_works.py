"""Works of a data set that are known under another name: a table of `work` and `same_as`, tab-separated."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from coversim.dataset.da_tacos import SongFiles
from coversim.errors import CoversimError
from coversim.storage import tsv

COLUMNS = ("work", "same_as")


def read(path: Path) -> dict[str, str]:
    """The other name of each work of the table at `path`.

    Raises
    ------
    CoversimError
        If there is no such table, or it gives a work twice, or a name that is to be replaced itself.
    """
    try:
        rows = tsv.read(path)
    except (OSError, csv.Error) as error:
        seen_from = "" if path.is_absolute() else f", seen from {Path.cwd()}"
        raise CoversimError(
            f"{path}{seen_from}: {getattr(error, 'strerror', error)}. Remedy: set same_works to a tab-separated table, or to null"
        ) from error
    names: dict[str, str] = {}
    for row in rows:
        # spreadsheets begin a file with a mark of its encoding
        row = {name.removeprefix("\ufeff"): value for name, value in row.items()}
        work, other = (row.get(column) for column in COLUMNS)
        if not work or not other:
            raise CoversimError(
                f"{path}: a row without {' and '.join(COLUMNS)}. Remedy: name the columns so, in its first row, put tabs "
                "between them, fill both, and save it as UTF-8"
            )
        if work in names:
            raise CoversimError(f"{path}: the work {work} is given twice. Remedy: keep one of its rows")
        names[work] = other
    for work, other in names.items():
        if other in names:
            raise CoversimError(
                f"{path}: {work} is the same as {other}, which is itself the same as {names[other]}. "
                "Remedy: give both the one name that is to stay"
            )
    return names


def chains(tables: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What is wrong where a table says that a work is another one, to which a second table gives another name again."""
    return [
        f"{key}: {work} is the same as {other}, which {also} calls {names[other]}. Remedy: give both the one name that is to stay"
        for key, table in tables.items()
        for work, other in table.items()
        for also, names in tables.items()
        if also != key and other in names
    ]


def renamed(songs: Sequence[SongFiles], names: dict[str, str]) -> list[SongFiles]:
    """The songs by the other `names` of their works, sorted by work and performance.

    Theirs are `<work>/<performance>` then, since performances of two works may be called the same.
    """
    if unknown := sorted(names.keys() - {song.work for song in songs}):
        logging.warning("same_works: %d works that are not there, such as %s", len(unknown), unknown[0])
    found = [
        song._replace(work=names[song.work], performance=f"{song.work}/{song.performance}")
        if song.work in names
        else song
        for song in songs
    ]
    return sorted(found, key=lambda song: song[:2])
