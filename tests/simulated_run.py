"""The files of a finished run, without its hours: embeddings are drawn at random, all metrics are computed from
them by the project's own evaluation.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from coversim.alignment.candidates import nearest
from coversim.dataset.pairs import pair_table
from coversim.evaluation.comparison import by_embedding
from coversim.evaluation.evaluate import evaluate
from coversim.report.inputs import Results, read_results
from coversim.report.tables import Table, Training, make_table
from coversim.siamese.history import HISTORY
from coversim.storage import distances, embeddings, frames, json_files, npz, parquet

EXPERIMENTS = {
    "vector": 0.45,
    "brief": 0.75,
    "ftm2d": 0.68,
    "pca": 0.62,
}  # and how noisy their embeddings are
COLLECTIONS = {"valid": 40, "test": 60, "benchmark": 30}  # works


def simulate(
    root: Path,
    experiments: Mapping[str, float],
    seeds: Sequence[int] = (1, 2, 3),
    collections: Sequence[str] = ("valid", "test"),
    works: Mapping[str, int] = COLLECTIONS,
    name: str = "simulated",
    set_aside: Sequence[Mapping[str, str]] = (),
    reranked: Sequence[str] = (),
    songs: bool = False,
) -> dict[str, Any]:
    """Write a run below `root`; returns the arguments of `write_report`.

    With `songs` there are also their embeddings, frames and titles, principal components, and Snakemake's records.

    `experiments`: name → how much of an embedding is noise (0: perfect). Names in BASELINES train nothing; the
    first songs of those in `reranked` are ordered anew by an alignment that errs less.
    """
    config = {
        "name": name,
        "experiments": {experiment: {} for experiment in experiments},
        "seeds": list(seeds),
        "evaluation": {"resamples": 2000, "seed": 0, "neighbours": 3},
    }
    files: dict[str, list[Path]] = {name: [] for name in (*OF_RUNS, "evaluations", "embeddings")}
    histories = {}
    for experiment, noise in experiments.items():
        for seed in seeds[:1] if experiment in BASELINES else seeds:
            rng = np.random.default_rng([seed, *experiment.encode()])
            folder = root / "evaluation" / experiment / str(seed)
            folder.mkdir(parents=True, exist_ok=True)
            first = CANDIDATES if experiment in reranked else 0
            metrics, ranks = _evaluate(folder, collections, works, noise, rng, first)
            evaluation = {"experiment": experiment, "seed": seed, "collections": metrics}
            files["evaluations"].append(_write(folder / "metrics.json", json.dumps(evaluation)))
            parquet.write(folder / "ranks.parquet", ranks)
            for kind, file in OF_RUNS.items():
                files[kind].append(folder / file)
            if songs:
                files["embeddings"].append(folder / "train.h5")
            history = [] if experiment in BASELINES else _history(metrics["valid"]["map"], rng)
            path = root / "models" / experiment / str(seed) / "history.tsv"
            histories[f"{experiment}/{seed}"] = _write_tsv(path, HISTORY, history)
    return {
        "output": root / "report.html",
        "config": _write(root / "config.json", json.dumps(config, ensure_ascii=False)),
        **files,
        "histories": histories,
        "set_aside": _write_tsv(root / "set_aside.tsv", SET_ASIDE_COLUMNS, set_aside),
        "summaries": [
            _write(root / "catalogue" / "train" / "summary.json", json.dumps(_summary(collections, works)))
        ],
        "benchmarks": _benchmarks(root / "benchmarks", reranked),
        **(_songs_themselves(root, collections, works) if songs else {}),
    }


OF_RUNS = {
    "ranks": "ranks.parquet",
    "found": "found.parquet",
    "pairs": "pairs.parquet",
    "calibrations": "calibration.json",
}
CANDIDATES = 7  # that re-ranking orders anew
BASELINES = ("ftm2d", "pca", "lda")
SET_ASIDE_COLUMNS = ("dataset", "feature", "work", "performance", "reason", "remedy")


def _songs(collection: str, works: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(works)
    sizes = rng.choice([1, 2, 3, 5], size=works, p=[0.15, 0.45, 0.25, 0.15])
    sizes[0] = 1  # at least one distractor
    work = np.repeat([f"W_{collection}{n:04}" for n in range(works)], sizes)
    return work, np.array([f"P_{collection}{n:05}" for n in range(len(work))])


def _evaluate(
    folder: Path,
    collections: Sequence[str],
    works: Mapping[str, int],
    noise: float,
    rng: np.random.Generator,
    candidates: int,
) -> tuple[dict[str, Any], pd.DataFrame]:
    songs = [(c, *song) for c in collections for song in zip(*_songs(c, works[c]), strict=True)]
    splits, work, performance = (np.array(column) for column in zip(*songs, strict=True))
    _, index = np.unique(work, return_inverse=True)
    centres = np.random.default_rng(0).normal(size=(len(work), 16))
    embedding = (1 - noise) * centres[index] + noise * rng.normal(size=(len(work), 16))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    embeddings.write(folder / "train.h5", work, performance, splits, embedding)
    for collection in collections:
        table = pair_table([song for c, *song in songs if c == collection], seed=0)
        parquet.write(folder / f"{collection}.parquet", table)
    pairs = {collection: folder / f"{collection}.parquet" for collection in collections}

    def compare(collection):
        aligned = []
        if candidates:
            aligned = [folder / collection / "0000.h5"]
            own = np.flatnonzero(splits == collection)
            better = embedding[own] + centres[index[own]]
            distance = np.linalg.norm(better[:, None] - better, axis=2) + 0.01
            query = np.arange(len(own))
            found = nearest(embedding[own], query, candidates)
            distance = np.take_along_axis(distance, found.astype(int), axis=1)
            distances.write(aligned[0], work[own], performance[own], query, distance, candidate=found)
        return by_embedding(collection, [folder / "train.h5"], aligned, 1.0, 3, torch.device("cpu"))

    evaluation = evaluate(compare, pairs, 200, 0)
    parquet.write_parts(folder / "found.parquet", evaluation.found)
    parquet.write(folder / "pairs.parquet", evaluation.pairs)
    json_files.write(folder / "calibration.json", evaluation.calibration)
    return evaluation.metrics, evaluation.ranks


def _songs_themselves(root: Path, collections: Sequence[str], works: Mapping[str, int]) -> dict[str, Any]:
    """Frames at 4 Hz: those of a work are one melody, in any key; titles; components of 2-D Fourier magnitudes; records."""
    shard, titles = root / "fft" / "train" / "crema-4hz" / "0000.h5", {}
    with frames.writing(shard, "crema", 12, 4.0) as file:
        for collection in collections:
            for number, (work, performance) in enumerate(
                zip(*_songs(collection, works[collection]), strict=True)
            ):
                melody = np.random.default_rng([*work.encode()]).random((12, 160)) ** 6
                file.append(work, performance, np.roll(melody, number % 5, axis=0)[:, : 120 + number % 40])
                title = {
                    "perf_title": f"Ballad no. {number} of {work[2:]}",
                    "perf_artist": f"Sängerin {number % 9}",
                }
                titles.setdefault(work, {})[performance] = title
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(79, 20)))[0].T  # 79 values: windows of 3 s at 4 Hz
    pca = root / "pca" / "fourier-crema-4hz" / "pca-20.npz"
    pca.parent.mkdir(parents=True)
    npz.write(pca, mean=np.zeros(79), components=directions, variance=np.geomspace(1, 0.01, 20))
    representation = {"kind": "fourier", "seconds": [3.0]}
    settings = {"features": ["crema"], "fft": {"rate": 4.0}, "representation": representation}
    _write(root / "patches" / "fourier-crema-4hz.json", json.dumps(settings))
    for number, job in enumerate(
        ("fft/train-crema-4hz-0", "fft/train-crema-4hz-1", "train/vector-1", "metrics")
    ):
        times = {"starttime": 1.7e9 + 40 * number, "endtime": 1.7e9 + 40 * number + 35}
        _write(root / "metadata" / str(number), json.dumps({"log": [f"logs/{job}.log"], **times}))
    return {
        "frames": [shard],
        "titles": [_write(root / "titles.json", json.dumps(titles))],
        "pca": [pca],
        "records": root / "metadata",
    }


def _history(reached: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Epoch 0 is the untrained network, which has no loss."""
    epochs = np.arange(31)
    losses = 0.9 * np.exp(-epochs / 12) + 0.2 + rng.normal(0, 0.01, 31)
    maps = reached * (1 - 0.6 * np.exp(-epochs / 6)) + rng.normal(0, 0.004, 31)
    return [
        dict(zip(HISTORY, (epoch, loss if epoch else None, valid_map, 0.001, 2.5), strict=True))
        for epoch, loss, valid_map in zip(epochs, losses, maps, strict=True)
    ]


