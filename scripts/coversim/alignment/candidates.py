"""The songs that an embedding finds first: the candidates of re-ranking."""

import numpy as np
import torch

from coversim.evaluation.retrieval import in_blocks, squared_distances


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
