"""The map of a collection: its embeddings in two dimensions, so that neighbours stay neighbours (t-SNE)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from coversim.report.songs import Songs
from coversim.storage.embeddings import of_split

SONGS = 1500  # on the map at most: of more, those of every second work, third, …
PERPLEXITY = 12  # neighbours that count, about


@dataclass
class Map:
    """A dot for each song."""

    experiment: str
    songs: int  # of the collection
    dots: list[tuple[float, float, str]]  # x and y in percent; what its nearest song is: of KINDS
    titles: list[str]
    works: list[int]  # equal for covers of each other


KINDS = {
    "hit": "the nearest song is a cover",
    "miss": "the nearest song is none",
    "alone": "no cover there",
}


def song_map(experiment: str, embeddings: Sequence[Path], collection: str, songs: Songs) -> Map | None:
    """The map of a collection; None where it has too few songs."""
    there = of_split(embeddings, collection)
    total = len(there.works)
    works, work = np.unique(there.works, return_inverse=True)
    kept = np.flatnonzero(work % max(1, -(-total // SONGS)) == 0)
    points = there.embeddings[kept].astype(np.float64)
    work = work[kept]
    if len(kept) < 8 or len(np.unique(points, axis=0)) < 8:
        return None
    squared = np.square(points).sum(axis=1)
    distance = np.maximum(squared[:, None] + squared - 2 * points @ points.T, 0)
    np.fill_diagonal(distance, np.inf)
    nearest_is_cover = work[distance.argmin(axis=1)] == work
    has_cover = np.bincount(work, minlength=len(works))[work] > 1
    tsne = TSNE(
        perplexity=min(PERPLEXITY, (len(kept) - 1) / 3),
        learning_rate=max(
            len(kept) / 48, 5.0
        ),  # scikit-learn's, but for few songs: its least throws some far out
        init="pca",
        max_iter=400,
        random_state=0,
    )
    with threadpool_limits(
        1
    ):  # the job's own number; threads that wait for each other take many times as long
        placed = tsne.fit_transform(points.astype(np.float32))
    low, high = placed.min(axis=0), placed.max(axis=0)
    placed = 2 + 96 * (placed - low) / np.maximum(high - low, 1e-9)
    kinds = np.where(has_cover, np.where(nearest_is_cover, "hit", "miss"), "alone")
    dots = [
        (round(float(x), 1), round(float(y), 1), str(kind))
        for (x, y), kind in zip(placed, kinds, strict=True)
    ]
    names = zip(there.works[kept].tolist(), there.performances[kept].tolist(), strict=True)
    return Map(experiment, total, dots, [songs.title(name)[:80] for name in names], work.tolist())
