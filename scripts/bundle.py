"""Join all that it takes to compare songs into one file: model, sampling, PCA, tempi, calibration."""

import argparse
import hashlib
import json
from pathlib import Path

from coversim.cli import run
from coversim.metric.kinds import Embeddings
from coversim.metric.metric import Metric
from coversim.siamese import encoder
from coversim.storage import json_files, tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model.pt")
    parser.add_argument(
        "--query-tempi", type=float, nargs="*", default=[], help="tempi at which a song is sought"
    )
    parser.add_argument("--settings", type=Path, required=True, help="the experiment's settings, a JSON file")
    parser.add_argument("--calibration", type=Path, required=True, help="calibration.json")
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument("--output", type=Path, required=True, help="metric.pt")
    arguments = parser.parse_args()

    about = {
        "experiment": arguments.experiment,
        "seed": arguments.seed,
        "settings": json.loads(arguments.settings.read_text(encoding="utf-8")),
        "trained_on": trained_on(arguments.songs),
    }
    kind = Embeddings(encoder.content_of(arguments.model), arguments.query_tempi)
    Metric(kind, json_files.read(arguments.calibration), about).save(arguments.output)


def trained_on(catalogue: Path) -> dict[str, str | int]:
    """Number and SHA-256 of the works and songs that were there to train and to validate with."""
    songs = sorted(
        (row["work"], row["performance"]) for row in tsv.read(catalogue) if row["split"] in ("train", "valid")
    )
    listed = "".join(f"{work}\t{performance}\n" for work, performance in songs)
    digest = hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
    return {"works": len({work for work, _ in songs}), "songs": len(songs), "digest": digest}


if __name__ == "__main__":
    run(main)
