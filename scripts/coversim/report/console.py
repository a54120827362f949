"""What a run says when it ends: its headline metrics, and a warning for the songs that were set aside."""

from collections import Counter
from pathlib import Path

from coversim.storage import tsv

REASONS_SHOWN = 5


def print_headline(results: Path) -> None:
    """Print the table of metrics in short, the songs set aside, and the report's path."""
    if (results / "metrics.tsv").is_file():
        rows = tsv.read(results / "metrics.tsv")
        width = max(11, *(len(row["collection"]) + 1 for row in rows))
        print(
            f"\n{'experiment':<16}{'seed':>5} {'collection':<{width}}{'songs':>7}   "
            "MAP (95 % interval)     MR1    Hit@1"
        )
        for row in rows:
            print(
                f"{row['experiment']:<16}{row['seed']:>5} {row['collection']:<{width}}{row['songs']:>7}   "
                f"{_number(row['map'])} ({_number(row['map_low'])} to {_number(row['map_high'])})"
                f"{_number(row['mr1'], 1):>9}  {_number(row['hit_at_1']):>7}"
            )
    print_set_aside(results)
    if (results / "report.html").is_file():
        print(f"\nreport: {results / 'report.html'}\n")


def print_set_aside(results: Path) -> None:
    """Warn of the songs that were set aside, if any, with the most frequent reasons."""
    if (results / "set_aside.tsv").is_file() and (rows := tsv.read(results / "set_aside.tsv")):
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


def _number(text: str, digits: int = 3) -> str:
    return f"{float(text):.{digits}f}" if text else "–"