def _summary(collections: Sequence[str], works: Mapping[str, int]) -> dict[str, Any]:
    split = {"train": {"works": 200, "songs": 520}}
    split |= {
        c: {"works": works[c], "songs": len(_songs(c, works[c])[0])} for c in collections if c != "benchmark"
    }
    return {
        "root": "/data/da-tacos",
        "layout": "per-feature",
        "subset": "coveranalysis",
        "features": ["crema", "hpcp"],
        "works": sum(part["works"] for part in split.values()),
        "songs": sum(part["songs"] for part in split.values()),
        "split": split,
        "shared_works": 0,
        "distractors": 17,
    }


def _benchmarks(folder: Path, reranked: Sequence[str]) -> Path:
    header = (
        "s",
        "h:m:s",
        "max_rss",
        "max_vms",
        "max_uss",
        "max_pss",
        "io_in",
        "io_out",
        "mean_load",
        "cpu_time",
    )
    jobs = {
        "fft/train-crema-4hz-0": (12.5, "0:00:12", 181.2, 800, 170, 172, 3.1, 0.2, 88.0, 11.0),
        "fft/train-crema-4hz-1": (13.5, "0:00:13", 190.0, 800, 170, 172, 3.1, 0.2, 88.0, 12.0),
        "train/vector-1": (3725.0, "1:02:05", 612.4, 2100, 600, 600, 0, 0, 196.0, 7300.0),
        "pca/p-96": (0.3, "0:00:00", *["NA"] * 8),
        "metrics/metrics": (0.1, "0:00:00", *["-"] * 8),
    }
    for name in reranked:
        jobs |= {f"align/{name}/1/test/000{shard}": (25.0, "0:00:25", *["NA"] * 8) for shard in (0, 1)}
    for job, values in jobs.items():
        _write_tsv(folder / f"{job}.tsv", header, [dict(zip(header, values, strict=True))])
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _write_tsv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.DictWriter(file, columns, dialect="excel-tab")
        writer.writeheader()
        writer.writerows(rows)
    return path


def tables_of(
    run: Mapping[str, Any], trained: Sequence[str] = ("vector", "brief"), reference: str = "vector"
) -> tuple[Results, list[Table]]:
    """What the report reads of a run, and its tables of test and validation works."""
    results = read_results(run["evaluations"], run["ranks"])
    tables = [make_table(results, c, Training({*trained}, {}), reference, 500, 0) for c in ("test", "valid")]
    return results, tables
