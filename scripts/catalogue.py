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
    parser.add_argument("--catalogue", type=Path, required=True, help="its folder")
    arguments = parser.parse_args()

    chosen, _ = metric_of(arguments.results)
    metric, folder = Metric.load(chosen), arguments.catalogue
    if (folder / METRIC).is_file() and not Catalogue.load(folder).metric.same_as(metric):
        logging.info("%s is made anew: it is of another metric", folder)
        shutil.rmtree(folder)
    songs = list(songs_of(arguments.results, arguments.datasets, metric.kind.features[0]))
    added = add(folder, songs, chosen, problem, logging.info)
    there = {str(known_as(path, metric)) for path in songs}
    removed = remove(folder, lambda entry: entry.path not in there, logging.info)
    left = len(Catalogue.load(folder))
    print(f"{folder}: {added} songs added, {removed} removed, {left} in all, by {metric.name}")


def songs_of(results: Path, datasets: Sequence[str], feature: str) -> Iterator[Path]:
    """The files of the songs of data sets that have a feature, as the run knows them."""
    for dataset in datasets:
        catalogue = results / "catalogue" / dataset
        root = results / json_files.read(catalogue / "summary.json")["root"]
        for manifest in sorted((catalogue / "manifests" / feature).glob("*.tsv")):
            yield from (root / row["path"] for row in tsv.read(manifest) if row["path"])


def problem(error: CoversimError) -> None:
    logging.warning("left out: %s", error)


if __name__ == "__main__":
    run(main)
