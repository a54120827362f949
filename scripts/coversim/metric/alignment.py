"""The third step of a search: the songs that were found first, ordered anew by alignment of their frames."""

from collections.abc import Sequence

import numpy as np
import torch

from coversim.alignment.qmax import qmax_distances
from coversim.errors import CoversimError
from coversim.evaluation.reranking import reordered
from coversim.features.patches import sharpen
from coversim.metric.metric import Metric
from coversim.metric.songs import Song

RATE = 4.0  # frames per second; as the workflow's default
WEIGHT = 1.0  # of the alignment beside the metric's distance; as in config/classics.yaml
TRANSPOSITIONS = 2  # in which two songs are aligned; likewise


def order(
    metric: Metric, song: Song, others: Sequence[tuple[str, float]], distances: np.ndarray
) -> list[int]:
    """The order of songs, path and frame rate of each, by their metric's distances (N,) from `song` and Qmax together.

    Those whose file is gone follow, as near as they were. See coversim.evaluation.reranking.
    """
    chroma, there = [], []
    for place, (path, rate) in enumerate(others):
        try:
            chroma.append(_chroma(metric, metric.opened(path, rate)))
            there.append(place)
        except CoversimError:
            continue
    aligned = qmax_distances(_chroma(metric, song), chroma, TRANSPOSITIONS) if there else np.zeros(0)
    places = torch.tensor(there, dtype=torch.int64)
    score = reordered(
        torch.from_numpy(distances**2)[None], places[None], torch.from_numpy(aligned)[None], WEIGHT
    )[0]
    return score.argsort(stable=True).tolist()


def _chroma(metric: Metric, song: Song) -> np.ndarray:
    """Frames (C, 12, T), sharpened as the metric's experiment sharpens them."""
    frames = torch.from_numpy(song.frames(RATE))
    return sharpen(frames[None], metric.sharpness)[0].numpy()
