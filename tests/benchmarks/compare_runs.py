"""Experiments compared over several runs, such as those of other splits: compare_runs.py RESULTS … --experiments A B …

The average precision of a query is the mean over the runs that have it in a collection, of each over its seeds. So each song weighs
the same, however many splits it is a test song of; intervals (95 %) are by bootstrap over works. The first experiment is
given with its MAP, the others with theirs and with the paired difference, first minus other, on the queries of both.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from coversim.evaluation.bootstrap import interval, paired_difference

QUERY = ["work", "performance"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--experiments", nargs="+", required=True)
    arguments = parser.parse_args()
    found = {
        experiment: average_precisions(arguments.results, experiment) for experiment in arguments.experiments
    }
    first, *others = found
    for collection, own in found[first].groupby(level="collection"):
        if collection.startswith("valid"):
            continue
        works = own.index.get_level_values("work")
        print(f"{collection}: {len(own)} queries of {works.nunique()} works")
        print(f"  {first:20} {_told(*interval(own.to_numpy(), works))}")
        for other in others:
            both = pd.concat([own, found[other]], axis=1, join="inner")
            if both.empty:
                print(f"  {other:20} no query that both answered")
                continue
            a, b = both.to_numpy().T
            difference = paired_difference(a, b, both.index.get_level_values("work"))
            print(f"  {other:20} {b.mean():.3f}   minus it {_told(*difference[:3], sign='+')}")


def average_precisions(results: list[Path], experiment: str) -> pd.Series:
    """Mean average precision of each query, by collection, work and performance: over seeds, then over runs."""
    tables = [
        pd.read_parquet(path, columns=["collection", *QUERY, "average_precision"]).assign(run=str(run))
        for run in results
        for path in sorted((run / "evaluation" / experiment).glob("*/ranks.parquet"))
    ]
    if not tables:
        raise SystemExit(f"no run has an evaluation of {experiment}. Remedy: name experiments of these runs")
    query = ["collection", *QUERY]
    return pd.concat(tables).groupby([*query, "run"])["average_precision"].mean().groupby(level=query).mean()


def _told(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


if __name__ == "__main__":
    main()
