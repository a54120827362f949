"""The comparisons of the report: means over seeds, intervals over works, paired differences, the headline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from coversim.evaluation import bootstrap
from coversim.report.inputs import PER_QUERY, RERANKED, Key, Queries, Result, number

PAIR_FIGURES = ("roc_auc", "roc_auc_nearest", "eer", "accuracy")
HEADLINE_ORDER = ("test", "benchmark", "valid")  # the collection that speaks first, where a run has it
REFERENCE = "default"
FLOOR = "brief"  # the original set-up: trained, and still something to beat


@dataclass
class Figure:
    """A figure with its 95 % interval; NaN where it has none."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass
class Difference(Figure):
    """A paired difference in MAP over the queries that both experiments answered."""

    p: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether the 95 % interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass
class Row:
    """An experiment in the table of a collection."""

    experiment: str
    trained: bool
    seeds: list[int]
    map_of_seeds: list[float]
    figures: dict[str, Figure]
    difference: Difference | None  # to the reference; None for the reference itself


@dataclass
class Table:
    """All experiments on one collection, the highest MAP first."""

    collection: str
    works: int
    songs: int
    queries: int
    rows: list[Row] = field(default_factory=list)

    @property
    def reranked(self) -> bool:
        """Whether an experiment's first songs were ordered anew."""
        return any(not math.isnan(row.figures["map_reranked"].value) for row in self.rows)


@dataclass
class Headline:
    """The best trained experiment beside the others that matter."""

    row: Row
    table: Table
    chosen_on: str  # the collection whose MAP named it the best
    beside: list[tuple[str, Difference]]


def reference_of(experiments: Sequence[str]) -> str:
    """What the others are compared with: `default` where there is one, otherwise the first."""
    return REFERENCE if REFERENCE in experiments else experiments[0]


def collections_of(results: Mapping[Key, Result]) -> list[str]:
    """Collections of the run, the one that speaks first in front."""
    present = {collection for collection, _ in results}
    return [name for name in HEADLINE_ORDER if name in present] + sorted(present - set(HEADLINE_ORDER))


def make_table(
    results: Mapping[Key, Result],
    collection: str,
    trained: set[str],
    reference: str,
    resamples: int,
    seed: int,
) -> Table:
    """The table of one collection.

    Retrieval figures are means over seeds of each query, with intervals by bootstrap over works. Pair figures
    have the mean of their seeds' values and of the ends of their seeds' intervals.
    """
    here = [result for result in results.values() if result.collection == collection]
    largest = [
        max(int(m[size]) for r in here for m in r.seeds.values()) for size in ("works", "songs", "queries")
    ]
    table = Table(collection, *largest)
    beside = results.get((collection, reference))
    for result in here:
        figures = {
            name: Figure(*(result.mean(name + end) for end in ("", "_low", "_high"))) for name in PAIR_FIGURES
        }
        figures |= _retrieval_figures(result, resamples, seed)
        difference = None
        if beside and result is not beside:
            difference = paired_difference(result.queries, beside.queries, resamples, seed)
        seeds = sorted(result.seeds)
        table.rows.append(
            Row(
                experiment=result.experiment,
                trained=result.experiment in trained,
                seeds=seeds,
                map_of_seeds=[number(result.seeds[s].get("map")) for s in seeds],
                figures=figures,
                difference=difference,
            )
        )
    table.rows.sort(key=lambda row: (-np.nan_to_num(row.figures["map"].value, nan=-1), row.experiment))
    return table


def _retrieval_figures(result: Result, resamples: int, seed: int) -> dict[str, Figure]:
    undefined = {name: Figure(math.nan) for name in PER_QUERY | RERANKED}
    if result.queries is None:
        return undefined
    works = [work for work, _ in result.queries.names]
    values = np.stack(list(result.queries.values.values()), axis=1)
    ends = zip(*bootstrap.intervals(values, works, resamples, seed), strict=True)
    return undefined | {
        name: Figure(*map(float, figures)) for name, figures in zip(result.queries.values, ends, strict=True)
    }


def paired_difference(a: Queries | None, b: Queries | None, resamples: int, seed: int) -> Difference | None:
    """MAP of `a` minus MAP of `b`, on the queries that both answered; None where there are none."""
    if a is None or b is None:
        return None
    if a.names is b.names:
        names, values = a.names, [queries.values["map"] for queries in (a, b)]
    else:
        rows = [{name: row for row, name in enumerate(queries.names)} for queries in (a, b)]
        names = sorted(rows[0].keys() & rows[1].keys())
        values = [q.values["map"][[r[name] for name in names]] for q, r in zip((a, b), rows, strict=True)]
    if not names:
        return None
    return Difference(*bootstrap.paired_difference(*values, [work for work, _ in names], resamples, seed))


def make_headline(
    tables: Sequence[Table], results: Mapping[Key, Result], resamples: int, seed: int
) -> Headline:
    """The trained experiment with the highest validation MAP, on the first table, beside the baselines.

    Where no experiment was trained, the highest baseline speaks; where there is no validation, the first table
    itself names the best. Beside it stand the experiments that trained nothing, and `brief`.
    """
    table = tables[0]
    chooser = next((t for t in tables if t.collection == "valid"), table)
    present = {row.experiment: row for row in table.rows}
    eligible = [row.experiment for row in chooser.rows if row.experiment in present]
    best = next(
        (name for name in eligible if present[name].trained),
        eligible[0] if eligible else table.rows[0].experiment,
    )
    beside = [
        row for row in table.rows if row.experiment != best and (not row.trained or row.experiment == FLOOR)
    ]
    mine = results[table.collection, best].queries
    differences = [
        (
            row.experiment,
            paired_difference(mine, results[table.collection, row.experiment].queries, resamples, seed),
        )
        for row in beside
    ]
    return Headline(present[best], table, chooser.collection, [(n, d) for n, d in differences if d])
