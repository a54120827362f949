"""Distances of covers and of non-covers."""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from coversim.report.inputs import Results
from coversim.report.plots import Axis, Chart, Line, points
from coversim.report.tables import Table


def histograms(results: Results, table: Table) -> list[dict[str, Any]]:
    """Distances under each experiment's first seed, in the order of the table."""
    charts = []
    for row in table.rows:
        place = (table.collection, row.experiment, row.seeds[0][0])
        threshold = results.metrics["threshold"].get(place, math.nan)
        if chart := histogram_chart(row.experiment, results.histograms.get(place), threshold):
            charts.append({"chart": chart, "row": row})
    return charts


def histogram_chart(title: str, histogram: dict[str, Any] | None, threshold: float) -> Chart | None:
    """Distances of covers and of non-covers, each as shares of its own pairs; None where none were measured.

    `threshold` is drawn across, unless it is NaN.
    """
    if not histogram:
        return None
    edges = np.array(histogram["edges"], dtype=float)
    shares = {}
    for kind in ("cover", "non_cover"):
        counts = np.array(histogram[kind], dtype=float)
        shares[kind] = counts / counts.sum() if counts.sum() else counts
    x = Axis(min(0.0, float(edges[0])), float(edges[-1]))
    y = Axis(0, 1.08 * max(float(share.max(initial=0)) for share in shares.values()))
    chart = Chart(
        title=title,
        description=f"Distances of covers and of non-covers under {title}",
        x_label="distance",
        y_label="share of pairs",
        x_ticks=x.ticks(),
        y_ticks=[(at, f"{label} %") for at, label in Axis(0, 100 * y.high).ticks(3)],
    )
    at = [x.at(edge) for edge in edges]
    outline = [at[0], *(edge for pair in pairwise(at) for edge in pair), at[-1]]
    for kind, label in (("non_cover", "non-covers"), ("cover", "covers")):
        heights = [0.0, *(y.at(share) for share in shares[kind] for _ in range(2)), 0.0]
        chart.areas.append(Line(label, kind.replace("_", "-"), points(outline, heights)))
    if math.isfinite(threshold):
        chart.down.append((x.at(threshold), f"threshold {threshold:.3g}"))
    for index, (low, high) in enumerate(pairwise(edges)):
        said = [f"{low:.3g} to {high:.3g}"]
        said += [
            f"{label}: {100 * shares[kind][index]:.1f} %"
            for kind, label in (("cover", "covers"), ("non_cover", "non-covers"))
        ]
        chart.tips.append(((at[index] + at[index + 1]) / 2, "\n".join(said)))
    return chart
