"""`coversim search`: which songs of a catalogue are covers?"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

from coversim.errors import CoversimError
from coversim.metric.clock import span
from coversim.metric.commands.arguments import add_rate, as_json, command, count, given, probability

EXAMPLES = """\
examples:
  coversim search P_1.h5 --catalogue songs.cat
  coversim search FOLDER --catalogue songs.cat --top 1 > found.tsv
  cat paths.txt | coversim search - --catalogue songs.cat --json
  coversim search P_1.h5 --catalogue songs.cat --rerank 100   the first 100 by alignment of frames, too
"""
FOUND_COLUMNS = (
    *("query", "rank", "work", "performance", "title", "artist", "distance", "probability"),
    *("query_from", "query_to", "song_from", "song_to", "transposition", "tempo", "path"),
)


def add_to(commands: Any) -> None:
    """The command and its arguments."""
    search = command(commands, "search", "Which songs of a catalogue are covers of these?", EXAMPLES, answer)
    search.add_argument(
        "songs", nargs="+", metavar="SONG", help="files, folders, or - for paths from standard input"
    )
    search.add_argument(
        "--catalogue", type=Path, required=True, help="its folder, as `coversim catalogue add` left it"
    )
    add_rate(search)
    search.add_argument("--top", type=count, default=10, help="how many songs to show of each (%(default)s)")
    search.add_argument(
        "--candidates",
        type=count,
        metavar="N",
        help="of a metric of sequences: match so many songs in order, those with the nearest embeddings or outlines (5000)",
    )
    search.add_argument(
        "--rerank",
        type=count,
        default=0,
        metavar="N",
        help="order the first N songs anew, by distance and alignment of frames (Qmax) together; their files must be there",
    )
    search.add_argument(
        "--prior",
        type=probability,
        help="how probable it is that a song of the catalogue is a cover (as if one of them all were)",
    )
    search.add_argument("--json", action="store_true", help="one JSON object a line for each SONG")


def answer(arguments: argparse.Namespace) -> int:
    """Search for each song; the exit status."""
    from coversim.evaluation.probability import prior_among
    from coversim.metric import places
    from coversim.metric.catalogue.catalogue import CANDIDATES, Catalogue
    from coversim.metric.catalogue.sources import songs_in

    catalogue = Catalogue.load(arguments.catalogue)
    metric, status = catalogue.metric, 0
    candidates = arguments.candidates or CANDIDATES
    for text in catalogue.approximations(candidates):
        print(text, file=sys.stderr)
    prior = arguments.prior or prior_among(len(catalogue))
    table = csv.DictWriter(sys.stdout, FOUND_COLUMNS, dialect="excel-tab", lineterminator="\n")
    if not (arguments.json or sys.stdout.isatty()):
        table.writeheader()

    def problem(error: CoversimError) -> None:
        nonlocal status
        print(f"error: {error}", file=sys.stderr)
        status = 1

    for path in songs_in(given(arguments.songs), problem):
        if catalogue.changed:
            catalogue = Catalogue.load(arguments.catalogue)
        try:
            song = metric.opened(path, arguments.rate or catalogue.rate_of(path))
        except CoversimError as error:
            problem(error)
            continue
        rows = []
        for found in catalogue.search(
            path, arguments.top, prior, candidates, arguments.rerank, arguments.rate
        ):
            entry = found.entry
            try:
                place = places.common(song, metric.opened(entry.path, entry.rate), metric.projection)
            except CoversimError:  # the file is gone: what is known of it is not
                place = None
            rows.append(_row(path, found, place))
        likely = [row for row in rows if row["probability"] is not None and row["probability"] >= 0.5]
        if arguments.json:
            answer = {
                "query": str(path),
                "metric": metric.name,
                "songs": len(catalogue),
                "prior": prior,
                "probable_covers": len(likely) if metric.calibration else None,
                "found": [{name: row[name] for name in FOUND_COLUMNS[1:]} for row in rows],
            }
            print(as_json(answer))
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
            match = f"{span(here)} = {span(there)}"
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
