"""The songs that an embedding finds first: the candidates of re-ranking."""

import numpy as np
import torch

from coversim.evaluation.retrieval import in_blocks, squared_distances


def nearest(
    embeddings: np.ndarray, rows: np.ndarray, candidates: int, queries: np.ndarray | None = None
) -> np.ndarray:
    """Which songs are among the `candidates` nearest to each query: boolean, (queries, songs).

    `rows` are those of the queries in the embeddings (songs, size), and in what they are sought by, `queries`
    (songs, any number, size), if that is something else; a query is not its own candidate.
    """
    squared, _ = squared_distances(embeddings, queries=queries)
    chosen = np.zeros((len(rows), len(embeddings)), dtype=bool)
    start = 0
    for block in in_blocks(rows, len(embeddings)):
        distance = squared(block)
        distance[torch.arange(len(block)), torch.from_numpy(block)] = torch.inf
        first = distance.topk(min(candidates, len(embeddings) - 1), largest=False).indices
        np.put_along_axis(chosen[start : start + len(block)], first.numpy(), True, axis=1)
        start += len(block)
    return chosen
