"""A small metric, and songs in the layout of Da-TACOS, some of them covers."""

from pathlib import Path

import numpy as np
import torch

import corpus
from coversim.siamese import encoder as encoders
from experiments import experiment

CALIBRATION = {
    "slope": 4.0,
    "intercept": 3.0,
    "operating_points": {
        "best_accuracy": {"threshold": 0.75, "test": {"precision": 0.9, "recall": 0.8, "accuracy": 0.85}},
        "high_precision": {"threshold": None},
    },
}
WORKS = {"W_1": ["P_a", "P_ü b"], "W_2": ["P_c"], "W_3": ["P_d", "P_e"]}


def write_model(path: Path, **changes: dict) -> Path:
    """The model.pt of a network that was not trained."""
    torch.manual_seed(0)
    encoders.save(path, encoders.Encoder(experiment(pca={"components": 0}, **changes), None), "digest")
    return path


def path_of(root: Path, work: str, performance: str, feature: str = "crema") -> Path:
    return corpus.song_path(root, work, performance, feature, "per-feature")


def chroma(seed: int, seconds: float = 60, rate: float = 8) -> np.ndarray:
    """Chroma that moves as slowly as music."""
    noise = np.random.default_rng(seed).random((12, int(seconds * rate) + 4)) ** 4
    return sum(noise[:, start : start + int(seconds * rate)] for start in range(5)) / 5
