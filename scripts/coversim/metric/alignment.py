"""The third step of a search: the songs that were found first, ordered anew by alignment of their frames."""

from collections.abc import Sequence

import numpy as np
import torch

from coversim.alignment.qmax import qmax_distances
from coversim.errors import CoversimError
from coversim.evaluation.reranking import reordered
from coversim.metric.metric import Metric
from coversim.metric.songs import Song

RATE = 4.0  # frames per second; as the workflow's default
WEIGHT = 1.0  # of the alignment beside the metric's distance; as in config/classics.yaml
TRANSPOSITIONS = 2  # in which two songs are aligned; likewise


def order(
    metric: Metric, song: Song, others: Sequence[tuple[str, float]], distances: np.ndarray
) -> list[int]:
    """The order of songs, path and frame rate of each, by their metric's distances (N,) from `song` and Qmax together.

    Frames are aligned as they are: sharpened, Qmax finds less in the mean over kinds of music (docs/benchmarks.md). Songs
    whose file is gone follow, as near as they were. See coversim.evaluation.reranking.
    """
    chroma, there = [], []
    for place, (path, rate) in enumerate(others):
        try:
            chroma.append(metric.opened(path, rate).frames(RATE))
            there.append(place)
        except CoversimError:
            continue
    aligned = qmax_distances(song.frames(RATE), chroma, TRANSPOSITIONS) if there else np.zeros(0)
    places = torch.tensor(there, dtype=torch.int64)
    score = reordered(
        torch.from_numpy(distances**2)[None], places[None], torch.from_numpy(aligned)[None], WEIGHT
    )[0]
    return score.argsort(stable=True).tolist()
