"""Evaluate one experiment and seed: retrieval and pair metrics of each collection, and what its distances mean."""

import argparse
from pathlib import Path
from typing import Any

import torch

from coversim.cli import run
from coversim.evaluation.comparison import Comparison, by_alignment, by_embedding
from coversim.evaluation.evaluate import evaluate
from coversim.storage import hdf5, json_files, parquet

CPU = torch.device("cpu")  # fast enough: see the rule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--embeddings",
        type=Path,
        nargs="*",
        default=[],
        help="of all data sets, HDF5; none: by alignment alone",
    )
    parser.add_argument(
        "--aligned",
        type=Path,
        nargs="*",
        default=[],
        help="{seed}/{collection}/{shard}.h5: distances by alignment",
    )
    parser.add_argument("--weight", type=float, nargs="?", help="of the alignment, in re-ranking")
    parser.add_argument(
        "--neighbours",
        type=int,
        default=0,
        help="of each song by which hubs are corrected; 0: not at all",
    )
    parser.add_argument("--collections", nargs="+", required=True)
    parser.add_argument(
        "--pairs", type=Path, nargs="+", required=True, help="of each collection, in their order"
    )
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap over works")
    parser.add_argument("--bootstrap-seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="metrics, JSON")
    parser.add_argument("--ranks", type=Path, required=True, help="one row per query, Parquet")
    parser.add_argument(
        "--pair-distances", type=Path, required=True, help="one row per pair, with its distance, Parquet"
    )
    parser.add_argument(
        "--found", type=Path, required=True, help="the songs that each query finds first, Parquet"
    )
    parser.add_argument("--calibration", type=Path, required=True, help="from distance to probability, JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    def compare(collection: str) -> Comparison:
        aligned = [path for path in arguments.aligned if path.parent.match(f"{arguments.seed}/{collection}")]
        if arguments.embeddings:
            return by_embedding(
                collection, arguments.embeddings, aligned, arguments.weight, arguments.neighbours, CPU
            )
        return by_alignment(aligned, arguments.neighbours)

    pairs = dict(zip(arguments.collections, arguments.pairs, strict=True))
    found = evaluate(compare, pairs, arguments.resamples, arguments.bootstrap_seed)
    result = {
        "experiment": arguments.experiment,
        "seed": arguments.seed,
        "settings": settings_of(arguments),
        "collections": found.metrics,
    }
    json_files.write(arguments.output, result)
    json_files.write(arguments.calibration, found.calibration)
    parquet.write(arguments.ranks, found.ranks)
    parquet.write(arguments.pair_distances, found.pairs)
    parquet.write_parts(arguments.found, found.found)


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the evaluated files were made with, as they say themselves."""
    settings = hdf5.read_settings(arguments.embeddings[0]) if arguments.embeddings else {}
    if arguments.aligned:
        settings["alignment"] = hdf5.read_settings(arguments.aligned[0])
    if arguments.aligned and arguments.embeddings:
        settings["rerank"] = {"weight": arguments.weight}
    return settings | {"evaluation": {"neighbours": arguments.neighbours}}


if __name__ == "__main__":
    run(main)
