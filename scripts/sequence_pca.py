"""Merge the moments of the shards of each source, and take the principal components of each order."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.sequences.projection import SIZE, principal_components
from coversim.sequences.training import of_sources


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--moments", type=Path, nargs="+", required=True, help="{data set}/{shard}.npz: moments of patches"
    )
    parser.add_argument("--output", type=Path, required=True, help="projection, .npz")
    arguments = parser.parse_args()

    principal_components(of_sources(arguments.moments), SIZE).save(arguments.output)


if __name__ == "__main__":
    run(main)
