"""What a run says when it ends: its headline figures, and a warning for the songs that were set aside."""

import csv
from collections import Counter
from pathlib import Path

REASONS_SHOWN = 5


def print_headline(results: Path) -> None:
    """Print the table of figures in short, the songs set aside, and the report's path."""
    if (results / "metrics.tsv").is_file():
        print(
            f"\n{'experiment':<16}{'seed':>5} {'collection':<11}{'songs':>7}   MAP (95 % interval)     MR1    Hit@1"
        )
        for row in _read(results / "metrics.tsv"):
            print(
                f"{row['experiment']:<16}{row['seed']:>5} {row['collection']:<11}{row['songs']:>7}   "
                f"{_figure(row['map'])} ({_figure(row['map_low'])} to {_figure(row['map_high'])})"
                f"{_figure(row['mr1'], 1):>9}  {_figure(row['hit_at_1']):>7}"
            )
    print_set_aside(results)
    if (results / "report.html").is_file():
        print(f"\nreport: {results / 'report.html'}\n")


def print_set_aside(results: Path) -> None:
    """Warn of the songs that were set aside, if any, with the most frequent reasons."""
    if (results / "set_aside.tsv").is_file() and (rows := _read(results / "set_aside.tsv")):
        songs = len({(row["dataset"], row["work"], row["performance"]) for row in rows})
        print(
            f"\nWARNING: {songs} songs were set aside; {results / 'set_aside.tsv'} says why and what to do."
        )
        # most reasons begin with the name of the song's file
        reasons = Counter((row["feature"], row["reason"].rpartition(".h5: ")[2]) for row in rows)
        for (feature, reason), count in reasons.most_common(REASONS_SHOWN):
            print(f"{count:>9} × {f'{feature}: ' if feature else ''}{reason}")
        if len(reasons) > REASONS_SHOWN:
            print(f"          and {len(reasons) - REASONS_SHOWN} other reasons")


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def _figure(text: str, digits: int = 3) -> str:
    return f"{float(text):.{digits}f}" if text else "–"
