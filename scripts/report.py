"""Write the report of a run: one self-contained HTML file."""

import argparse
from pathlib import Path

from coversim import cli
from coversim.report.page import write_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="resolved configuration, JSON")
    parser.add_argument(
        "--evaluations", type=Path, nargs="*", default=[], help="…/EXPERIMENT/SEED/metrics.json"
    )
    parser.add_argument("--ranks", type=Path, nargs="*", default=[], help="…/EXPERIMENT/SEED/ranks.parquet")
    parser.add_argument("--found", type=Path, nargs="*", default=[], help="…/EXPERIMENT/SEED/found.parquet")
    parser.add_argument("--pairs", type=Path, nargs="*", default=[], help="…/EXPERIMENT/SEED/pairs.parquet")
    parser.add_argument(
        "--calibrations", type=Path, nargs="*", default=[], help="…/EXPERIMENT/SEED/calibration.json"
    )
    parser.add_argument("--embeddings", type=Path, nargs="*", default=[], help="…/EXPERIMENT/SEED/DATASET.h5")
    parser.add_argument("--frames", type=Path, nargs="*", default=[], help="fft/DATASET/FRAMES/SHARD.h5")
    parser.add_argument("--pca", type=Path, nargs="*", default=[], help="pca/PATCHES/pca-COMPONENTS.npz")
    parser.add_argument("--histories", nargs="*", default=[], help="of trainings: EXPERIMENT/SEED=PATH")
    parser.add_argument(
        "--set-aside", type=Path, required=True, help="table of the songs that were set aside"
    )
    parser.add_argument("--summaries", type=Path, nargs="*", default=[], help="…/DATASET/summary.json")
    parser.add_argument(
        "--benchmarks", type=Path, required=True, help="folder of Snakemake's benchmark files"
    )
    parser.add_argument(
        "--records", type=Path, required=True, help="folder of Snakemake's records, .snakemake/metadata"
    )
    parser.add_argument("--titles", type=Path, nargs="*", default=[], help="metadata JSON of the data sets")
    parser.add_argument("--output", type=Path, required=True, help="the HTML file")
    arguments = vars(parser.parse_args())
    histories = (training.split("=", 1) for training in arguments["histories"])
    write_report(**arguments | {"histories": {run: Path(path) for run, path in histories}})


if __name__ == "__main__":
    cli.run(main)
