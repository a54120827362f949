"""Merge the metrics of all experiments and seeds into one table: a row per collection of each."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.evaluation import metric_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--metrics", type=Path, nargs="+", required=True, help="JSON of each experiment and seed"
    )
    parser.add_argument("--output", type=Path, required=True, help="table, tab-separated")
    arguments = parser.parse_args()
    metric_table.write(arguments.output, metric_table.read(arguments.metrics))


if __name__ == "__main__":
    run(main)
