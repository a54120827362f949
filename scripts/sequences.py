"""Sequences of a shard's songs, and how much of a hub each of them is."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.network import load
from coversim.sequences.songs import write_songs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="the shard's frames, one file per feature"
    )
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument(
        "--copies", type=Path, required=True, help="of the same data set, songs that do not count"
    )
    parser.add_argument("--projection", type=Path, required=True, help=".npz")
    parser.add_argument("--hubs", type=Path, required=True, help="sequences of training songs, HDF5")
    parser.add_argument("--output", type=Path, required=True, help="sequences, HDF5")
    arguments = parser.parse_args()

    projection = load(arguments.projection)
    write_songs(
        arguments.frames, arguments.songs, arguments.copies, projection, arguments.hubs, arguments.output
    )


if __name__ == "__main__":
    run(main)
