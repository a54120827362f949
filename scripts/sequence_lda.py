"""Merge the moments of the shards of each source, and take the discriminants of each order."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.projection import SIZE, discriminants
from coversim.sequences.training import of_sources


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--moments", type=Path, nargs="+", required=True, help="{data set}/{shard}.npz: moments of patches"
    )
    parser.add_argument(
        "--differences", type=Path, nargs="+", required=True, help="the same, of what differs between covers"
    )
    parser.add_argument("--output", type=Path, required=True, help="projection, .npz")
    arguments = parser.parse_args()

    total, within = of_sources(arguments.moments), of_sources(arguments.differences)
    discriminants(total, within, SIZE).save(arguments.output)


if __name__ == "__main__":
    run(main)
