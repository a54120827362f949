"""Join all that it takes to compare songs into one file: model, sampling, PCA, tempi, calibration."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from coversim.cli import run
from coversim.metric.kinds.kind import Kind
from coversim.metric.kinds.points import Embeddings, Fused
from coversim.metric.kinds.sequences import Sequences
from coversim.metric.metric import Metric
from coversim.sequences import storage
from coversim.sequences.network import load
from coversim.sequences.tempo import COMPARED
from coversim.siamese import encoder
from coversim.siamese.fusion import scale
from coversim.storage import embeddings, json_files, tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seed", type=int, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="model.pt, of an embedding")
    source.add_argument("--parts", type=Path, nargs="+", help="metric.pt of each experiment that is fused")
    source.add_argument("--projection", type=Path, help="projection, .npz, of sequences")
    parser.add_argument(
        "--query-tempi", type=float, nargs="*", default=[], help="tempi at which a song is sought (--model)"
    )
    parser.add_argument(
        "--references",
        type=Path,
        nargs="+",
        help="embeddings of the training data sets, {experiment}/{seed}/{data set}.h5 (--parts)",
    )
    parser.add_argument(
        "--first-step",
        type=Path,
        nargs="?",
        help="metric.pt of an embedding that finds the songs to match; none: outlines of the sequences do (--projection)",
    )
    parser.add_argument("--hubs", type=Path, nargs="?", help="sequences that show hubs, HDF5 (--projection)")
    parser.add_argument(
        "--refine",
        type=int,
        default=0,
        help="compare at half the rate, and the nearest so many again; 0: all at the whole one (--projection)",
    )
    parser.add_argument(
        "--double-tempo",
        choices=COMPARED,
        default="none",
        help="compare songs at twice their tempo, too: all, or the nearest alone (--projection, linear)",
    )
    parser.add_argument("--settings", type=Path, required=True, help="the experiment's settings, a JSON file")
    parser.add_argument("--calibration", type=Path, required=True, help="calibration.json")
    parser.add_argument(
        "--songs", type=Path, nargs="+", required=True, help="catalogues with the split of each training song"
    )
    parser.add_argument("--output", type=Path, required=True, help="metric.pt")
    arguments = parser.parse_args()

    settings = json.loads(arguments.settings.read_text(encoding="utf-8"))
    about = {
        "experiment": arguments.experiment,
        "seed": arguments.seed,
        "settings": settings,
        "trained_on": trained_on(arguments.songs),
    }
    kind = kind_of(arguments, settings)
    Metric(kind, json_files.read(arguments.calibration), about).save(arguments.output)


def kind_of(arguments: argparse.Namespace, settings: dict[str, Any]) -> Kind:
    """What compares songs: an embedding, several together, or sequences."""
    if arguments.model:
        return Embeddings(encoder.content_of(arguments.model), arguments.query_tempi)
    if arguments.parts:
        kinds = [cast(Embeddings, Metric.load(path).kind) for path in arguments.parts]
        scales = [
            scale(
                embeddings.of_split(
                    [path for path in arguments.references if run_of(path) == run_of(part)], "valid"
                )
            )
            for part in arguments.parts
        ]
        return Fused(kinds, scales)
    projection, probes = load(arguments.projection), None
    if arguments.hubs:
        hubs = storage.read(arguments.hubs)
        probes = {"offset": hubs.offsets, "vector": hubs.vectors, "profile": hubs.profiles}
    first_step = arguments.first_step and cast(Embeddings, Metric.load(arguments.first_step).kind)
    return Sequences(
        settings["features"], projection, probes, arguments.refine, arguments.double_tempo, first_step
    )


def run_of(path: Path) -> tuple[str, ...]:
    """Experiment and seed, as the folders of a file are called."""
    return path.parts[-3:-1]


def trained_on(catalogues: Sequence[Path]) -> dict[str, str | int]:
    """Number and SHA-256 of the works and songs that were there to train and to validate with."""
    songs = sorted(
        (row["work"], row["performance"])
        for catalogue in catalogues
        for row in tsv.read(catalogue)
        if row["split"] in ("train", "valid")
    )
    listed = "".join(f"{work}\t{performance}\n" for work, performance in songs)
    digest = hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
    return {"works": len({work for work, _ in songs}), "songs": len(songs), "digest": digest}


if __name__ == "__main__":
    run(main)
