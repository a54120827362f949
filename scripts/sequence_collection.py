"""Join the sequences of all shards to those of a collection, in one file."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences import storage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sequences", type=Path, nargs="+", required=True, help="of all shards, HDF5, in their order"
    )
    parser.add_argument("--collection", required=True)
    parser.add_argument("--output", type=Path, required=True, help="of the songs of the collection, HDF5")
    arguments = parser.parse_args()

    split = arguments.collection.partition("/")[0]
    storage.join(arguments.sequences, split, arguments.output)


if __name__ == "__main__":
    run(main)
