"""Curves over all thresholds: how soon covers are found, and how well distances tell them from non-covers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_curve

from coversim.dataset.labels import COVER
from coversim.report.formats import share
from coversim.report.plots import SHARE_TICKS, Axis, Chart, Line, points


def first_rank_chart(first_ranks: Mapping[str, np.ndarray], songs: int, kinds: Mapping[str, str]) -> Chart:
    """Share of the queries whose first cover stands within the first k candidates, over k.

    `first_ranks`: experiment → the sorted ranks of its queries; `kinds`: experiment → CSS class of its line.
    """
    ranks = np.unique(np.geomspace(1, max(songs - 1, 2), 60).astype(int))
    x, y = Axis(1, int(ranks[-1]), scale="logarithmic"), Axis(0, 1)
    within = {
        name: np.searchsorted(first, ranks, side="right") / len(first) for name, first in first_ranks.items()
    }
    at = [x.at(rank) for rank in ranks]
    return Chart(
        title="First cover found within the first k candidates",
        description="Share of queries whose first cover stands within rank k, one line per experiment",
        x_label="k (logarithmic)",
        y_label="share of queries",
        x_ticks=x.ticks(),
        y_ticks=SHARE_TICKS,
        lines=[Line(name, kinds[name], points(at, map(y.at, shares))) for name, shares in within.items()],
        tips=[(at[i], _said(f"within {rank:,}", _each(within, i))) for i, rank in enumerate(ranks)],
    )


def recall_chart(queries: Mapping[str, pd.DataFrame], songs: int, kinds: Mapping[str, str]) -> Chart:
    """Share of the covers among the first k candidates, mean over the queries.

    `queries`: experiment → the columns of ranks.parquet, of which those called recall_at_K count; `kinds` as above.
    """
    lines, said = [], {}
    x, y = Axis(1, max(songs - 1, 2), "logarithmic"), Axis(0, 1)
    for name, table in queries.items():
        depths = {int(column[10:]): column for column in table if column.startswith("recall_at_")}
        recall = {
            depth: float(table[column].mean()) for depth, column in sorted(depths.items()) if depth < songs
        }
        if recall:
            recall |= {songs - 1: 1.0}
            lines.append(Line(name, kinds[name], points(map(x.at, recall), map(y.at, recall.values()))))
            said[name] = recall
    said_at = sorted({depth for recall in said.values() for depth in recall})
    return Chart(
        title="Covers found within the first k candidates",
        description="Share of the covers that stand within rank k, mean over the queries, one line per experiment",
        x_label="k (logarithmic)",
        y_label="recall",
        x_ticks=x.ticks(),
        y_ticks=SHARE_TICKS,
        lines=lines,
        tips=[(x.at(depth), _said(f"within {depth:,}", _each(said, depth))) for depth in said_at],
    )


def roc_chart(pairs: Mapping[str, pd.DataFrame], kinds: Mapping[str, str]) -> Chart:
    """Share of the covers called covers over that of the non-covers; `pairs`: experiment → label and distance."""
    grid = np.linspace(0, 1, 101)
    hits = {name: _hits(table, grid) for name, table in pairs.items()}
    axis = Axis(0, 1)
    at = [axis.at(place) for place in grid]
    return Chart(
        title="ROC",
        description="Share of cover pairs called covers over the share of non-cover pairs called covers",
        x_label="non-covers called covers",
        y_label="covers called covers",
        x_ticks=SHARE_TICKS,
        y_ticks=SHARE_TICKS,
        lines=[
            Line("chance", "reference", "0,100 100,0"),
            *(Line(name, kinds[name], points([0, *at], [0, *map(axis.at, hits[name])])) for name in hits),
        ],
        tips=[(at[i], _said(_alarms(alarms), _each(hits, i), " found")) for i, alarms in enumerate(grid)],
    )


def det_chart(pairs: Mapping[str, pd.DataFrame], kinds: Mapping[str, str]) -> Chart:
    """Detection error trade-off (Martin et al., 1997): misses over false alarms, both in normal deviates."""
    most = max((int((table.label != COVER).sum()) for table in pairs.values()), default=1)
    x, y = Axis(max(0.001, 0.5 / max(most, 1)), 0.6, "deviate"), Axis(0.001, 0.95, "deviate")
    grid = ndtr(np.linspace(ndtri(x.low), ndtri(x.high), 61))
    misses = {name: 1 - _hits(table, grid) for name, table in pairs.items()}
    y.low = min(0.2, max(0.001, min((float(found.min()) for found in misses.values()), default=0.01)))
    at = [x.at(place) for place in grid]
    return Chart(
        title="DET",
        description="Share of cover pairs that are missed over the share of non-cover pairs called covers, normal deviates",
        x_label="non-covers called covers (normal deviates)",
        y_label="covers missed",
        x_ticks=_apart(x.ticks()),
        y_ticks=_apart(y.ticks()),
        lines=[Line(name, kinds[name], points(at, map(y.at, found))) for name, found in misses.items()],
        tips=[(at[i], _said(_alarms(alarms), _each(misses, i), " missed")) for i, alarms in enumerate(grid)],
    )


def _hits(pairs: pd.DataFrame, false_alarms: np.ndarray) -> np.ndarray:
    """The largest share of covers that can be called so at so many false alarms."""
    alarms, hits, _ = roc_curve(pairs.label == COVER, -pairs.distance, drop_intermediate=False)
    return hits[np.searchsorted(alarms, false_alarms, side="right") - 1]


def _each(shares: Mapping[str, Any], place: int) -> dict[str, float]:
    return {name: of_one[place] for name, of_one in shares.items()}


def _alarms(alarms: float) -> str:
    return f"false alarms {share(alarms)}"


def _said(head: str, shares: Mapping[str, float], what: str = "") -> str:
    return "\n".join([head, *(f"{name}: {share(value)}{what}" for name, value in shares.items())])


def _apart(ticks: list[tuple[float, str]], least: float = 11) -> list[tuple[float, str]]:
    """Those ticks that keep a distance, in percent of the plot, from the one before."""
    kept: list[tuple[float, str]] = []
    for at, label in ticks:
        if not kept or at - kept[-1][0] >= least:
            kept.append((at, label))
    return kept
