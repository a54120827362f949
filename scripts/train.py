"""Train one experiment with one seed. The same training is never done twice: see coversim.siamese.model_cache."""

import argparse
import json
import logging
from pathlib import Path

import torch

from coversim.cli import run
from coversim.device import choose_device, compute_reproducibly
from coversim.errors import CoversimError
from coversim.features.pca import Projection
from coversim.siamese import encoder
from coversim.siamese.history import kept_epoch, outcome, write_history
from coversim.siamese.model_cache import copy, forget_old, is_finished, keep_log, training_key
from coversim.siamese.songs import contents, load_songs
from coversim.siamese.training import train
from coversim.storage import tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
    parser.add_argument(
        "--pairs",
        type=Path,
        nargs="*",
        default=[],
        help="training pairs of each data set, if train.loss.negatives is pairs",
    )
    parser.add_argument("--pca", type=Path, nargs="?", help="projection, .npz; none: patches as they are")
    parser.add_argument("--code", required=True, help="digest of the code that trains")
    parser.add_argument(
        "--state",
        type=Path,
        required=True,
        help="folder that remembers trainings with these settings and this seed",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--history", type=Path, required=True)
    arguments = parser.parse_args()

    settings = json.loads(arguments.settings.read_text(encoding="utf-8"))
    training, validation, pairs = load_songs(
        settings, arguments.frames, arguments.songs, arguments.copies, arguments.pairs
    )
    inputs = contents(training, validation, pairs, arguments.pca)
    key = training_key(settings, arguments.seed, arguments.code, inputs)
    state = arguments.state / key
    if is_finished(state):
        logging.info("trained before, with the same settings, code and inputs: %s", key)
    else:
        earlier = keep_log(state / "train.log")
        compute_reproducibly(arguments.threads)
        device = choose_device(arguments.device)
        projection = Projection.load(arguments.pca) if arguments.pca else None
        try:
            trained, history = train(
                settings, arguments.seed, training, validation, pairs, projection, device, state / "state.pt"
            )
        except torch.OutOfMemoryError as error:  # of the GPU; host memory is the scheduler's matter
            raise CoversimError(
                "the GPU has too little memory for a batch. Remedy: lower train.batch.works or train.excerpt"
            ) from error
        write_history(state / "history.tsv", history)
        kept = kept_epoch([row["valid_map"] for row in history]) if history else None
        encoder.save(state / "model.pt", trained, key, kept)
        for path in (state / "state.pt", earlier):
            path.unlink(missing_ok=True)
    copy(state / "history.tsv", arguments.history)
    copy(state / "model.pt", arguments.model)
    logging.info(outcome([float(row["valid_map"]) for row in tsv.read(arguments.history)]))
    state.touch()
    forget_old(arguments.state.parent)


if __name__ == "__main__":
    run(main)
