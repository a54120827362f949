"""`coversim catalogue`: make songs searchable."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

from coversim.errors import CoversimError
from coversim.metric.commands.arguments import (
    METRIC_HELP,
    add_rate,
    as_json,
    command,
    described,
    find_metric,
    given,
)

EXAMPLES = """\
examples:
  coversim catalogue add songs.cat FOLDER --metric results/mine    make one of all songs in a folder
  coversim catalogue add songs.cat NEW.h5                          add to it: what is there stays as it is
  find . -name "*.h5" | coversim catalogue add songs.cat -         paths from standard input
  coversim catalogue remove songs.cat P_1 FOLDER/W_2               by name, or by path of a song or a folder
  coversim catalogue list songs.cat --json
  coversim catalogue export songs.cat --to parquet --output songs.parquet    pandas.read_parquet reads it
"""
EXPORT = "Write the songs and what is compared of them as a table, for a vector database or for pandas."


def add_to(commands: Any) -> None:
    """The command and its arguments."""
    catalogue = described(
        commands.add_parser("catalogue", help="Make songs searchable."), "Make songs searchable.", EXAMPLES
    )
    actions = catalogue.add_subparsers(metavar="ACTION", required=True)
    add = command(actions, "add", "Add songs that are new or changed.", EXAMPLES, _add)
    add.add_argument("catalogue", type=Path, help="its folder; made if it is not there")
    add.add_argument(
        "songs", nargs="+", metavar="SONG", help="files, folders, or - for paths from standard input"
    )
    add.add_argument("--metric", type=Path, help=f"for a new catalogue: {METRIC_HELP}")
    add_rate(add, "; songs that are there: as before")
    remove = command(actions, "remove", "Remove songs.", EXAMPLES, _remove)
    remove.add_argument("catalogue", type=Path, help="its folder")
    remove.add_argument(
        "songs", nargs="+", metavar="SONG", help="performance, work, or path of a song or folder"
    )
    listed = command(actions, "list", "List the songs.", EXAMPLES, _list)
    listed.add_argument("catalogue", type=Path, help="its folder")
    listed.add_argument("--json", action="store_true", help="one JSON object a line for each song")
    exported = command(actions, "export", EXPORT, EXAMPLES, _export)
    exported.add_argument("catalogue", type=Path, help="its folder")
    exported.add_argument("--to", choices=["parquet"], required=True, help="the form of the file")
    exported.add_argument("--output", type=Path, required=True, metavar="FILE")


def _add(arguments: argparse.Namespace) -> int:
    from coversim.metric.catalogue.catalogue import Catalogue
    from coversim.metric.catalogue.changes import add
    from coversim.metric.catalogue.parts import METRIC
    from coversim.metric.catalogue.sources import songs_in

    problems = []

    def problem(error: CoversimError) -> None:
        problems.append(error)
        print(f"left out: {error}", file=sys.stderr)

    metric = arguments.metric and find_metric(arguments.metric)
    added = add(
        arguments.catalogue, songs_in(given(arguments.songs), problem), metric, problem, _say, arguments.rate
    )
    if not (arguments.catalogue / METRIC).is_file():
        remedy = "see above" if problems else "name songs, or a folder that holds some"
        raise CoversimError(
            f"{arguments.catalogue}: not made, since no song could be added. Remedy: {remedy}"
        )
    catalogue = Catalogue.load(arguments.catalogue)
    print(
        f"{arguments.catalogue}: {_songs(added)} added, {len(catalogue)} in all, by {catalogue.metric.name}"
    )
    return 1 if problems else 0


def _remove(arguments: argparse.Namespace) -> int:
    from coversim.metric.catalogue.catalogue import Catalogue
    from coversim.metric.catalogue.changes import remove
    from coversim.metric.catalogue.sources import known_as
    from coversim.metric.songs import absolute

    metric = Catalogue.load(arguments.catalogue).metric
    names: dict[str, set[str]] = {}  # what each word may name
    for word in given(arguments.songs):
        names[word] = {word, str(absolute(word)), str(known_as(Path(word), metric))}
    found = set()

    def chosen(entry: Any) -> bool:
        own = {entry.performance, entry.work, entry.path, *map(str, Path(entry.path).parents)}
        said = {word for word, meant in names.items() if meant & own}
        found.update(said)
        return bool(said)

    removed = remove(arguments.catalogue, chosen, _say)
    unknown = [word for word in names if word not in found]
    if not removed:
        raise CoversimError(
            f"{arguments.catalogue}: none of its songs is called {' or '.join(unknown)}. "
            f"Remedy: see what is there: coversim catalogue list {arguments.catalogue}"
        )
    print(
        f"{arguments.catalogue}: {_songs(removed)} removed, {len(Catalogue.load(arguments.catalogue))} in all"
    )
    for word in unknown:
        print(f"not there: {word}", file=sys.stderr)
    return 1 if unknown else 0


def _list(arguments: argparse.Namespace) -> int:
    from coversim.metric.catalogue.catalogue import Catalogue
    from coversim.metric.catalogue.parts import Entry

    catalogue = Catalogue.load(arguments.catalogue)
    shown = ("work", "performance", "title", "artist", "path")
    table = csv.writer(sys.stdout, dialect="excel-tab", lineterminator="\n")
    if not arguments.json:
        table.writerow(shown)
    for entry in catalogue.entries:
        kept = {name: value for name, value in zip(Entry._fields, entry, strict=True) if name in shown}
        if arguments.json:
            print(as_json(kept))
        else:
            table.writerow(kept.values())
    return 0


def _export(arguments: argparse.Namespace) -> int:
    try:
        from coversim.metric.catalogue.export import export
    except ImportError as error:
        raise CoversimError(
            f"to export, {error.name} must be installed. Remedy: pip install pandas pyarrow"
        ) from error
    print(f"{arguments.output}: {_songs(export(arguments.catalogue, arguments.output))}")
    return 0


def _songs(count: int) -> str:
    return f"{count} song{'s' * (count != 1)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
