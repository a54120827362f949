"""Compare a shard's queries with the songs of their collection, or with those that an embedding finds first."""

import argparse
from pathlib import Path

from coversim.alignment import qmax
from coversim.alignment.shard import align_shard
from coversim.cli import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=qmax.METHODS, required=True)
    parser.add_argument(
        "--transpositions", type=int, required=True, help="in which two songs are aligned; the best counts"
    )
    parser.add_argument(
        "--sharpness",
        type=float,
        nargs="+",
        required=True,
        help="of each feature, see coversim.features.patches",
    )
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="all shards of all features, in their order"
    )
    parser.add_argument(
        "--songs", type=Path, nargs="+", required=True, help="catalogues with the split of each song"
    )
    parser.add_argument(
        "--copies", type=Path, nargs="+", required=True, help="of the same data sets, songs that do not count"
    )
    parser.add_argument("--collection", required=True)
    parser.add_argument("--shard", required=True, help="whose songs are the queries")
    parser.add_argument(
        "--candidates", type=Path, nargs="?", help="which songs to compare a query with, HDF5; none: all"
    )
    parser.add_argument("--output", type=Path, required=True, help="distances, HDF5")
    arguments = parser.parse_args()

    align_shard(
        arguments.method,
        arguments.transpositions,
        arguments.sharpness,
        arguments.frames,
        arguments.songs,
        arguments.copies,
        arguments.collection,
        arguments.shard,
        arguments.output,
        arguments.candidates,
    )


if __name__ == "__main__":
    run(main)
