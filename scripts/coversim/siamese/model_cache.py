"""Where trainings are remembered: one folder per key, a digest of all that a training depends on.

<states>/<settings and seed>/<key>/state.pt                  an interrupted training
<states>/<settings and seed>/<key>/model.pt, history.tsv     a finished one; of sequences, projection.npz instead of model.pt
"""

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from coversim.errors import CoversimError
from coversim.siamese.history import outcome, read_valid_maps, write_history
from coversim.storage.atomic import replacing
from coversim.storage.checksums import is_intact

KEPT = 100  # trainings remembered, a few MB each: going back to an earlier configuration costs seconds


def training_key(settings: dict, seed: int, code: str, inputs: Iterable[bytes]) -> str:
    """Digest of settings, seed, code, the installed torch and the content of the inputs, part by part."""
    known = [settings, seed, code, torch.__version__]
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for part in inputs:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:32]


def train_once(
    states: Path, key: str, model: Path, history: Path, train: Callable[[Path, Path], list[dict[str, Any]]]
) -> None:
    """Put the model and the history of a training in place; it is done now, unless it was finished before.

    Parameters
    ----------
    states : where trainings with the same settings and seed are remembered
    key : see `training_key`
    model, history : the files that come out
    train : trains, and goes on from its first argument, the file of an interrupted training. It writes the model to its
        second, and gives a row with the keys of coversim.siamese.history.HISTORY for each epoch.

    Raises
    ------
    CoversimError
        If the GPU has too little memory.
    """
    state = states / key
    if is_finished(state, model.name):
        logging.info("trained before, with the same settings, code and inputs: %s", key)
    else:
        earlier = keep_log(state / "train.log")
        try:
            epochs = train(state / "state.pt", state / model.name)
        except torch.OutOfMemoryError as error:  # of the GPU; host memory is the scheduler's matter
            raise CoversimError(
                "the GPU has too little memory for a batch. Remedy: lower train.batch.works or train.excerpt"
            ) from error
        write_history(state / "history.tsv", epochs)
        for path in (state / "state.pt", earlier):
            path.unlink(missing_ok=True)
    copy(state / "history.tsv", history)
    copy(state / model.name, model)
    logging.info(outcome(read_valid_maps(history)))
    state.touch()
    forget_old(states.parent)


def is_finished(state: Path, model: str) -> bool:
    """Whether the training of a key is finished, and what it left, the file `model`, is as it was written."""
    return all((state / name).exists() and is_intact(state / name) for name in (model, "history.tsv"))


def keep_log(path: Path) -> Path:
    """Say again what earlier attempts said, since Snakemake begins each with an empty log; and keep what this one says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        sys.stderr.write(path.read_text(encoding="utf-8"))
    root = logging.getLogger()
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(root.handlers[0].formatter if root.handlers else None)
    root.addHandler(handler)
    return path


def copy(source: Path, target: Path) -> None:
    """Copy a file; the target is whole or absent."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def forget_old(states: Path, kept: int = KEPT) -> None:
    """Remove all but the `kept` newest trainings of all settings; other jobs may do so at the same time."""
    ages = {}
    for folder in states.glob("*/*/"):
        with suppress(FileNotFoundError):
            ages[folder] = folder.stat().st_mtime_ns
    for folder in sorted(ages, key=ages.__getitem__)[:-kept]:
        shutil.rmtree(folder, ignore_errors=True)
