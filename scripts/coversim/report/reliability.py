"""Whether songs that are said to be covers with some probability are so, and what the operating points are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from coversim.report.formats import share
from coversim.report.plots import SHARE_TICKS, Axis, Chart, Line, points

BINS = 10
LEAST = 5  # pairs in a bin that is drawn: fewer tell nothing


@dataclass
class Point:
    """An operating point of an experiment, as test pairs judge it at even odds."""

    experiment: str
    name: str
    threshold: float
    precision: float | None
    recall: float | None
    accuracy: float | None


def reliability_chart(
    calibrations: Mapping[str, Mapping[str, Any]], collection: str, kinds: Mapping[str, str]
) -> Chart | None:
    """Share of covers among the pairs of a collection that are said to be covers with a probability, over that.

    `calibrations`: experiment → what calibration.json holds. None where no experiment has a calibration.
    """
    bins = {
        name: _of_pairs(content["collections"][collection]["reliability"])
        for name, content in calibrations.items()
        if collection in content["collections"]
    }
    return _chart("Pairs, at even odds", "pairs", bins, kinds)


def found_chart(found: pd.DataFrame, experiment: str, kinds: Mapping[str, str]) -> Chart | None:
    """The same of the songs that queries find first: columns probability, is_cover. None where nothing is said."""
    said = found.dropna(subset="probability")
    if said.empty:
        return None
    place = np.minimum((said.probability.to_numpy() * BINS).astype(int), BINS - 1)
    bins = said.groupby(place).agg(
        said=("probability", "mean"), covers=("is_cover", "mean"), pairs=("is_cover", "size")
    )
    bins = bins[bins.pairs >= LEAST]
    return _chart("Songs found first, among all", "songs", {experiment: bins}, kinds)


def _of_pairs(reliability: Mapping[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame({name: reliability[name] for name in ("said", "covers", "pairs")})
    return table[table.pairs >= LEAST].astype(float)


def _chart(title: str, what: str, bins: Mapping[str, pd.DataFrame], kinds: Mapping[str, str]) -> Chart | None:
    if not bins:
        return None
    axis = Axis(0, 1)
    tips = [
        (
            axis.at(one.said),
            f"{name}\nsaid {share(one.said)}, covers {share(one.covers)}\n{one.pairs:,.0f} {what}",
        )
        for name, table in bins.items()
        for one in table.itertuples()
    ]
    return Chart(
        title=title,
        description=f"Share of covers over the probability that was said, in ten bins of {what}",
        x_label="probability that was said",
        y_label="share that are covers",
        x_ticks=SHARE_TICKS,
        y_ticks=SHARE_TICKS,
        lines=[
            Line("reliable", "reference", "0,100 100,0"),
            *(
                Line(name, kinds[name], points(map(axis.at, table.said), map(axis.at, table.covers)))
                for name, table in bins.items()
            ),
        ],
        tips=sorted(tips),
    )


def operating_points(
    calibrations: Mapping[str, Mapping[str, Any]], collection: str, experiments: Sequence[str]
) -> list[Point]:
    """What each operating point of these experiments is worth on the pairs of a collection."""
    return [
        Point(experiment, name, point["threshold"], **point[collection])
        for experiment in experiments
        if experiment in calibrations
        for name, point in calibrations[experiment]["operating_points"].items()
        if point["threshold"] is not None and collection in point
    ]
