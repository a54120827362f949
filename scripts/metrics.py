"""Merge the metrics of all experiments and seeds into one table: a row per collection of each."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.evaluation import metric_table
from coversim.siamese.history import kept_epoch, read_valid_maps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--metrics", type=Path, nargs="+", required=True, help="JSON of each experiment and seed"
    )
    parser.add_argument("--histories", nargs="*", default=[], help="of trainings: EXPERIMENT/SEED=PATH")
    parser.add_argument("--output", type=Path, required=True, help="table, tab-separated")
    arguments = parser.parse_args()
    trainings = dict(training.split("=", 1) for training in arguments.histories)
    valid_maps = {name: read_valid_maps(Path(path)) for name, path in trainings.items()}
    kept = {name: kept_epoch(of_epochs) for name, of_epochs in valid_maps.items() if of_epochs}
    table = metric_table.read(arguments.metrics)
    runs = zip(table.experiment, table.seed, strict=True)
    table["kept_epoch"] = [kept.get(f"{experiment}/{seed}") for experiment, seed in runs]
    metric_table.write(arguments.output, table.astype({"kept_epoch": "Int64"}))


if __name__ == "__main__":
    run(main)
