"""Merge the moments of all shards and take the leading principal components."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.features.pca import Moments, principal_components


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", nargs="+", type=Path, required=True, help="moments of each shard, .npz")
    parser.add_argument("--components", type=int, required=True, help="how many principal components")
    parser.add_argument("--output", type=Path, required=True, help="projection, .npz")
    arguments = parser.parse_args()

    moments = Moments.load(arguments.moments[0])
    for path in arguments.moments[1:]:
        moments.merge(path)
    principal_components(moments, arguments.components).save(arguments.output)


if __name__ == "__main__":
    run(main)
