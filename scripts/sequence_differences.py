"""Second moments of what differs between aligned patches of covers, of a shard's training works."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.aligned import differences_of_shard
from coversim.sequences.projection import Projection


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="the shard's frames, one file per feature"
    )
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument(
        "--copies", type=Path, required=True, help="of the same data set, songs that do not count"
    )
    parser.add_argument("--projection", type=Path, required=True, help="in which to align, .npz")
    parser.add_argument("--output", type=Path, required=True, help="moments, .npz")
    arguments = parser.parse_args()

    projection = Projection.load(arguments.projection)
    found = differences_of_shard(arguments.frames, arguments.songs, arguments.copies, projection)
    found.save(arguments.output)


if __name__ == "__main__":
    run(main)
