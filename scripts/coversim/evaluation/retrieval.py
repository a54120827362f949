"""Retrieval: each song with a cover is a query once, and its covers are to be found in its collection.

Conventions
-----------
As in Da-TACOS (Yesiler et al., 2019):

- The candidates are all other songs of the collection, the nearest first; ranks count from 1.
- Songs without a cover are candidates (distractors), never queries.
- A non-cover at the same distance as a cover ranks before it: a collapsed embedding earns nothing.
- Distances that differ by no more than their rounding are the same.

Metrics
-------
A `Ranking` holds them for each query; the metric of a collection is the mean over its queries.

- `average_precision`: Σ P(k)·rel(k) / R over the ranks k, with R *all* covers of the query. The mean is MAP.
- `first_rank`: the rank of the first cover. The mean is MR1; lower is better.
- `reciprocal_rank`: 1 / `first_rank`. The mean is MRR.
- `precision_at_10`: the share of covers among the first 10; with R < 10 covers it is R / 10 at most.
- `hit_at_1`, `hit_at_10`: 1 if a cover is the first, or among the first 10, else 0.
- `recall_at_1` and so on, for the numbers in DEPTHS: the share of the covers among the first so many.

How they are computed
---------------------
Only the distances of the query's own covers are sorted: the rank of a cover is the number of non-covers at
most as far away, plus its place among the covers. A block of queries costs one matrix product and one
comparison per cover, exact, in a few megabytes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from coversim.errors import CoversimError

BLOCK = 2**20  # distances held at a time: 8 MB in float64 …
LEAST_ROWS = 64  # … but at least those of so many rows: a product with fewer takes three times as long


DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # of a list of songs


class Ranking(NamedTuple):
    """What was measured of each query, in arrays of one length (no DataFrame: training makes it without pandas)."""

    query: np.ndarray  # row of the song in the collection
    relevant: np.ndarray  # number of its covers, R
    average_precision: np.ndarray
    first_rank: np.ndarray  # rank of the first cover, from 1; the mean is MR1
    reciprocal_rank: np.ndarray
    precision_at_10: np.ndarray
    hit_at_1: np.ndarray
    hit_at_10: np.ndarray
    recall_at_1: np.ndarray
    recall_at_2: np.ndarray
    recall_at_5: np.ndarray
    recall_at_10: np.ndarray
    recall_at_20: np.ndarray
    recall_at_50: np.ndarray
    recall_at_100: np.ndarray
    recall_at_200: np.ndarray
    recall_at_500: np.ndarray
    recall_at_1000: np.ndarray
    recall_at_2000: np.ndarray
    recall_at_5000: np.ndarray
    recall_at_10000: np.ndarray
    nearest_cover: np.ndarray  # distance
    nearest_non_cover: np.ndarray  # distance; infinite where every candidate is a cover


Blocks = Iterable[tuple[np.ndarray, torch.Tensor | np.ndarray]]  # rows (queries,), distances (queries, songs)


class FirstFound:
    """The rows of the songs that are nearest to each query, the nearest first: kept as the blocks of a ranking pass by."""

    def __init__(self, count: int = 10):
        self.count = count
        self._queries: list[np.ndarray] = []
        self._songs: list[np.ndarray] = []

    def watch(self, blocks: Blocks) -> Blocks:
        """The same blocks; the distance of a query to itself is infinite from here on."""
        for rows, block in blocks:
            distances = torch.as_tensor(block)
            distances[torch.arange(len(rows)), torch.from_numpy(rows)] = torch.inf
            first = distances.topk(min(self.count, distances.shape[1] - 1), largest=False)
            self._queries.append(rows)
            self._songs.append(first.indices.cpu().numpy())
            yield rows, distances

    @property
    def queries(self) -> np.ndarray:
        """Rows of the queries, (Q,)."""
        return np.concatenate([np.zeros(0, dtype=int), *self._queries])

    @property
    def songs(self) -> np.ndarray:
        """Rows of the songs that each finds first, (Q, count), or fewer where there are fewer."""
        return np.concatenate(self._songs) if self._songs else np.zeros((0, 0), dtype=int)


def queries_of(works: Sequence | np.ndarray) -> np.ndarray:
    """Rows of the songs that have a cover in the collection."""
    _, work, songs = np.unique(np.asarray(works), return_inverse=True, return_counts=True)
    return np.flatnonzero(songs[work] > 1)


def mean_average_precision(
    embeddings, works: Sequence | np.ndarray, device: torch.device | str | None = None
) -> float:
    """MAP of a collection by the Euclidean distance of its embeddings; NaN where no song has a cover."""
    precision = rank_embeddings(embeddings, works, device).average_precision
    return float(precision.mean()) if len(precision) else float("nan")


def rank_embeddings(
    embeddings,
    works: Sequence | np.ndarray,
    device: torch.device | str | None = None,
    queries: np.ndarray | None = None,
    watch: Callable[[Blocks], Blocks] = iter,
) -> Ranking:
    """Rank a collection by the Euclidean distance of its embeddings, or of the nearest of each song's `queries`.

    Distances that agree to within their rounding count as equal, so that neither the size of the blocks nor the
    device shows in the ranks.

    Parameters
    ----------
    embeddings : (songs, size) array or tensor
    works : (songs,) work of each song
    queries : (songs, any number, size) what each song is sought by; None: its embedding
    watch : sees each block of squared distances before it is ranked, and passes it on

    Raises
    ------
    CoversimError
        If an embedding is not finite.
    """
    squared, rounding = squared_distances(embeddings, device, queries)
    blocks = ((rows, squared(rows)) for rows in in_blocks(queries_of(works), len(works)))
    ranking = rank(watch(blocks), works, tolerance=rounding)

    def root(squared: np.ndarray) -> np.ndarray:
        return np.sqrt(np.where(squared > rounding, squared, 0.0))

    return ranking._replace(
        nearest_cover=root(ranking.nearest_cover), nearest_non_cover=root(ranking.nearest_non_cover)
    )


def squared_distances(
    embeddings, device: torch.device | str | None = None, queries: np.ndarray | None = None
) -> tuple[Callable[[np.ndarray], torch.Tensor], float]:
    """Squared Euclidean distances of embeddings (songs, size), in float64, and their rounding error.

    The function takes a block of rows, as `in_blocks` makes them, and gives (rows, songs); the next call
    overwrites it. With `queries` (songs, any number, size) the distance is the smallest from those of the row to
    the song's embedding. Raises CoversimError if an embedding is not finite.
    """
    songs = torch.as_tensor(embeddings).detach().to(device, torch.float64)
    finite = songs.isfinite().all(1)
    if not finite.all():
        raise CoversimError(
            f"{int((~finite).sum())} of {len(songs)} embeddings are not finite, the first in row "
            f"{int(finite.int().argmin())} (from 0). Remedy: train again with a lower learning rate"
        )
    mean = songs.mean(0)
    songs = songs - mean  # smaller norms, smaller rounding errors; the distances stay
    norms = songs.square().sum(1)
    largest = float(norms.max()) if len(songs) else 0.0
    if queries is not None and queries.size:
        furthest = np.einsum("nqe,nqe->nq", queries, queries).max()
        largest = max(largest, 2 * float(furthest + mean.square().sum()))  # |a − b|² ≤ 2|a|² + 2|b|²
    # one for all rows: fresh ones fragment the heap
    blocks = songs.new_empty(1 if queries is None else 2, _rows_of_block(len(songs)), len(songs))

    def to_all(points: torch.Tensor, squares: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        return torch.addmm(norms, points, songs.T, alpha=-2, out=out[: len(points)]).add_(squares[:, None])

    def squared(rows: np.ndarray) -> torch.Tensor:
        if queries is None:
            return to_all(songs[rows], norms[rows], blocks[0])
        nearest = blocks[0, : len(rows)].fill_(torch.inf)
        for number in range(queries.shape[1]):
            points = torch.from_numpy(queries[rows, number]).to(device, torch.float64) - mean
            torch.minimum(nearest, to_all(points, points.square().sum(1), blocks[1]), out=nearest)
        return nearest

    return squared, 4 * (songs.shape[1] + 8) * torch.finfo(songs.dtype).eps * largest


def in_blocks(rows: np.ndarray, songs: int) -> Iterator[np.ndarray]:
    """The rows, so many at a time that their distances to all songs are BLOCK numbers; at least LEAST_ROWS."""
    step = _rows_of_block(songs)
    yield from (rows[start : start + step] for start in range(0, len(rows), step))


def _rows_of_block(songs: int) -> int:
    return max(LEAST_ROWS, BLOCK // max(1, songs))


def rank(
    blocks: Blocks,
    works: Sequence | np.ndarray,
    tolerance: float = 0.0,
) -> Ranking:
    """Rank a collection by distances of any kind, given in blocks of queries; the result is in order of rows.

    Parameters
    ----------
    blocks : pairs of rows (queries,) and distances (queries, songs)
        Distances of some queries, named by their rows in the collection, to all its songs. They are
        overwritten.
    works : (songs,) work of each song
    tolerance : float
        Distances that differ by no more than this are equal.

    Raises
    ------
    CoversimError
        If a distance is NaN.
    ValueError
        If a query has no cover.
    """
    _, work, songs_of_work = np.unique(np.asarray(works), return_inverse=True, return_counts=True)
    by_work = np.argsort(work, kind="stable")
    first_of_work = np.cumsum(songs_of_work) - songs_of_work

    def members(rows: np.ndarray) -> np.ndarray:
        """(queries, most songs of a work): songs of the query's work, filled up with the query itself."""
        songs, first = (of_work[work[rows], None] for of_work in (songs_of_work, first_of_work))
        place = np.arange(songs.max())
        return np.where(place < songs, by_work[np.minimum(first + place, len(by_work) - 1)], rows[:, None])

    ranked: list[Ranking] = []
    spare = torch.empty(0)
    for rows, block in blocks:
        if len(rows):
            distances = torch.as_tensor(block)
            if len(spare) < len(rows):
                spare = torch.empty_like(distances)  # one for all blocks: fresh ones fragment the heap
            ranked.append(_rank_block(rows, distances, members(rows), tolerance, spare[: len(rows)]))
    if not ranked:
        return Ranking(*np.zeros((len(Ranking._fields), 0), dtype=int))
    columns = [np.concatenate(column) for column in zip(*ranked, strict=True)]
    order = columns[0].argsort()
    return Ranking(*(column[order] for column in columns))


