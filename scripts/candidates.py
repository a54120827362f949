"""Find the songs of a collection that the embedding of each query finds first, which alignment is to order anew."""

import argparse
from pathlib import Path

import torch

from coversim.alignment.candidates import write_candidates
from coversim.cli import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=Path, nargs="+", required=True, help="of the data sets, HDF5")
    parser.add_argument("--collection", required=True)
    parser.add_argument("--candidates", type=int, required=True, help="how many of each query")
    parser.add_argument("--output", type=Path, required=True, help="their rows in the collection, HDF5")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    write_candidates(arguments.embeddings, arguments.collection, arguments.candidates, arguments.output)


if __name__ == "__main__":
    run(main)
