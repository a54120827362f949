"""The arguments of each script that trains."""

import argparse
from pathlib import Path


def training_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of settings and seed, songs, what remembers trainings, and the computer; a script adds its own inputs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--settings", type=Path, required=True, help="the experiment's settings, a JSON file")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--frames",
        type=Path,
        nargs="+",
        required=True,
        help="all shards of all features, in their order, of all data sets",
    )
    parser.add_argument(
        "--songs", type=Path, nargs="+", required=True, help="of each data set, the split of each song"
    )
    parser.add_argument(
        "--copies", type=Path, nargs="+", required=True, help="of the same data sets, songs that do not count"
    )
    parser.add_argument("--code", required=True, help="digest of the code that trains")
    parser.add_argument(
        "--state",
        type=Path,
        required=True,
        help="folder that remembers trainings with these settings and this seed",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--history", type=Path, required=True)
    return parser