def _rank_block(
    rows: np.ndarray, distances: torch.Tensor, members: np.ndarray, tolerance: float, nearer: torch.Tensor
) -> Ranking:
    """Rank one block of queries; `members` as in `rank`; `distances` and `nearer`, as large, get overwritten."""
    query = torch.from_numpy(rows).to(distances.device)
    member = torch.from_numpy(members).to(distances.device)
    is_cover = member != query[:, None]
    relevant = is_cover.sum(1)
    if not relevant.all():
        raise ValueError("a song without a cover is no query")
    covers = distances.gather(1, member).masked_fill(~is_cover, torch.inf).sort(1).values
    distances.scatter_(1, member, torch.inf)
    nearest_non_cover = distances.amin(1)
    if covers.isnan().any() or nearest_non_cover.isnan().any():
        raise CoversimError("a distance is NaN. Remedy: look for NaN in the features or the embeddings")
    covers = covers[:, : int(relevant.max())]  # the fillers are infinite, so they stand last

    # One comparison per cover is faster than a binary search per candidate up to some 40 covers.
    reached = covers + tolerance
    # `nearer` holds 0 or 1 as floats: summing booleans would copy them as integers.
    ahead = torch.stack([torch.le(distances, bound[:, None], out=nearer).sum(1) for bound in reached.T], 1)
    non_covers = distances.shape[1] - 1 - relevant[:, None]
    ahead = ahead.minimum(non_covers)  # an infinite bound has reached the query's own work too
    hits = torch.arange(1, covers.shape[1] + 1, device=distances.device)
    ranks = (ahead + hits).double()
    precision = (hits / ranks).masked_fill(hits > relevant[:, None], 0)

    def covers_among(first: int) -> torch.Tensor:
        return ((ranks <= first) & (hits <= relevant[:, None])).sum(1).double()

    columns = {
        "query": query,
        "relevant": relevant,
        "average_precision": precision.sum(1) / relevant,
        "first_rank": ranks[:, 0],
        "reciprocal_rank": 1 / ranks[:, 0],
        "precision_at_10": covers_among(10) / 10,
        "hit_at_1": (ranks[:, 0] == 1).double(),
        "hit_at_10": (ranks[:, 0] <= 10).double(),
        **{f"recall_at_{first}": covers_among(first) / relevant for first in DEPTHS},
        "nearest_cover": covers[:, 0],
        "nearest_non_cover": nearest_non_cover,
    }
    return Ranking(**{name: column.cpu().numpy() for name, column in columns.items()})
