"""Sequences of the training songs by which hubs are told."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.network import load
from coversim.sequences.songs import write_hubs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--frames",
        type=Path,
        nargs="+",
        required=True,
        help="all shards of all training data sets and features",
    )
    parser.add_argument(
        "--songs", type=Path, nargs="+", required=True, help="catalogue of each training data set"
    )
    parser.add_argument(
        "--copies", type=Path, nargs="+", required=True, help="of the same data sets, songs that do not count"
    )
    parser.add_argument("--projection", type=Path, required=True, help=".npz")
    parser.add_argument("--output", type=Path, required=True, help="sequences, HDF5")
    arguments = parser.parse_args()

    projection = load(arguments.projection)
    write_hubs(arguments.frames, arguments.songs, arguments.copies, projection, arguments.output)


if __name__ == "__main__":
    run(main)
