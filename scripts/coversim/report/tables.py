"""The comparisons of the report: means over seeds, intervals over works, paired differences, the headline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from coversim.evaluation import bootstrap
from coversim.evaluation.metric_names import HUBS, PAIRS, RERANKED, RETRIEVAL
from coversim.report.inputs import Results

BESIDE = (
    "vector",
    "brief",
)  # trained, and still something to beat: one embedding per song, and the original set-up


@dataclass
class Estimate:
    """A metric with its 95 % interval; NaN where it has none."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass
class Difference(Estimate):
    """A paired difference in MAP over the queries that both experiments answered."""

    p: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether the 95 % interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass
class Training:
    """Which experiments trained something."""

    trained: set[str]
    untrained: dict[str, list[int]]  # experiment → seeds that kept epoch 0, the network before any training

    def kind(self, experiment: str) -> str:
        """`trained`, `untrained` where every seed kept epoch 0, or `baseline`."""
        if experiment in self.trained:
            return "trained"
        return "untrained" if experiment in self.untrained else "baseline"


@dataclass
class Row:
    """An experiment in the table of a collection."""

    experiment: str
    kind: str  # as Training.kind has it
    seeds: list[list[int]]  # those with equal metrics together: they are one measurement
    untrained: list[int]  # seeds that kept epoch 0
    map_of_seeds: list[float]  # one per measurement
    metrics: dict[str, Estimate]
    difference: Difference | None  # to the reference, the headline's experiment; None for that itself

    @property
    def made_of(self) -> str:
        """Its seeds, and whether they were trained."""
        said = name_seeds(self.seeds)
        if self.kind != "trained":
            return f"{said}, {self.kind}"
        return (
            f"{said}; {name_seeds([[seed] for seed in self.untrained])} untrained" if self.untrained else said
        )


@dataclass
class Table:
    """All experiments on one collection, the highest MAP first."""

    collection: str
    works: int
    songs: int
    queries: int
    rows: list[Row] = field(default_factory=list)

    @property
    def corrected(self) -> bool:
        """Whether songs were ranked by distances that are corrected for hubs, too."""
        return self._has("map_hubs")

    @property
    def reranked(self) -> bool:
        """Whether an experiment's first songs were ordered anew."""
        return self._has("map_reranked")

    def _has(self, metric: str) -> bool:
        return any(not math.isnan(row.metrics[metric].value) for row in self.rows)


@dataclass
class Headline:
    """The experiment that speaks for the run, beside the others that matter."""

    row: Row
    table: Table
    beside: list[tuple[str, Difference]]


def name_seeds(seeds: Sequence[Sequence[int]]) -> str:
    """Seeds in words; an equals sign stands between those with equal metrics."""
    groups = [" = ".join(map(str, equal)) for equal in seeds]
    return f"{'seeds' if sum(map(len, seeds)) > 1 else 'seed'} {', '.join(groups)}"


def collections_of(results: Results) -> list[str]:
    """Collections of the run, the one that speaks first in front: of test works, then benchmarks, then validation."""

    def place(collection: str) -> tuple[int, str]:
        split = collection.partition("/")[0]
        return {"test": 0, "valid": 2}.get(split, 1), collection

    return sorted(results.metrics.index.unique("collection"), key=place)


def make_table(
    results: Results, collection: str, training: Training, reference: str, resamples: int, seed: int
) -> Table:
    """The table of one collection.

    Retrieval metrics are means over seeds of each query, with intervals by bootstrap over works. Pair metrics
    have the mean of their seeds' values and of the ends of their seeds' intervals.
    """
    here = results.metrics.loc[collection]
    works, songs, asked = map(int, here[["works", "songs", "queries"]].max())
    table = Table(collection, works, songs, asked)
    beside = results.queries.get((collection, reference))
    for experiment in here.index.unique("experiment"):
        of_seeds = here.loc[experiment]
        queries = results.queries.get((collection, experiment))
        equal = of_seeds.groupby(list(of_seeds), dropna=False).groups.values()
        seeds = sorted(sorted(map(int, group)) for group in equal)
        table.rows.append(
            Row(
                experiment=experiment,
                kind=training.kind(experiment),
                seeds=seeds,
                untrained=training.untrained.get(experiment, []),
                map_of_seeds=[of_seeds["map"][first] for first, *_ in seeds],
                metrics=_pair_metrics(of_seeds) | _retrieval_metrics(queries, resamples, seed),
                difference=None
                if experiment == reference
                else paired_difference(queries, beside, resamples, seed),
            )
        )
    table.rows.sort(key=lambda row: (-np.nan_to_num(row.metrics["map"].value, nan=-1), row.experiment))
    return table


def _pair_metrics(of_seeds: pd.DataFrame) -> dict[str, Estimate]:
    means = of_seeds.mean()
    return {
        name: Estimate(*(means.get(name + end, math.nan) for end in ("", "_low", "_high"))) for name in PAIRS
    }


def _retrieval_metrics(queries: pd.DataFrame | None, resamples: int, seed: int) -> dict[str, Estimate]:
    metrics = RETRIEVAL | HUBS | RERANKED
    undefined = {name: Estimate(math.nan) for name in metrics}
    if queries is None:
        return undefined
    known = {name: metric.per_query for name, metric in metrics.items() if metric.per_query in queries}
    works = queries.index.get_level_values("work")
    ends = bootstrap.intervals(queries[list(known.values())], works, resamples, seed)
    return undefined | {name: Estimate(*values) for name, *values in zip(known, *ends, strict=True)}


def paired_difference(
    a: pd.DataFrame | None, b: pd.DataFrame | None, resamples: int, seed: int
) -> Difference | None:
    """MAP of `a` minus MAP of `b`, on the queries that both answered; None where there are none."""
    if a is None or b is None:
        return None
    both = pd.concat({"a": a.average_precision, "b": b.average_precision}, axis=1, join="inner")
    if both.empty:
        return None
    works = both.index.get_level_values("work")
    return Difference(*bootstrap.paired_difference(both.a, both.b, works, resamples, seed))


def make_headline(
    tables: Sequence[Table], results: Results, experiment: str, resamples: int, seed: int
) -> Headline:
    """An experiment on the first table, beside those that trained nothing, and those of BESIDE."""
    table = tables[0]
    present = {row.experiment: row for row in table.rows}
    queries = {name: results.queries.get((table.collection, name)) for name in present}
    differences = {
        name: paired_difference(queries[experiment], queries[name], resamples, seed)
        for name, row in present.items()
        if name != experiment and (row.kind == "baseline" or name in BESIDE)
    }
    return Headline(present[experiment], table, [(name, d) for name, d in differences.items() if d])
