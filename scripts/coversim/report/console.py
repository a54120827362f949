"""What a run says when it ends: its headline metrics, and what does not count in them."""

import json
from collections import Counter
from pathlib import Path

from coversim.storage import tsv

REASONS_SHOWN = 5


def print_headline(results: Path) -> None:
    """Print the table of metrics in short, what does not count in it, and the report's path."""
    if (results / "metrics.tsv").is_file():
        rows = tsv.read(results / "metrics.tsv")
        width = max(11, *(len(row["collection"]) + 1 for row in rows))
        print(
            f"\n{'experiment':<16}{'seed':>5} {'collection':<{width}}{'songs':>7}   "
            "MAP (95 % interval)   hubs corrected    MR1    Hit@1"
        )
        for row in rows:
            print(
                f"{row['experiment']:<16}{row['seed']:>5} {row['collection']:<{width}}{row['songs']:>7}   "
                f"{_number(row['map'])} ({_number(row['map_low'])} to {_number(row['map_high'])})"
                f"{_number(row.get('map_hubs', '')):>17}{_number(row['mr1'], 1):>7}  {_number(row['hit_at_1']):>7}"
            )
        # a dictionary keeps each once, in the order of the table
        untrained = {
            f"{row['experiment']} (seed {row['seed']})": None for row in rows if row["kept_epoch"] == "0"
        }
        if untrained:
            print(f"\nUntrained, since no epoch raised the MAP on validation works: {', '.join(untrained)}")
    _print_left_out(results)
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


def _print_left_out(results: Path) -> None:
    """Say how many works of each benchmark are left out, since something was fitted to them or chosen by them."""
    config = results / "config.json"
    datasets = json.loads(config.read_text(encoding="utf-8"))["datasets"] if config.is_file() else {}
    for dataset, settings in datasets.items():
        summary = results / "catalogue" / dataset / "summary.json"
        if not (settings and summary.is_file()):
            continue
        if shared := json.loads(summary.read_text(encoding="utf-8"))["split"].get("shared"):
            print(
                f"\n{dataset}: {shared['works']} of its works are left out, with {shared['songs']} songs: "
                "they are also among the training or validation works."
            )


def _number(text: str, digits: int = 3) -> str:
    return f"{float(text):.{digits}f}" if text else "–"
