"""Plots of the report as plain numbers: positions in percent of the plot, which the template draws as SVG.

Percentages let a plot take any width without scaling its text, and keep the file a few kilobytes per plot.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd


@dataclass
class Axis:
    """Maps values to percent of the plot, and names round values on the way."""

    low: float
    high: float
    logarithmic: bool = False

    def __post_init__(self):
        if not self.high > self.low:
            self.high = self.low + 1

    def at(self, value: float) -> float:
        """Percent of the way from `low` to `high`, kept inside the plot."""
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0), 1), 2)

    def ticks(self, about: int = 4) -> list[tuple[float, str]]:
        """(percent, label) of round values, roughly as many as asked for."""
        if self.logarithmic:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [(self.at(10**power), f"{10**power:,}") for power in powers]
        step = _round_step((self.high - self.low) / about)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [
            (self.at(k * step), f"{k * step:.{digits}f}".replace("-", "−")) for k in range(first, last + 1)
        ]


def _round_step(step: float) -> float:
    power = 10 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.7 * step)


def spanning(values: Iterable[float], *, zero: bool = False) -> Axis:
    """Axis that holds all finite values with a little air; with `zero` it holds 0 too."""
    finite = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    air = 0.06 * (high - low)
    return Axis(low - air if low < 0 or not zero else 0.0, high + air)


@dataclass
class Line:
    """A line of the plot; `kind` is its CSS class."""

    label: str
    kind: str
    points: str  # SVG points in percent, y downwards


@dataclass
class Chart:
    """One plot: everything in percent of its area."""

    title: str
    description: str  # for readers who cannot see it
    x_label: str
    y_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line] = field(default_factory=list)
    areas: list[Line] = field(default_factory=list)
    dots: list[tuple[float, float]] = field(default_factory=list)
    across: list[tuple[float, str]] = field(default_factory=list)  # horizontal reference lines
    down: list[tuple[float, str]] = field(default_factory=list)  # vertical reference lines
    tips: list[tuple[float, str]] = field(default_factory=list)  # x, what to say there


def _points(xs: Iterable[float], ys: Iterable[float]) -> str:
    return " ".join(f"{x:g},{round(100 - y, 2):g}" for x, y in zip(xs, ys, strict=True))


def training_chart(
    epochs: pd.DataFrame,
    column: str,
    title: str,
    axis: Axis,
    reference: tuple[str, float] | None = None,
    name_epochs: bool = True,
) -> Chart:
    """`train_loss` or `valid_map` over the epochs of an experiment, one line per seed, the kept epochs marked.

    `epochs` has the columns seed, epoch, `column` and kept. `reference` is a baseline's name and value, drawn across;
    without `name_epochs` the horizontal axis is bare, for a plot that stands on another of the same epochs.
    """
    x = Axis(epochs.epoch.min(), epochs.epoch.max())
    chart = Chart(
        title=title,
        description=f"{title} over {epochs.epoch.nunique()} epochs, {epochs.seed.nunique()} seeds",
        x_label="epoch" if name_epochs else "",
        y_label=title,
        x_ticks=[(at, label) for at, label in x.ticks() if "." not in label] if name_epochs else [],
        y_ticks=axis.ticks(3),
    )
    drawn = epochs[np.isfinite(epochs[column])]
    for seed, line in drawn.groupby("seed"):
        points = _points(map(x.at, line.epoch), map(axis.at, line[column]))
        chart.lines.append(Line(f"seed {seed}", "curve", points))
    kept = drawn[drawn.kept]
    chart.dots = [
        (x.at(epoch), round(100 - axis.at(value), 2))
        for epoch, value in zip(kept.epoch, kept[column], strict=True)
    ]
    if reference:
        chart.across.append((round(100 - axis.at(reference[1]), 2), reference[0]))
    for epoch, rows in epochs.groupby("epoch"):
        said = [f"epoch {epoch:g}"]
        for seed, value, is_kept in zip(rows.seed, rows[column], rows.kept, strict=True):
            shown = f"{value:.4g}" if math.isfinite(value) else "–"
            said.append(f"seed {seed}: {shown}{' (kept)' if is_kept else ''}")
        chart.tips.append((x.at(epoch), "\n".join(said)))
    return chart


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
        x_label="Euclidean distance",
        y_label="share of pairs",
        x_ticks=x.ticks(),
        y_ticks=[],
    )
    at = [x.at(edge) for edge in edges]
    outline = [at[0], *(edge for pair in pairwise(at) for edge in pair), at[-1]]
    for kind, label in (("non_cover", "non-covers"), ("cover", "covers")):
        heights = [0.0, *(y.at(share) for share in shares[kind] for _ in range(2)), 0.0]
        chart.areas.append(Line(label, kind.replace("_", "-"), _points(outline, heights)))
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


def first_rank_chart(first_ranks: Mapping[str, np.ndarray], songs: int, kinds: Mapping[str, str]) -> Chart:
    """Share of the queries whose first cover stands within the first k candidates, over k.

    `first_ranks`: experiment → the sorted ranks of its queries; `kinds`: experiment → CSS class of its line.
    """
    ranks = np.unique(np.geomspace(1, max(songs - 1, 2), 60).astype(int))
    x, y = Axis(1, int(ranks[-1]), logarithmic=True), Axis(0, 1)
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
        y_ticks=[(y.at(share), f"{share:.0%}".replace("%", " %")) for share in (0, 0.25, 0.5, 0.75, 1)],
        lines=[Line(name, kinds[name], _points(at, map(y.at, shares))) for name, shares in within.items()],
        tips=[
            (
                at[i],
                "\n".join(
                    [f"within {rank:,}", *(f"{name}: {shares[i]:.1%}" for name, shares in within.items())]
                ),
            )
            for i, rank in enumerate(ranks)
        ],
    )
