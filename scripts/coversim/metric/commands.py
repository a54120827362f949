"""The command `coversim`: ask a finished metric."""

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from coversim.errors import CoversimError

EXAMPLES = """\
examples:
  coversim compare P_1.h5 P_2.h5 --metric results/mine             are these two covers of each other?
  coversim compare P_1.h5 P_2.h5 --metric metric.pt --plot it.svg  and a picture of where they match
  coversim catalogue add songs.cat FOLDER --metric metric.pt       make songs searchable, or add some
  coversim search P_1.h5 --catalogue songs.cat --top 5             which of them are covers of this one?

exit status: 0 answered, 1 something to mend (a message says what), 2 the command line is wrong, 130 interrupted
"""
COMPARE = """\
examples:
  coversim compare P_1.h5 P_2.h5 --metric results/mine
  coversim compare "Hey Jude.h5" "Hé Jude.h5" --metric metric.pt --json
  coversim compare P_1.h5 P_2.h5 --metric metric.pt --prior 0.01   if one pair in a hundred were covers
"""
CATALOGUE = """\
examples:
  coversim catalogue add songs.cat FOLDER --metric results/mine    make one of all songs in a folder
  coversim catalogue add songs.cat NEW.h5                          add to it: what is there stays as it is
  find . -name "*.h5" | coversim catalogue add songs.cat -         paths from standard input
  coversim catalogue remove songs.cat P_1 FOLDER/W_2               by name, or by path of a song or a folder
  coversim catalogue list songs.cat --json
"""
SEARCH = """\
examples:
  coversim search P_1.h5 --catalogue songs.cat
  coversim search FOLDER --catalogue songs.cat --top 1 > found.tsv
  cat paths.txt | coversim search - --catalogue songs.cat --json
"""
METRIC_HELP = "a metric.pt, or the results of a run, whose best one on validation works is taken"
POINTS = {"best_accuracy": "right most often", "high_precision": "precision ≥ .99"}
FOUND_COLUMNS = (
    *("query", "rank", "work", "performance", "title", "artist", "distance", "probability"),
    *("query_from", "query_to", "song_from", "song_to", "transposition", "tempo", "path"),
)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold anything
    arguments = _parser().parse_args(words)
    try:
        return arguments.answer(arguments)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CoversimError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _described(
        argparse.ArgumentParser(prog="coversim"), "Ask a trained metric which songs are covers.", EXAMPLES
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    compare = _command(commands, "compare", "Are two songs covers of each other?", COMPARE, _compare)
    compare.add_argument("first", type=Path, metavar="A", help="a song: a file of features, as in Da-TACOS")
    compare.add_argument("second", type=Path, metavar="B")
    compare.add_argument("--metric", type=Path, required=True, help=METRIC_HELP)
    compare.add_argument(
        "--prior", type=_probability, default=0.5, help="how probable a cover is before looking (%(default)s)"
    )
    compare.add_argument("--plot", type=Path, metavar="FILE.svg", help="a picture of where they match")
    compare.add_argument("--json", action="store_true", help="the answer as JSON")

    search = _command(commands, "search", "Which songs of a catalogue are covers of these?", SEARCH, _search)
    search.add_argument(
        "songs", nargs="+", metavar="SONG", help="files, folders, or - for paths from standard input"
    )
    search.add_argument("--catalogue", type=Path, required=True)
    search.add_argument("--top", type=_count, default=10, help="how many songs to show of each (%(default)s)")
    search.add_argument(
        "--prior",
        type=_probability,
        help="how probable it is that a song of the catalogue is a cover (as if one of them all were)",
    )
    search.add_argument("--json", action="store_true", help="one JSON object a line for each SONG")

    catalogue = _described(
        commands.add_parser("catalogue", help="Make songs searchable."), "Make songs searchable.", CATALOGUE
    )
    actions = catalogue.add_subparsers(metavar="ACTION", required=True)
    add = _command(actions, "add", "Add songs that are new or changed.", CATALOGUE, _add)
    add.add_argument("catalogue", type=Path, help="its folder; made if it is not there")
    add.add_argument(
        "songs", nargs="+", metavar="SONG", help="files, folders, or - for paths from standard input"
    )
    add.add_argument("--metric", type=Path, help=f"for a new catalogue: {METRIC_HELP}")
    remove = _command(actions, "remove", "Remove songs.", CATALOGUE, _remove)
    remove.add_argument("catalogue", type=Path)
    remove.add_argument(
        "songs", nargs="+", metavar="SONG", help="performance, work, or path of a song or folder"
    )
    listed = _command(actions, "list", "List the songs.", CATALOGUE, _list)
    listed.add_argument("catalogue", type=Path)
    listed.add_argument("--json", action="store_true", help="one JSON object a line for each song")
    return parser


def _command(
    commands: Any, name: str, what: str, examples: str, answer: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = _described(commands.add_parser(name, help=what), what, examples)
    parser.set_defaults(answer=answer)
    return parser


def _described(parser: argparse.ArgumentParser, what: str, examples: str) -> argparse.ArgumentParser:
    parser.description, parser.epilog = what, examples
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def _compare(arguments: argparse.Namespace) -> int:
    from coversim.metric.songs import names_of

    metric = _metric(arguments.metric)
    songs = metric.opened(arguments.first), metric.opened(arguments.second)
    found = metric.compare(*songs, arguments.prior)
    names = names_of(arguments.first)[1], names_of(arguments.second)[1]
    if arguments.plot:
        from coversim.metric.picture import draw

        draw(arguments.plot, metric, songs, names, found, _claim(names, found))
    if arguments.json:
        print(
            _json(
                {
                    "first": str(arguments.first),
                    "second": str(arguments.second),
                    "metric": metric.name,
                    "distance": found.distance,
                    "probability": found.probability,
                    "prior": found.prior,
                    "verdicts": {
                        name: {"cover": verdict, **metric.operating_points[name]}
                        for name, verdict in found.verdicts.items()
                    },
                    "match": _place(found.place),
                }
            )
        )
        return 0
    print(f"metric       {metric.name}\ndistance     {found.distance:.4f}")
    if found.probability is None:
        print("probability  unknown: this metric was not calibrated")
    else:
        print(f"probability  {found.probability:.3f} that they are covers (before looking: {found.prior:g})")
    for name, verdict in found.verdicts.items():
        print(f"verdict      {_verdict(metric, name, verdict)}")
    print(f"match        {_where(found.place, names)}")
    return 0


def _verdict(metric: Any, name: str, verdict: bool | None) -> str:
    point = metric.operating_points[name]
    if verdict is None:
        return f"none at {POINTS.get(name, name)}: no distance reaches it on validation pairs"
    said = f"{'covers' if verdict else 'no covers'} ({POINTS.get(name, name)}: up to {point['threshold']:.4f}"
    for collection, measured in point.items():
        if collection != "threshold" and measured["recall"] is not None and measured["precision"] is not None:
            said += f"; {collection} pairs: precision {measured['precision']:.3f}, recall {measured['recall']:.3f}"
    return said + ")"


def _claim(names: tuple[str, str], found: Any) -> list[str]:
    """What a picture of two songs shows, line by line."""
    said = f"distance {found.distance:.3f}"
    if found.probability is not None:
        said += f", covers with probability {found.probability:.2f} (before looking: {found.prior:g})"
    return [f"{names[0]} and {names[1]}", said, *_where(found.place, names).split(", ")]


def _where(place: Any, names: tuple[str, str]) -> str:
    """Where two songs match, in words."""
    if place is None:
        return "no passage in common"
    key = "in the same key"
    if place.transposition:
        count = abs(place.transposition)
        key = (
            f"which is {count} semitone{'s' * (count > 1)} {'lower' if place.transposition > 0 else 'higher'}"
        )
    ends = f"{_span(place.first)} of {names[0]} with {_span(place.second)} of {names[1]}"
    return f"{ends}, {key} and {place.tempo:.2f} times as fast"


def _span(seconds: tuple[float, float]) -> str:
    from coversim.metric.picture import clock

    return f"{clock(seconds[0])}–{clock(seconds[1])}"


def _place(place: Any) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "transposition": place.transposition,
        "tempo": place.tempo,
        "first": list(place.first),
        "second": list(place.second),
    }


def _search(arguments: argparse.Namespace) -> int:
    from coversim.metric import places
    from coversim.metric.catalogue import Catalogue, songs_in

    catalogue = Catalogue.load(arguments.catalogue)
    metric, status = catalogue.metric, 0
    prior = arguments.prior or 1 / (len(catalogue.entries) + 1)
    table = csv.DictWriter(sys.stdout, FOUND_COLUMNS, dialect="excel-tab", lineterminator="\n")
    if not (arguments.json or sys.stdout.isatty()):
        table.writeheader()
    for path in songs_in(_paths(arguments.songs)):
        try:
            song = metric.opened(path)
        except CoversimError as error:
            print(f"error: {error}", file=sys.stderr)
            status = 1
            continue
        rows = []
        for found in catalogue.search(path, arguments.top, prior):
            try:
                place = places.common(song, metric.opened(Path(found.entry.path)), metric.projection)
            except CoversimError:  # the file is gone: what is known of it is not
                place = None
            rows.append(_row(path, found, place))
        likely = [row for row in rows if row["probability"] is not None and row["probability"] >= 0.5]
        if arguments.json:
            answer = {
                "query": str(path),
                "metric": metric.name,
                "songs": len(catalogue.entries),
                "prior": prior,
                "probable_covers": len(likely) if metric.calibration else None,
                "found": [{name: row[name] for name in FOUND_COLUMNS[1:]} for row in rows],
            }
            print(_json(answer))
        elif sys.stdout.isatty():
            _show(path, rows, len(likely), metric.calibration is not None)
        else:
            table.writerows(rows)
    return status


def _row(query: Path, found: Any, place: Any) -> dict[str, Any]:
    entry = found.entry
    ends = (*place.first, *place.second, place.transposition, place.tempo) if place else (None,) * 6
    values = (str(query), found.rank, *entry[:4], found.distance, found.probability, *ends, entry.path)
    return dict(zip(FOUND_COLUMNS, values, strict=True))


def _show(query: Path, rows: list[dict[str, Any]], likely: int, calibrated: bool) -> None:
    """The songs that were found, as a table whose columns are aligned."""
    lines = [("rank", "work", "song", "title", "artist", "distance", "probability", "match")]
    for row in rows:
        match = ""
        if row["query_from"] is not None:
            here, there = ((row[f"{whose}_from"], row[f"{whose}_to"]) for whose in ("query", "song"))
            match = f"{_span(here)} = {_span(there)}"
        probability = "–" if row["probability"] is None else f"{row['probability']:.3f}"
        names = (row["work"], row["performance"], row["title"][:40], row["artist"][:30])
        lines.append((str(row["rank"]), *names, f"{row['distance']:.4f}", probability, match))
    columns = [column for column in zip(*lines, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    print(f"\n{query}")
    for line in zip(*columns, strict=True):
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())
    if calibrated and not likely:
        print("none of them is a probable cover")


def _add(arguments: argparse.Namespace) -> int:
    from coversim.metric.catalogue import Catalogue, add, songs_in

    problems = []

    def problem(error: CoversimError) -> None:
        problems.append(error)
        print(f"left out: {error}", file=sys.stderr)

    metric = arguments.metric and find_metric(arguments.metric)
    with _Progress("songs") as progress:
        added = add(arguments.catalogue, songs_in(_paths(arguments.songs)), metric, problem, progress)
    catalogue = Catalogue.load(arguments.catalogue)
    print(
        f"{arguments.catalogue}: {added} songs added, {len(catalogue.entries)} in all, by {catalogue.metric.name}"
    )
    return 1 if problems else 0


def _remove(arguments: argparse.Namespace) -> int:
    from coversim.metric.catalogue import Catalogue, remove

    names = list(_paths(arguments.songs))
    paths = {str(Path(name).absolute()) for name in names}

    def chosen(entry: Any) -> bool:
        above = {entry.path, *map(str, Path(entry.path).parents)}
        return entry.performance in names or entry.work in names or bool(paths & above)

    removed = remove(arguments.catalogue, chosen)
    if not removed:
        raise CoversimError(
            f"{arguments.catalogue}: none of its songs is called {' or '.join(names)}. "
            f"Remedy: see what is there: coversim catalogue list {arguments.catalogue}"
        )
    print(
        f"{arguments.catalogue}: {removed} songs removed, {len(Catalogue.load(arguments.catalogue).entries)} in all"
    )
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from coversim.metric.catalogue import Catalogue, Entry

    catalogue = Catalogue.load(arguments.catalogue)
    shown = ("work", "performance", "title", "artist", "path")
    table = csv.writer(sys.stdout, dialect="excel-tab", lineterminator="\n")
    if not arguments.json:
        table.writerow(shown)
    for entry in catalogue.entries:
        kept = {name: value for name, value in zip(Entry._fields, entry, strict=True) if name in shown}
        if arguments.json:
            print(_json(kept))
        else:
            table.writerow(kept.values())
    return 0


def _metric(path: Path) -> Any:
    from coversim.metric.metric import Metric

    return Metric.load(find_metric(path))


def find_metric(path: Path) -> Path:
    """The file of a metric: the path itself, or of the results of a run the best on validation works, which is said."""
    if not path.is_dir():
        return path
    from coversim.storage import tsv

    if not (path / "metrics.tsv").is_file():
        raise CoversimError(
            f"{path}: no results of a run. Remedy: name a metric.pt, or results/<name> of a finished run"
        )
    known = [
        (float(row["map"]), path / "models" / row["experiment"] / row["seed"] / "metric.pt")
        for row in tsv.read(path / "metrics.tsv")
        if row["collection"] == "valid" and row["map"]
    ]
    there = [(value, file) for value, file in known if file.is_file()]
    if not there:
        raise CoversimError(
            f"{path}: no metric.pt below models. Remedy: have the workflow make them: snakemake --cores all bundles"
        )
    value, best = max(there, key=lambda one: one[0])
    print(f"metric: {best} (validation MAP {value:.3f}, the highest)", file=sys.stderr)
    return best


def _paths(words: Iterable[str]) -> Iterator[str]:
    """Each word; instead of `-` the lines of standard input."""
    for word in words:
        if word == "-":
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        else:
            yield word


def _json(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False, allow_nan=False)


def _probability(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


class _Progress:
    """How far long work is, with rate and remaining time, on a terminal; nothing where there is none."""

    def __init__(self, what: str):
        self.what, self.started, self.shown = what, time.monotonic(), sys.stderr.isatty()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def __call__(self, done: int, of: int) -> None:
        if self.shown:
            rate = done / max(time.monotonic() - self.started, 1e-9)
            said = f"{done:,} of {of:,} {self.what}, {rate:.1f} a second, {(of - done) / rate:.0f} s left"
            print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
