"""The songs that an embedding finds first: the candidates of re-ranking."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from coversim.evaluation.retrieval import in_blocks, queries_of, squared_distances
from coversim.storage import distances
from coversim.storage.embeddings import of_split


def write_candidates(embeddings: Sequence[Path], collection: str, candidates: int, output: Path) -> None:
    """Write the rows of the `candidates` songs of a collection that each query, a song with a cover, finds first.

    `embeddings` are the files of its data sets. The file is one of distances, here the place in that order, from 0.
    """
    songs = of_split(embeddings, collection)
    queries = queries_of(songs.works)
    found = nearest(songs.embeddings, queries, candidates, songs.queries)
    _, work, counts = np.unique(songs.works, return_inverse=True, return_counts=True)
    covers = sum(int((work[row] == work[query]).sum()) for query, row in zip(queries, found, strict=True))
    logging.info(
        "%s: %d queries, %d candidates each of %d songs, among them %.1f %% of the covers",
        *(collection, len(queries), found.shape[1], len(songs.works)),
        100 * covers / max(1, (counts[work[queries]] - 1).sum()),
    )
    order = np.broadcast_to(np.arange(found.shape[1], dtype=np.float32), found.shape)
    distances.write(
        output, songs.works, songs.performances, queries, order, {"candidates": candidates}, found
    )


def nearest(
    embeddings: np.ndarray, rows: np.ndarray, candidates: int, queries: np.ndarray | None = None
) -> np.ndarray:
    """Rows of the `candidates` songs nearest to each query, or of all where there are fewer: (queries, candidates).

    `rows` are those of the queries in the embeddings (songs, size), and in what they are sought by, `queries`
    (songs, any number, size), if that is something else; a query is not its own candidate.
    """
    squared, _ = squared_distances(embeddings, queries=queries)
    chosen = np.empty((len(rows), min(candidates, max(0, len(embeddings) - 1))), dtype=np.int32)
    start = 0
    for block in in_blocks(rows, len(embeddings)):
        distance = squared(block)
        distance[torch.arange(len(block)), torch.from_numpy(block)] = torch.inf
        chosen[start : start + len(block)] = distance.topk(chosen.shape[1], largest=False).indices.numpy()
        start += len(block)
    return chosen
