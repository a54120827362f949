"""Bring a run's catalogue up to date: every song of its data sets, to be searched by its first experiment's metric."""

import argparse
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from coversim.cli import run
from coversim.errors import CoversimError
from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.changes import add, remove
from coversim.metric.catalogue.parts import METRIC
from coversim.metric.catalogue.sources import known_as
from coversim.metric.metric import Metric
from coversim.metric.of_run import metric_of
from coversim.storage import json_files, tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the run")
    parser.add_argument("--datasets", nargs="+", required=True, help="the data sets whose songs are in it")
    parser.add_argument(
        "--rates", type=float, nargs="+", required=True, help="frames per second of each of them"
    )
    parser.add_argument("--shards", nargs="+", required=True, help="their shards, by name")
    parser.add_argument(
        "--set-aside", type=Path, required=True, help="songs that cannot be used, or do not count"
    )
    parser.add_argument("--catalogue", type=Path, required=True, help="its folder")
    arguments = parser.parse_args()

    chosen, _ = metric_of(arguments.results)
    metric, folder = Metric.load(chosen), arguments.catalogue
    rates = dict(zip(arguments.datasets, arguments.rates, strict=True))
    if folder.exists() and not is_of(folder, metric):
        logging.info("%s is made anew: it is of another metric", folder)
        shutil.rmtree(folder)
    if not folder.exists():
        metric.save(folder / METRIC)
    bad = unusable(arguments.set_aside, metric.kind.features)
    added, problems = 0, 0
    there: set[str] = set()

    def problem(error: CoversimError) -> None:
        nonlocal problems
        problems += 1
        logging.warning("left out: %s", error)

    for dataset, rate in rates.items():
        songs = list(songs_of(arguments.results, dataset, metric.kind.features[0], arguments.shards, bad))
        added += add(folder, songs, chosen, problem, logging.info, rate)
        there.update(str(known_as(path, metric)) for path in songs)
    removed = remove(folder, lambda entry: entry.path not in there, logging.info)
    left_out = f", {problems} left out (logs/catalogue.log)" if problems else ""
    print(
        f"{folder}, songs: {added} added, {removed} removed, {len(Catalogue.load(folder))} in all{left_out}; by {metric.name}"
    )


def is_of(folder: Path, metric: Metric) -> bool:
    """Whether a catalogue is of this metric; not if its own cannot be read, e.g. being of an earlier version."""
    try:
        return Catalogue.load(folder).metric.same_as(metric)
    except CoversimError:
        return False


def unusable(table: Path, features: Sequence[str]) -> set[tuple[str, str, str]]:
    """Data set, work and performance of songs that were set aside for what these features hold, one of them or together.

    Copies, and works that a benchmark leaves out, are set aside without a feature: they can be searched.
    """
    return {
        (row["dataset"], row["work"], row["performance"])
        for row in tsv.read(table)
        if row["feature"] and set(row["feature"].split(", ")) <= set(features)
    }


def songs_of(
    results: Path, dataset: str, feature: str, shards: Sequence[str], bad: set[tuple[str, str, str]]
) -> Iterator[Path]:
    """The files of a feature of a data set's songs, as the run knows them, but for those that cannot be used."""
    catalogue = results / "catalogue" / dataset
    root = results / json_files.read(catalogue / "summary.json")["root"]
    for shard in shards:
        for row in tsv.read(catalogue / "manifests" / feature / f"{shard}.tsv"):
            if row["path"] and (dataset, row["work"], row["performance"]) not in bad:
                yield root / row["path"]


if __name__ == "__main__":
    run(main)
