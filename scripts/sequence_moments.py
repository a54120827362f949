"""Second moments of the patches, which keep pitch, of a shard's training songs, each recording of the shard once."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.training import moments_of_shard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="the shard's frames, one file per feature"
    )
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument("--output", type=Path, required=True, help="moments, .npz")
    arguments = parser.parse_args()

    moments_of_shard(arguments.frames, arguments.songs).save(arguments.output)


if __name__ == "__main__":
    run(main)
