"""The songs of a collection compared with each other: by embedding, by alignment, or by one after the other."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from coversim.errors import CoversimError
from coversim.evaluation import pair_metrics, retrieval
from coversim.evaluation.reranking import hubness, mean_of_nearest, reordered
from coversim.evaluation.retrieval import FirstFound, Ranking
from coversim.storage import distances
from coversim.storage.distances import Distances
from coversim.storage.embeddings import Embeddings, of_split


class Comparison(NamedTuple):
    """A collection of songs, all compared with each query."""

    works: np.ndarray  # of str
    performances: np.ndarray  # of str
    ranking: Ranking
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray]  # of pairs, by the rows of their songs
    corrected: Ranking | None = None  # by distances that are corrected for hubs
    reranked: Ranking | None = None  # with the first songs of each query ordered anew …
    candidates: int = 0  # … so many
    first: FirstFound | None = None  # the songs that each query finds first; re-ranked, if they are


def by_embedding(
    collection: str,
    embeddings: Sequence[Path],
    aligned: Sequence[Path],
    weight: float,
    neighbours: int,
    device: torch.device,
) -> Comparison:
    """Euclidean distances of embeddings; re-ranked by `aligned`, distances of the first songs, if there are any.

    Where songs are sought by something else than their embeddings, that is so for queries and the first song of a pair.

    Parameters
    ----------
    embeddings : files of all data sets
    aligned : files of all shards of the collection, or none
    weight : of the alignment in the re-ranking
    neighbours : of each song by which hubs are corrected, in the re-ranking too; 0: not at all
    """
    songs = of_split(embeddings, collection)
    first = FirstFound()
    watch = iter if aligned else first.watch
    ranking = retrieval.rank_embeddings(songs.embeddings, songs.works, device, songs.queries, watch)
    pairs = partial(pair_metrics.pair_distances, songs.embeddings, queries=songs.queries)
    comparison = Comparison(songs.works, songs.performances, ranking, pairs, first=first)
    if not (neighbours or aligned):
        return comparison
    squared, rounding = _squares(songs, neighbours, device)
    if neighbours:
        blocks = (
            (rows, squared(rows))
            for rows in retrieval.in_blocks(retrieval.queries_of(songs.works), len(songs.works))
        )
        comparison = comparison._replace(corrected=retrieval.rank(blocks, songs.works, tolerance=rounding))
    if not aligned:
        return comparison
    typical = _typical(aligned, songs.works, songs.performances, neighbours)
    watched = first.watch(_reordered(songs, squared, aligned, typical, weight, device))
    return comparison._replace(
        reranked=retrieval.rank(watched, songs.works, tolerance=rounding),
        candidates=max(distances.read(path).distance.shape[1] for path in aligned),
    )


def by_alignment(files: Sequence[Path], neighbours: int = 0) -> Comparison:
    """Distances from the files of all shards of a collection; and corrected for hubs by so many neighbours of each song."""
    first = distances.read(files[0])
    found_first = FirstFound()
    watched = found_first.watch(_to_all(files, first.works, first.performances))
    ranking = retrieval.rank(watched, first.works)
    corrected = None
    if neighbours:
        typical = _typical(files, first.works, first.performances, neighbours)
        blocks = (
            (rows, distance / np.sqrt(typical[rows, None] * typical))
            for rows, distance in _to_all(files, first.works, first.performances)
        )
        corrected = retrieval.rank(blocks, first.works)

    def pairs(queries: np.ndarray, songs: np.ndarray) -> np.ndarray:
        found = np.full(len(queries), np.nan)
        for path in files:
            shard = distances.read(path)
            place = pd.Index(shard.query).get_indexer(queries)
            here = place >= 0
            found[here] = shard.distance[place[here], songs[here]]
        return found

    return Comparison(first.works, first.performances, ranking, pairs, corrected, first=found_first)


def _squares(
    songs: Embeddings, neighbours: int, device: torch.device
) -> tuple[Callable[[np.ndarray], torch.Tensor], float]:
    """Squared distances and their rounding, see retrieval.squared_distances, corrected for hubs; 0 neighbours: as they are."""
    typical = hubness(songs.embeddings, neighbours, device) if neighbours else None
    squared, rounding = retrieval.squared_distances(songs.embeddings, device, songs.queries)

    def corrected(rows: np.ndarray) -> torch.Tensor:
        distances = squared(rows)
        if typical is None:
            return distances
        # what is but rounding stays nothing, however near its songs are to others
        return distances.masked_fill_(distances <= rounding, 0).div_(typical[rows, None]).div_(typical)

    return corrected, rounding


def _reordered(
    songs: Embeddings,
    squared: Callable[[np.ndarray], torch.Tensor],
    aligned: Sequence[Path],
    typical: np.ndarray,
    weight: float,
    device: torch.device,
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Rows of some queries at a time, and their distances to all songs, of which those of the first songs are ordered anew."""
    for shard, places in _blocks(aligned, songs.works, songs.performances):
        rows, candidates = shard.query[places], np.asarray(shard.candidate)[places].astype(np.int64)
        distance = shard.distance[places] / np.sqrt(typical[rows, None] * typical[candidates])
        yield (
            rows,
            reordered(
                squared(rows),
                torch.from_numpy(candidates).to(device),
                torch.from_numpy(distance).to(device),
                weight,
            ),
        )


def _typical(
    files: Sequence[Path], works: np.ndarray, performances: np.ndarray, neighbours: int
) -> np.ndarray:
    """How near queries are to each song, by the distances of all shards, (songs,); 1 without neighbours."""
    if not neighbours:
        return np.ones(len(works))
    return mean_of_nearest(_to_all(files, works, performances), len(works), neighbours)


def _to_all(
    files: Sequence[Path], works: np.ndarray, performances: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the songs that have a cover, and their distances to all; NaN where two were not compared."""
    for shard, places in _blocks(files, works, performances):
        yield shard.query[places], shard.to_all(places)


def _blocks(
    files: Sequence[Path], works: np.ndarray, performances: np.ndarray
) -> Iterator[tuple[Distances, np.ndarray]]:
    """The shards, and some at a time which of their queries have a cover."""
    has_cover = np.isin(np.arange(len(works)), retrieval.queries_of(works))
    for path in files:
        shard = distances.read(path)
        if not (np.array_equal(shard.works, works) and np.array_equal(shard.performances, performances)):
            raise CoversimError(
                f"{path}: of other songs. Remedy: delete its folder; the next run makes it anew"
            )
        for places in retrieval.in_blocks(np.flatnonzero(has_cover[shard.query]), len(works)):
            yield shard, places
