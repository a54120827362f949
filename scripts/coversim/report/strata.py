"""Where an experiment finds covers and where it fails: metrics of parts of the queries and of the pairs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from coversim.evaluation import bootstrap
from coversim.report.formats import clock
from coversim.report.plots import Axis, spanning
from coversim.report.tables import Estimate, Table

SIZES = {"2": (2, 2), "3": (3, 3), "4": (4, 4), "5 to 9": (5, 9), "10 or more": (10, np.inf)}
LENGTHS = 4  # parts of the queries, as many in each
RATIOS = {"within 5 %": 1.05, "5 to 15 %": 1.15, "15 to 40 %": 1.4, "more than 40 %": np.inf}
NO_PASSAGE = "nothing in common"


@dataclass
class Stratum:
    """A part of the queries, or of the pairs."""

    label: str
    size: int
    estimates: dict[str, Estimate]  # of each experiment


@dataclass
class Strata:
    """The parts side by side."""

    title: str
    metric: str
    counted: str  # what `size` counts
    parts: list[Stratum]

    @property
    def axis(self) -> Axis:
        """From 0 to the highest end of an interval."""
        estimates = [one for part in self.parts for one in part.estimates.values()]
        return spanning([value for one in estimates for value in (one.high, one.value)], zero=True)


def by_collection(tables: Sequence[Table], experiments: Sequence[str]) -> Strata:
    """MAP of each source of test works and of each benchmark, as the tables of the page have it.

    An experiment without a query there, its songs having been set aside, has none.
    """
    parts = []
    for table in tables:
        estimates = {
            row.experiment: row.metrics["map"]
            for row in table.rows
            if row.experiment in experiments and not math.isnan(row.metrics["map"].value)
        }
        if estimates and table.collection.partition("/")[0] != "valid":
            parts.append(Stratum(table.collection, table.queries, estimates))
    return Strata("By source", "MAP", "queries", parts if len(parts) > 1 else [])


def by_size(queries: Mapping[str, pd.DataFrame], resamples: int, seed: int) -> Strata:
    """MAP by the number of songs of the query's work; `queries`: experiment → its queries."""

    def label(size: float) -> str:
        return next(name for name, (low, high) in SIZES.items() if low <= size <= high)

    labels = {name: (table.relevant + 1).round().map(label) for name, table in queries.items()}
    return _parts("By songs of the work", list(SIZES), queries, labels, resamples, seed)


def by_length(queries: Mapping[str, pd.DataFrame], seconds: pd.Series, resamples: int, seed: int) -> Strata:
    """MAP by how long the query lasts; `seconds` of the songs that are known, by work and performance."""
    title, asked = "By length of the query", set().union(*(table.index for table in queries.values()))
    known = seconds[seconds.index.isin(asked)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, LENGTHS + 1))) if len(known) else np.zeros(0)
    if len(edges) < 2:
        return Strata(title, "MAP", "queries", [])
    names = [f"{clock(low)} to {clock(high)}" for low, high in pairwise(edges)]
    labels = {
        name: pd.Series(
            pd.cut(
                seconds.reindex(table.index), edges, labels=names, include_lowest=True, ordered=False
            ).astype(object),
            table.index,
        )
        for name, table in queries.items()
    }
    return _parts(title, list(dict.fromkeys(names)), queries, labels, resamples, seed)


def by_transposition(
    covers: Mapping[str, pd.DataFrame], heard: pd.DataFrame, resamples: int, seed: int
) -> Strata:
    """Share of the cover pairs that are called covers, by the semitones between their keys.

    Parameters
    ----------
    covers : experiment → its cover pairs, with `called`, 1 where its threshold calls them covers
    heard : see coversim.report.passages
    """

    def label(pairs: pd.DataFrame) -> np.ndarray:
        return np.where(pairs.semitones.isna(), NO_PASSAGE, pairs.semitones.fillna(0).astype(int).astype(str))

    names = [*map(str, range(7)), NO_PASSAGE]
    return _parts_of_heard("By semitones between the keys", names, covers, heard, label, resamples, seed)


def by_tempo(covers: Mapping[str, pd.DataFrame], heard: pd.DataFrame, resamples: int, seed: int) -> Strata:
    """The same by how much faster one of the two songs is played."""

    def label(pairs: pd.DataFrame) -> np.ndarray:
        ratios = pd.cut(pairs.tempo.fillna(1), [0, *RATIOS.values()], labels=list(RATIOS)).astype(object)
        return np.where(pairs.tempo.isna(), NO_PASSAGE, ratios)

    names = [*RATIOS, NO_PASSAGE]
    return _parts_of_heard("By how much faster one song is", names, covers, heard, label, resamples, seed)


def _parts_of_heard(
    title: str,
    names: Sequence[str],
    covers: Mapping[str, pd.DataFrame],
    heard: pd.DataFrame,
    label: Callable[[pd.DataFrame], np.ndarray],
    resamples: int,
    seed: int,
) -> Strata:
    """The parts that `label` makes of the pairs that were listened to."""
    of_pair = pd.Series(label(heard), heard.index, dtype=object)
    labels = {
        name: pd.Series(
            of_pair.reindex(
                pd.MultiIndex.from_frame(table[["work_a", "performance_a", "work_b", "performance_b"]])
            ).to_numpy(),
            table.index,
        )
        for name, table in covers.items()
    }
    return _parts(title, names, covers, labels, resamples, seed, "called", "pairs")


def by_ratio(covers: Mapping[str, pd.DataFrame], seconds: pd.Series, resamples: int, seed: int) -> Strata:
    """The same by how much longer one of the two songs is, in tempo or in form."""
    labels = {}
    for name, table in covers.items():
        a, b = (seconds.reindex(_songs(table, side)).to_numpy(dtype=float) for side in ("a", "b"))
        ratio = np.maximum(a, b) / np.minimum(a, b)
        bins = pd.cut(ratio, [0, *RATIOS.values()], labels=list(RATIOS)).astype(object)
        labels[name] = pd.Series(bins, table.index)
    return _parts(
        "By how much longer one song is", list(RATIOS), covers, labels, resamples, seed, "called", "pairs"
    )


def _songs(pairs: pd.DataFrame, side: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([pairs[f"work_{side}"], pairs[f"performance_{side}"]])


def _parts(
    title: str,
    names: Sequence[str],
    tables: Mapping[str, pd.DataFrame],
    labels: Mapping[str, pd.Series],
    resamples: int,
    seed: int,
    column: str = "average_precision",
    counted: str = "queries",
) -> Strata:
    """Means of a column over the rows of each label, with intervals over works; labels without a row are left out."""
    parts = []
    for name in names:
        estimates, size = {}, 0
        for experiment, table in tables.items():
            rows = table[(labels[experiment] == name).to_numpy()]
            if len(rows):
                works = rows.work_a if counted == "pairs" else rows.index.get_level_values("work")
                estimates[experiment] = Estimate(
                    *bootstrap.interval(rows[column].to_numpy(), works, resamples, seed)
                )
                size = max(size, len(rows))
        if estimates:
            parts.append(Stratum(name, size, estimates))
    metric = "MAP" if counted == "queries" else "share called covers"
    return Strata(title, metric, counted, parts if len(parts) > 1 else [])
