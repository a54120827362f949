"""Calibrate one experiment and seed: from distance to the probability of a cover, fitted to validation pairs."""

import argparse
import json
import logging
from pathlib import Path

import numpy as np

from coversim.cli import run
from coversim.evaluation.calibration import calibrate
from coversim.storage import parquet
from coversim.storage.atomic import replacing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pairs", type=Path, required=True, help="distances of all collections' pairs, Parquet"
    )
    parser.add_argument("--fitted-on", default="valid", help="the collection whose pairs it is fitted to")
    parser.add_argument("--output", type=Path, required=True, help="calibration, JSON")
    arguments = parser.parse_args()

    table = parquet.read(arguments.pairs, ["collection", "distance", "label"])
    collection, distance, label = (table[name].to_numpy() for name in table.column_names)
    pairs = {
        str(name): (distance[collection == name], label[collection == name]) for name in np.unique(collection)
    }
    found = calibrate(pairs, arguments.fitted_on)
    if found["slope"] is None:
        logging.warning("no %s pairs of covers and of non-covers: nothing is calibrated", arguments.fitted_on)
    for name, measured in found["collections"].items():
        logging.info("%s: %d pairs, Brier score %.4f", name, measured["pairs"], measured["brier"])
    with replacing(arguments.output) as temporary:
        temporary.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
