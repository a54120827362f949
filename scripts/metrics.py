"""Merge the figures of all experiments and seeds into one table: a row per collection of each."""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

from coversim.cli import run
from coversim.errors import CoversimError
from coversim.storage.atomic import replacing
from coversim.storage.checksums import check

FIRST = (
    *("experiment", "seed", "collection", "works", "songs", "queries"),
    *("map", "map_low", "map_high", "mr1", "mrr", "p_at_10", "hit_at_1", "hit_at_10"),
    *("roc_auc", "roc_auc_nearest", "eer", "accuracy"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--metrics", type=Path, nargs="+", required=True, help="JSON of each experiment and seed"
    )
    parser.add_argument("--output", type=Path, required=True, help="table, tab-separated")
    arguments = parser.parse_args()

    rows = [row for path in arguments.metrics for row in read(path)]
    columns = dict.fromkeys((*FIRST, *(column for row in rows for column in row)))
    with replacing(arguments.output) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, dialect="excel-tab", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(path: Path) -> Sequence[dict]:
    """The rows of one file; what is no single number, such as a histogram, stays behind."""
    check(path)
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CoversimError(
            f"{path}: not JSON ({error}). Remedy: delete it; the next run makes it anew"
        ) from error
    return [
        {"experiment": metrics["experiment"], "seed": metrics["seed"], "collection": collection}
        | {name: value for name, value in figures.items() if not isinstance(value, dict | list)}
        for collection, figures in metrics["collections"].items()
    ]


if __name__ == "__main__":
    run(main)
