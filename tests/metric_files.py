"""A small metric, and songs in the layout of Da-TACOS, some of them covers."""

from pathlib import Path

import numpy as np
import torch

import corpus
from coversim.metric.catalogue.parts import METRIC, Entry, write_part
from coversim.metric.metric import Metric
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


def write_songs(folder: Path, metric: Path, songs: int, parts: int, first: int = 0) -> Path:
    """A catalogue of made-up points, forty around each of some others; or some more of them in it."""
    known = Metric.load(metric)
    if not folder.exists():
        known.save(folder / METRIC)
    size = known.embed(chroma(0), rate=8).vector.size
    centres = np.random.default_rng(0).standard_normal((songs // 40 + 1, size))
    rng = np.random.default_rng(first)
    for part in range(parts):
        numbers = range(first + part * songs // parts, first + (part + 1) * songs // parts)
        points = centres[rng.integers(0, len(centres), len(numbers))] + 0.6 * rng.standard_normal(
            (len(numbers), size)
        )
        entries = [Entry(f"W_{number}", f"P_{number}", "", "", f"/{number}.h5", 1, 1) for number in numbers]
        write_part(folder, entries, known.kind, {"point": points.astype(np.float32)})
    return folder
