"""Where trainings are remembered: one folder per key, a digest of all that a training depends on.

<states>/<settings and seed>/<key>/state.pt                  an interrupted training
<states>/<settings and seed>/<key>/model.pt, history.tsv     a finished one; of sequences, projection.npz instead of model.pt
"""

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch

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


def is_finished(state: Path, model: str = "model.pt") -> bool:
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
