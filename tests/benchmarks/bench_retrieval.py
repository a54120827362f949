"""How long exact retrieval figures take, against ranking query by query.

python tests/benchmarks/bench_retrieval.py [SONGS] [THREADS] [SIZE]

By default 15,000 songs on two threads, in the proportions of the Da-TACOS benchmark: works of 13 songs, 2 in
15 songs alone, embeddings of 128 numbers (those of `vector` have 1,024). Prints the seconds of all queries at once (bound: 10) and the peak
memory of the process (bound: 1,000 MB); then the seconds query by query, from a sample, their multiple of the
former (bound: 10) and the largest difference in average precision. Query by query goes in two ways: distances
as norms of differences, as usual, and as products with norms known beforehand; both sort all candidates.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from coversim.evaluation.retrieval import rank_embeddings

SAMPLE = 200
ROUNDS = 3


def main() -> None:
    songs = int(sys.argv[1]) if len(sys.argv) > 1 else 15_000
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
    embeddings, works = collection(songs, int(sys.argv[3]) if len(sys.argv) > 3 else 128)

    seconds, ranking = min(
        (timed(rank_embeddings, embeddings, works) for _ in range(ROUNDS)), key=lambda r: r[0]
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"{'all at once':24} {seconds:7.1f} s   peak memory {peak:.0f} MB")

    sample = np.linspace(0, len(ranking.query) - 1, SAMPLE, dtype=int)
    for name, one_by_one in (("norms", by_norms), ("products", by_products)):
        taken, precision = timed(one_by_one, embeddings.astype(np.float64), works, ranking.query[sample])
        taken *= len(ranking.query) / SAMPLE
        worst = np.abs(precision - ranking.average_precision[sample]).max()
        name = f"query by query, {name}"
        print(f"{name:24} {taken:7.1f} s   {taken / seconds:.1f} times   difference {worst:.0e}")


def collection(songs: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings, (songs, size) float32, and works."""
    alone = 2 * songs // 15
    works = np.concatenate([np.arange(songs - alone) // 13, songs + np.arange(alone)])
    random = np.random.default_rng(0)
    centres = random.normal(size=(2 * songs, size))[works]
    return (centres + 1.2 * random.normal(size=centres.shape)).astype(np.float32), works


def by_norms(embeddings: np.ndarray, works: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return np.array(
        [average_precision(np.linalg.norm(embeddings - embeddings[q], axis=1), q, works) for q in queries]
    )


def by_products(embeddings: np.ndarray, works: np.ndarray, queries: np.ndarray) -> np.ndarray:
    norms = (embeddings**2).sum(axis=1)
    return np.array([average_precision(norms - 2 * embeddings @ embeddings[q], q, works) for q in queries])


def average_precision(distances: np.ndarray, query: int, works: np.ndarray) -> float:
    order = np.argsort(distances)
    covers = works[order[order != query]] == works[query]
    ranks = np.flatnonzero(covers) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).mean())


def timed(call: Callable, *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
