"""What orders songs anew: a correction for hubs; and for songs that the embedding finds first, a comparison pair by pair."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from coversim.evaluation.retrieval import in_blocks, squared_distances

COPY = 0.01  # of a distance


def hubness(embeddings: np.ndarray, neighbours: int, device: torch.device | str | None = None) -> Tensor:
    """How near all is to each song, (songs,) > 0: root mean square distance to its `neighbours` nearest songs.

    Divided by those of both its songs, a distance no longer favours hubs, which are among the nearest of very
    many songs (NICDM: Schnitzer, Flexer, Schedl & Widmer, 2012, "Local and global scaling reduce hubs in space").
    """
    squared, rounding = squared_distances(embeddings, device)
    typical = torch.ones(len(embeddings), dtype=torch.float64, device=device)
    for rows in in_blocks(np.arange(len(embeddings)), len(embeddings)):
        distance = squared(rows)
        distance[torch.arange(len(rows)), torch.from_numpy(rows)] = torch.inf
        first = distance.topk(min(neighbours, len(embeddings) - 1), largest=False).values
        typical[rows] = first.clamp(min=max(rounding, np.finfo(np.float64).tiny)).mean(dim=1).sqrt()
    return typical


def mean_of_nearest(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], songs: int, neighbours: int
) -> np.ndarray:
    """Hubness where there are but distances: geometric mean of those of the `neighbours` queries nearest to a song.

    A song is no neighbour of its own. One that no other query is compared with has 1. A copy of it counts as no nearer
    than COPY of the furthest of these.

    Parameters
    ----------
    blocks : rows of some queries, and their distances (queries, songs); NaN where two were not compared
    """
    nearest = np.full((neighbours, songs), np.inf)
    for rows, distance in blocks:
        others = np.array(distance, dtype=np.float64)
        others[np.arange(len(rows)), rows] = np.inf
        nearest = np.partition(np.concatenate((nearest, others)), neighbours - 1, axis=0)[:neighbours]
    found = np.isfinite(nearest)
    count = found.sum(axis=0)
    furthest = np.where(found, nearest, 0).max(axis=0, initial=0)
    least = np.maximum(COPY * furthest, np.finfo(np.float64).tiny)
    logarithms = np.log(np.where(found, np.maximum(nearest, least), 1))
    return np.exp(logarithms.sum(axis=0) / np.maximum(count, 1))


def reordered(squared: Tensor, candidates: Tensor, aligned: Tensor, weight: float) -> Tensor:
    """Embedding distances (queries, songs), of which those of the candidates are ordered anew and come first; in place.

    Their score is z(D) − weight · z(1 / A), with D the Euclidean distance of the embeddings, A that of the
    alignment, and z the deviation from the mean of the query's candidates in standard deviations.

    Parameters
    ----------
    squared : squared Euclidean distances of the embeddings
    candidates : (queries, candidates) int64, songs that were aligned with each query
    aligned : their distances by alignment
    """
    if not candidates.shape[1]:
        return squared
    near = squared.gather(1, candidates).clamp(min=0).sqrt()
    score = _standardised(near) - weight * _standardised(1 / aligned)
    first = score - score.amax(dim=1, keepdim=True) - 1
    return squared.scatter_(1, candidates, first.to(squared.dtype))


def _standardised(values: Tensor) -> Tensor:
    """Deviations from the mean of each row, in its standard deviations."""
    deviation = values - values.mean(dim=1, keepdim=True)
    variance = deviation.square().mean(dim=1, keepdim=True)
    return deviation / variance.sqrt().clamp(min=torch.finfo(values.dtype).tiny)
