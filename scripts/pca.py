"""Merge the moments of all shards and data sets, and take the leading principal components."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.features.pca import merged, principal_components


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", nargs="+", type=Path, required=True, help="{data set}/{shard}.npz")
    parser.add_argument("--components", type=int, required=True, help="how many principal components")
    parser.add_argument("--output", type=Path, required=True, help="projection, .npz")
    arguments = parser.parse_args()

    principal_components(merged(arguments.moments), arguments.components).save(arguments.output)


if __name__ == "__main__":
    run(main)
