"""Songs around the centre of their work, as files of embeddings, pairs and distances, and what `evaluate` makes of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch

from coversim.dataset.pairs import pair_table
from coversim.evaluation.comparison import by_embedding
from coversim.evaluation.evaluate import evaluate
from coversim.storage import distances, embeddings, parquet


def songs_of(split: str, sizes: list[int], seed: int = 0) -> dict:
    """Works of these sizes, their songs' embeddings around one centre per work."""
    random = np.random.default_rng([seed, *split.encode()])
    works = np.repeat([f"W_{split} {work}" for work in range(len(sizes))], sizes)
    centres = np.repeat(random.normal(size=(len(sizes), 6)), sizes, axis=0)
    return {
        "works": works,
        "performances": np.array([f"P_{split} {song}" for song in range(len(works))]),
        "splits": np.full(len(works), split),
        "embeddings": (centres + random.normal(size=centres.shape)).astype(np.float32),
    }


def write(folder: Path, dataset: str, *splits: dict) -> Path:
    path = folder / f"{dataset}.h5"
    embeddings.write(path, *(np.concatenate([s[key] for s in splits]) for key in splits[0]))
    return path


def write_pairs(folder: Path, songs: dict, table: pd.DataFrame | None = None) -> Path:
    path = folder / f"{songs['splits'][0]}.parquet"
    names = list(zip(songs["works"].tolist(), songs["performances"].tolist(), strict=True))
    parquet.write(path, pair_table(names, seed=0) if table is None else table)
    return path


def run(embedding_files: list[Path], pairs: list[Path], aligned=(), weight=1.0, neighbours=0):
    """Metrics and ranks."""
    return whole(embedding_files, pairs, aligned, weight, neighbours)[:2]


def whole(embedding_files: list[Path], pairs: list[Path], aligned=(), weight=1.0, neighbours=0):
    def compare(collection):
        files = [path for path in aligned if path.parent.name == collection]
        return by_embedding(collection, embedding_files, files, weight, neighbours, torch.device("cpu"))

    return evaluate(compare, {path.stem: path for path in pairs}, resamples=200, seed=0)


def distances_of(songs: dict, table: Path) -> tuple[np.ndarray, np.ndarray]:
    row = {name: row for row, name in enumerate(songs["performances"].tolist())}
    pairs = pq.read_table(table).to_pylist()
    ends = np.array([[row[pair["performance_a"]], row[pair["performance_b"]]] for pair in pairs])
    between = np.linalg.norm(np.diff(songs["embeddings"][ends].astype(float), axis=1)[:, 0], axis=1)
    return between, np.array([pair["label"] for pair in pairs])


def align(
    folder: Path, songs: dict, values: np.ndarray, candidate: np.ndarray | None = None, shards: int = 3
) -> list[Path]:
    """Distances of a collection in files, as if its queries lay in so many shards."""
    paths = [folder / str(songs["splits"][0]) / f"{shard:04}.h5" for shard in range(shards)]
    for shard, path in enumerate(paths):
        queries = np.arange(shard, len(values), shards)[::-1]
        compared = None if candidate is None else candidate[queries]
        distances.write(
            path, songs["works"], songs["performances"], queries, values[queries], candidate=compared
        )
    return paths


def euclidean(songs: dict) -> np.ndarray:
    return np.linalg.norm(songs["embeddings"][:, None].astype(float) - songs["embeddings"], axis=2)
