"""Late fusion: the distances of several embeddings, brought to one scale and added."""

from collections.abc import Sequence

import numpy as np
import torch

from coversim.errors import CoversimError
from coversim.evaluation.retrieval import in_blocks, squared_distances
from coversim.storage.embeddings import Embeddings


def fused(parts: Sequence[Embeddings], references: Sequence[Embeddings]) -> Embeddings:
    """One embedding per song, whose squared distance is the sum of those of the parts, each standardised.

    Standardised (z-scored) are the squared distances by their standard deviation over all pairs of validation
    songs; their mean, which every pair has, is left out. So nothing is learned from the songs to be compared. Where
    parts are sought at several tempi, the same for all of them, so is the whole.

    Parameters
    ----------
    parts : embeddings of one data set, one of each experiment; songs that are not in all of them are left out
    references : embeddings of all training data sets, of the same experiments in the same order

    Raises
    ------
    CoversimError
        If no song is in all parts.
    """
    names = [list(zip(part.works.tolist(), part.performances.tolist(), strict=True)) for part in parts]
    common = set.intersection(*map(set, names))
    if not common:
        raise CoversimError(
            "no song has an embedding in every experiment to be fused. Remedy: look into set_aside.tsv for the reasons"
        )
    order = [song for song in names[0] if song in common]
    scaled, sought = [], []
    for part, songs, reference in zip(parts, names, references, strict=True):
        row = {song: row for row, song in enumerate(songs)}
        unit = scale(reference)
        rows = [row[song] for song in order]
        scaled.append(part.embeddings[rows] / unit)
        sought.append(scaled[-1][:, None] if part.queries is None else part.queries[rows] / unit)
    kept = [song in common for song in names[0]]
    works, performances, splits = (column[kept] for column in parts[0][:3])
    queries = None
    if any(part.queries is not None for part in parts):
        tempi = max(points.shape[1] for points in sought)  # a part that is sought by its embedding has one
        sought = [np.broadcast_to(points, (len(order), tempi, points.shape[2])) for points in sought]
        queries = np.concatenate(sought, axis=2).astype(np.float32)
    return Embeddings(works, performances, splits, np.concatenate(scaled, axis=1).astype(np.float32), queries)


def scale(reference: Embeddings) -> float:
    """The length in an experiment's embeddings that becomes 1, given those of all training data sets."""
    return float(np.sqrt(spread(reference.embeddings[reference.splits == "valid"])))


def spread(embeddings: np.ndarray) -> float:
    """Standard deviation of the squared distances of all pairs of songs; 1 where all are equal."""
    squared, _ = squared_distances(embeddings)
    total = square = 0.0
    for rows in in_blocks(np.arange(len(embeddings)), len(embeddings)):
        found = squared(rows)
        found[torch.arange(len(rows)), torch.from_numpy(rows)] = 0
        total, square = total + float(found.sum()), square + float(found.square().sum())
    pairs = max(1, len(embeddings) * (len(embeddings) - 1))
    variance = square / pairs - (total / pairs) ** 2
    return float(np.sqrt(variance)) if variance > np.finfo(np.float32).eps * square / pairs else 1.0
