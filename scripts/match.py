"""Match a shard's queries, as sequences, with the songs of their collection, or with those that an embedding finds first."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.shard import match_shard
from coversim.sequences.tempo import COMPARED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=Path, required=True, help="of the collection, HDF5")
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
    parser.add_argument(
        "--refine",
        type=int,
        default=0,
        help="compare all coarsely, and the nearest so many again; 0: all finely at once",
    )
    parser.add_argument(
        "--double-tempo",
        choices=COMPARED,
        default="none",
        help="compare songs at twice their tempo, too: all, or the nearest (--refine) alone",
    )
    parser.add_argument(
        "--projection",
        type=Path,
        nargs="?",
        help="of these sequences, NPZ: makes songs faster (--double-tempo)",
    )
    parser.add_argument("--output", type=Path, required=True, help="distances, HDF5")
    arguments = parser.parse_args()
    if arguments.double_tempo != "none" and not arguments.projection:
        parser.error("--double-tempo needs --projection, which says how to make songs faster")

    match_shard(
        arguments.sequences,
        arguments.songs,
        arguments.copies,
        arguments.collection,
        arguments.shard,
        arguments.output,
        arguments.candidates,
        arguments.refine,
        arguments.double_tempo,
        arguments.projection,
    )


if __name__ == "__main__":
    run(main)
