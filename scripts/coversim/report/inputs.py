"""Reads what a run left behind, as tables: evaluations, training histories, songs set aside, Snakemake's benchmarks."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coversim.errors import CoversimError
from coversim.evaluation import metric_table
from coversim.siamese.history import kept_epoch
from coversim.storage import parquet
from coversim.storage.checksums import check

FOUND_READ = 2_000_000  # rows, ten for a query: some 500 MB
MEGABYTES_PER_MIB = 1024**2 / 1e6

NOTHING_FOUND = pd.DataFrame(
    {
        **{name: pd.Series(dtype=str) for name in ("work", "performance", "found_work", "found_performance")},
        "rank": pd.Series(dtype=int),
        "is_cover": pd.Series(dtype=bool),
        **{name: pd.Series(dtype=float) for name in ("distance", "probability")},
    }
)
"""A found.parquet without a row."""

NO_PAIRS = pd.DataFrame(columns=["work_a", "performance_a", "work_b", "performance_b"], dtype=object)
"""A pairs.parquet without a row, by name."""

Key = tuple[str, str]  # collection, experiment


@dataclass
class Results:
    """What the evaluations found."""

    metrics: pd.DataFrame  # a row per collection, experiment and seed, which are its index
    histograms: dict[tuple[str, str, int], dict[str, Any]]  # of distances, by the same three
    queries: dict[Key, pd.DataFrame]  # the columns of ranks.parquet by work and performance, means over seeds
    first_ranks: dict[Key, np.ndarray]  # of all queries and seeds, sorted


def read_results(evaluations: Iterable[Path], ranks: Iterable[Path]) -> Results:
    """Results from `…/{experiment}/{seed}/metrics.json` and `ranks.parquet`, in any order.

    Raises CoversimError for a damaged file, and where there is no evaluation at all.
    """
    table = metric_table.read(sorted(evaluations))
    if table.empty:
        raise CoversimError(
            "experiments: no evaluation to report. Remedy: add an experiment to the configuration"
        )
    table = table.set_index(["collection", "experiment", "seed"]).sort_index()
    histograms = table["histogram"].dropna().to_dict() if "histogram" in table else {}
    results = Results(table.drop(columns="histogram", errors="ignore").astype(float), histograms, {}, {})
    for experiment, paths in groupby(sorted(ranks), key=lambda path: path.parts[-3]):
        seeds = [_read_ranks(path) for path in paths]
        means = (sum(seeds) / len(seeds)).dropna(subset="relevant").sort_index()  # of what all seeds answered
        for collection, queries in means.groupby(level="collection"):
            first_ranks = [seed.first_rank[queries.index] for seed in seeds]
            results.first_ranks[collection, experiment] = np.sort(np.concatenate(first_ranks))
            results.queries[collection, experiment] = queries.droplevel("collection")
    return results


def _read_ranks(path: Path) -> pd.DataFrame:
    """One row per query, and how much nearer its nearest cover is than its nearest non-cover."""
    ranks = parquet.read(path).to_pandas().set_index(["collection", "work", "performance"])
    return ranks.assign(closeness=(ranks.nearest_cover / ranks.nearest_non_cover).fillna(1.0))


def read_pairs(paths: Iterable[Path], collection: str, experiments: Iterable[str]) -> dict[str, pd.DataFrame]:
    """The pairs of a collection under the first seed of these experiments, from `…/{experiment}/{seed}/pairs.parquet`."""
    files = first_seeds(paths)
    tables = {name: parquet.read(files[name]).to_pandas() for name in experiments if name in files}
    return {
        name: table[table.collection == collection].reset_index(drop=True) for name, table in tables.items()
    }


def read_found(path: Path, collection: str) -> pd.DataFrame:
    """The songs that the queries of a collection find first, from found.parquet; of very many queries, of the first."""
    parts: list[pd.DataFrame] = []
    for part in parquet.read_parts(path):
        if part.num_rows and sum(map(len, parts)) < FOUND_READ:
            table = part.to_pandas()
            parts.append(table[table.collection == collection])
    return pd.concat(parts, ignore_index=True) if parts else NOTHING_FOUND


def first_seeds(paths: Iterable[Path]) -> dict[str, Path]:
    """Of files `…/{experiment}/{seed}/…` that of the lowest seed of each experiment."""
    ordered = sorted(paths, key=lambda path: (path.parts[-3], int(path.parts[-2])), reverse=True)
    return {path.parts[-3]: path for path in ordered}


def read_histories(paths: Mapping[str, Path]) -> pd.DataFrame:
    """Experiment, seed, epoch, training loss and validation MAP, from the history.tsv of each `{experiment}/{seed}`.

    Epoch 0 is the network before training and has no loss. A baseline's file has no row at all. `kept` is true for the
    epoch whose weights the model has.
    """
    columns = ["epoch", "train_loss", "valid_map"]
    tables = [_read_numbers([], columns).assign(experiment="", seed=0)]
    for run, path in paths.items():
        experiment, _, seed = run.partition("/")
        tables.append(_read_numbers([path], columns).assign(experiment=experiment, seed=int(seed)))
    epochs = pd.concat(tables, ignore_index=True).sort_values(["experiment", "seed", "epoch"])
    trainings = epochs.groupby(["experiment", "seed"]).valid_map
    kept = [maps.index[kept_epoch(maps.to_numpy())] for _, maps in trainings]
    return epochs.assign(kept=epochs.index.isin(kept))


def read_jobs(folder: Path) -> pd.DataFrame:
    """Rule, job, seconds, CPU seconds and peak memory in MB (10⁶ bytes) of each job; NaN where it was not sampled.

    They come from Snakemake's benchmark files `{folder}/{rule}/**/*.tsv`: of the jobs in `{folder}/jobs.txt`, where it
    is there; those of jobs that the run no longer has stay beside them.
    """
    found = sorted(folder.glob("*/**/*.tsv"))
    if (folder / "jobs.txt").is_file():
        jobs = set((folder / "jobs.txt").read_text(encoding="utf-8").splitlines())
        found = [path for path in found if f"{folder.name}/{path.relative_to(folder)}" in jobs]
    jobs = _read_numbers(
        found,
        ["s", "cpu_time", "max_rss"],
        rule=lambda path: path.relative_to(folder).parts[0],
        job=lambda path: path.relative_to(folder).with_suffix("").as_posix().partition("/")[2],
    )
    jobs["max_rss"] *= MEGABYTES_PER_MIB
    return jobs.rename(columns={"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "peak"})


def read_records(folder: Path | None, benchmarks: Path) -> pd.DataFrame:
    """Rule, job, start and end, in seconds since 1970, of each job, from Snakemake's records `.snakemake/metadata`.

    Of the jobs in `{benchmarks}/jobs.txt`, where it is there. A job that waited in a queue has waited within its time.
    """
    wanted = None
    if (benchmarks / "jobs.txt").is_file():
        lines = (benchmarks / "jobs.txt").read_text(encoding="utf-8").splitlines()
        wanted = {_job(line.partition("/")[2]) for line in lines}
    found = {}
    for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            (log,), start, end = record["log"], float(record["starttime"]), float(record["endtime"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # one of another version, or of a job without a log
        job = _job(log.partition("/")[2])
        if wanted is None or job in wanted:
            found[job] = (job.partition("-")[0], job, start, max(start, end))
    return pd.DataFrame(found.values(), columns=["rule", "job", "start", "end"])


def _job(path: str) -> str:
    """The name that the paths of a job's log and of its benchmark file have in common."""
    rule, _, name = path.rpartition(".")[0].partition("/")
    return f"{rule}-{name.replace('/', '-') or rule}"


