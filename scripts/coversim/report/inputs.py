"""Reads what a run left behind: evaluations, training histories, songs set aside, Snakemake's benchmarks."""

import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coversim.errors import CoversimError
from coversim.storage import parquet
from coversim.storage.checksums import check

# Retrieval figure → the column of ranks.parquet whose mean over the queries it is.
PER_QUERY = {
    "map": "average_precision",
    "mrr": "reciprocal_rank",
    "mr1": "first_rank",
    "hit_at_1": "hit_at_1",
    "hit_at_10": "hit_at_10",
    "p_at_10": "precision_at_10",
}
# The same, with the first songs ordered anew; columns that only a re-ranked experiment has.
RERANKED = {f"{figure}_reranked": f"{PER_QUERY[figure]}_reranked" for figure in ("map", "mrr", "hit_at_1")}
MEGABYTES_PER_MIB = 1024**2 / 1e6

Key = tuple[str, str]  # collection, experiment


@dataclass
class Queries:
    """What an experiment made of each query of a collection; means over its seeds."""

    names: list[tuple[str, str]]  # (work, performance), sorted; n of them
    relevant: NDArray[np.float64]  # (n,) covers that were to be found
    values: dict[str, NDArray[np.float64]]  # (n,) per figure in PER_QUERY, and in RERANKED if it has them
    closeness: NDArray[np.float64]  # (n,) distance of the nearest cover over that of the nearest non-cover
    first_ranks: NDArray[np.float64]  # (n × seeds,) sorted


@dataclass
class Result:
    """One experiment on one collection."""

    collection: str
    experiment: str
    seeds: dict[int, dict[str, Any]] = field(
        default_factory=dict
    )  # this collection's part of each metrics.json
    queries: Queries | None = None

    def mean(self, figure: str) -> float:
        """Mean over the seeds that have the figure; NaN where none has."""
        known = [
            value for metrics in self.seeds.values() if not math.isnan(value := number(metrics.get(figure)))
        ]
        return sum(known) / len(known) if known else math.nan


@dataclass
class History:
    """The training of one seed, epoch by epoch."""

    seed: int
    epoch: list[float]
    train_loss: list[float]
    valid_map: list[float]

    @property
    def kept(self) -> int | None:
        """Index of the epoch whose weights the model has: the first with the highest validation MAP."""
        known = [(value, -index) for index, value in enumerate(self.valid_map) if not math.isnan(value)]
        return -max(known)[1] if known else None


@dataclass
class Cost:
    """Time and memory of all jobs of one rule."""

    rule: str
    jobs: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    cpu_seconds: float = math.nan  # of the jobs that ran long enough to be sampled
    peak: float = math.nan  # MB (10⁶ bytes), the largest of its jobs; NaN where all were too short to sample


@dataclass
class SetAside:
    """Songs that the run goes without."""

    songs: int
    rows: int  # one per song and feature
    first: list[dict[str, str]]
    reasons: list[tuple[str, str, int]]  # (feature, reason, songs), most frequent first


def number(value: Any) -> float:
    """A float; NaN for what is absent or no number ('NA', '-')."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def read_results(evaluations: Iterable[Path], ranks: Iterable[Path]) -> dict[Key, Result]:
    """Results by (collection, experiment).

    The files are `…/{experiment}/{seed}/metrics.json` and `ranks.parquet`, in any order. Raises CoversimError for a
    damaged one.
    """
    results: dict[Key, Result] = {}
    for path in sorted(evaluations):
        experiment, seed = path.parts[-3:-1]
        for collection, metrics in _read_json(path)["collections"].items():
            key = (collection, experiment)
            results.setdefault(key, Result(*key)).seeds[int(seed)] = metrics
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(ranks):
        files[path.parts[-3]].append(path)
    names: dict[str, list[tuple[str, str]]] = {}
    for experiment, paths in files.items():
        tables = [parquet.read(path) for path in paths]
        for (collection, name), result in results.items():
            if name == experiment:
                result.queries = _queries(
                    [table.filter(pc.field("collection") == collection) for table in tables]
                )
                if result.queries:  # experiments answer the same queries: hold their names once
                    if result.queries.names == names.get(collection):
                        result.queries.names = names[collection]
                    names[collection] = result.queries.names
    return results


def _queries(tables: list[pa.Table]) -> Queries | None:
    """Mean over seeds of the queries that every seed answered; None where there is none."""
    rows = [
        {
            name: row
            for row, name in enumerate(
                zip(*(table[c].to_pylist() for c in ("work", "performance")), strict=True)
            )
        }
        for table in tables
    ]
    names = sorted(set.intersection(*map(set, rows)))
    if not names:
        return None
    order = [np.array([row[name] for name in names]) for row in rows]

    def column(name: str) -> NDArray[np.float64]:  # (seeds, n)
        columns = [
            table[name].cast(pa.float64()).to_numpy()[o] for table, o in zip(tables, order, strict=True)
        ]
        return np.stack(columns)

    with np.errstate(divide="ignore", invalid="ignore"):
        closeness = np.nan_to_num(column("nearest_cover") / column("nearest_non_cover"), nan=1.0)
    return Queries(
        names=names,
        relevant=column("relevant").mean(axis=0),
        values={
            figure: column(source).mean(axis=0)
            for figure, source in (PER_QUERY | RERANKED).items()
            if source in tables[0].column_names
        },
        closeness=closeness.mean(axis=0),
        first_ranks=np.sort(column("first_rank"), axis=None),
    )


def read_settings(evaluations: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Experiment → the settings that its model carries, from `…/{experiment}/{seed}/metrics.json`."""
    return {path.parts[-3]: _read_json(path).get("settings", {}) for path in sorted(evaluations)}