def alignment_seconds(jobs: pd.DataFrame) -> dict[Key, float]:
    """Time of all jobs that aligned the songs of a collection for an experiment, mean over its seeds."""
    aligned = jobs[jobs.rule.isin(["align", "match"])]
    names = aligned.job.astype(str).str.extract(r"(?P<experiment>.+?)/(?P<seed>.+?)/(?P<collection>.+)/.+")
    seeds = aligned.join(names).groupby(["collection", "experiment", "seed"]).seconds.sum()
    return seeds.groupby(["collection", "experiment"]).mean().to_dict()


def read_table(path: Path) -> pd.DataFrame:
    """A tab-separated table of the workflow as texts; names of files may hold bytes that are no UTF-8."""
    check(path)
    try:
        return pd.read_csv(
            path, sep="\t", dtype=object, keep_default_na=False, encoding_errors="surrogateescape"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise CoversimError(f"{path}: no table ({error}). Remedy: delete it") from error


def _read_numbers(paths: Iterable[Path], columns: list[str], **names: Callable[[Path], Any]) -> pd.DataFrame:
    """These columns of all tables, and the `names` that a file's path gives; NaN for what is absent or no number ('NA', '-')."""
    tables = [
        read_table(path).reindex(columns=columns).assign(**{name: of(path) for name, of in names.items()})
        for path in paths
    ]
    table = pd.concat([pd.DataFrame(columns=[*columns, *names], dtype=object), *tables], ignore_index=True)
    table[columns] = table[columns].apply(pd.to_numeric, errors="coerce").astype(float)
    return table