def read_histories(paths: Iterable[Path]) -> dict[str, list[History]]:
    """Experiment → its trainings, from `…/{experiment}/{seed}/history.tsv`.

    Epoch 0 is the untrained network and has no loss. A baseline's file has no row at all, and is passed over.
    """
    histories: dict[str, list[History]] = defaultdict(list)
    for path in sorted(paths):
        if rows := list(_rows(path)):
            columns = {
                name: [number(row[name]) for row in rows] for name in ("epoch", "train_loss", "valid_map")
            }
            histories[path.parts[-3]].append(History(seed=int(path.parts[-2]), **columns))
    return {experiment: sorted(runs, key=lambda run: run.seed) for experiment, runs in histories.items()}


def benchmarks_of_run(folder: Path) -> list[Path]:
    """Snakemake's benchmark files `{folder}/{rule}/**/*.tsv`: of the jobs in `{folder}/jobs.txt`, where it is there.

    Those of jobs that the run no longer has stay beside them.
    """
    found = sorted(folder.glob("*/**/*.tsv"))
    if (folder / "jobs.txt").is_file():
        jobs = set((folder / "jobs.txt").read_text(encoding="utf-8").splitlines())
        found = [path for path in found if f"{folder.name}/{path.relative_to(folder)}" in jobs]
    return found


def read_costs(benchmarks: Iterable[Path], folder: Path) -> list[Cost]:
    """Time and memory per rule from files `{folder}/{rule}/**/*.tsv` as Snakemake's `benchmark:` writes them."""
    files = defaultdict(list)
    for path in benchmarks:
        files[path.relative_to(folder).parts[0]].append(path)
    costs = []
    for rule, paths in files.items():
        cost = Cost(rule)
        for row in (row for path in paths for row in _rows(path)):
            seconds, cpu, peak = (number(row[column]) for column in ("s", "cpu_time", "max_rss"))
            cost.jobs += 1
            cost.seconds += seconds
            cost.longest = max(cost.longest, seconds)
            cost.cpu_seconds = (
                float(np.nansum([cost.cpu_seconds, cpu])) if not math.isnan(cpu) else cost.cpu_seconds
            )
            cost.peak = float(np.fmax(cost.peak, peak * MEGABYTES_PER_MIB))
        if cost.jobs:
            costs.append(cost)
    return sorted(costs, key=lambda cost: (-cost.seconds, cost.rule))


def read_alignment_seconds(benchmarks: Iterable[Path]) -> dict[Key, float]:
    """Time of all jobs that aligned the songs of a collection for an experiment, mean over its seeds."""
    seeds: dict[Key, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for path in (path for path in benchmarks if path.parent.name == "align"):
        experiment, seed, collection, _ = path.stem.rsplit("-", 3)
        seeds[collection, experiment][seed] += sum(number(row["s"]) for row in _rows(path))
    return {key: sum(seconds.values()) / len(seconds) for key, seconds in seeds.items()}


def read_set_aside(path: Path, limit: int) -> SetAside:
    """The first `limit` songs of `set_aside.tsv`, and how often each reason occurs in all of it."""
    first: list[dict[str, str]] = []
    reasons: Counter[tuple[str, str]] = Counter()
    songs = set()
    for row in _rows(path):
        songs.add((row["dataset"], row["work"], row["performance"]))
        reasons[row["feature"], row["reason"]] += 1
        if len(first) < limit:
            first.append(row)
    ordered = [
        (*reason, songs) for reason, songs in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    return SetAside(len(songs), reasons.total(), first, ordered)


def read_summaries(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Data set → its summary, from `…/{dataset}/summary.json`."""
    return {path.parts[-2]: _read_json(path) for path in sorted(paths, reverse=True)}


def read_config(path: Path) -> dict[str, Any]:
    """The resolved configuration of the run."""
    return _read_json(path)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    check(path)
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        yield from csv.DictReader(file, dialect="excel-tab")


def _read_json(path: Path) -> dict[str, Any]:
    check(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CoversimError(
            f"{path}: not JSON ({error}). Remedy: delete it, so that it is written again"
        ) from error
