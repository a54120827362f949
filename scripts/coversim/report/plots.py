"""Plots of the report as plain numbers: positions in percent of the plot, which the template draws as SVG.

Percentages let a plot take any width without scaling its text, and keep the file a few kilobytes per plot.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from scipy.special import ndtri

SCALES = {"linear": float, "logarithmic": math.log, "deviate": ndtri}  # deviate: of the normal distribution
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)


@dataclass
class Axis:
    """Maps values to percent of the plot, and names round values on the way."""

    low: float
    high: float
    scale: str = "linear"  # one of SCALES

    def __post_init__(self):
        if not self.high > self.low:
            self.high = self.low + 1

    def at(self, value: float) -> float:
        """Percent of the way from `low` to `high`, kept inside the plot."""
        inside = min(max(value, self.low), self.high)
        low, high, value = (float(SCALES[self.scale](place)) for place in (self.low, self.high, inside))
        return round(100 * (value - low) / (high - low), 2)

    def ticks(self, about: int = 4) -> list[tuple[float, str]]:
        """(percent, label) of round values, roughly as many as asked for."""
        if self.scale == "deviate":
            inside = (share for share in SHARES if self.low <= share <= self.high)
            return [(self.at(share), f"{100 * share:g} %") for share in inside]
        if self.scale == "logarithmic":
            decades = range(math.floor(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            factors = (1,) if math.log10(self.high / self.low) >= 3 else (1, 2, 5)
            values = (factor * 10**decade for decade in decades for factor in factors)
            return [(self.at(value), f"{value:,}") for value in values if self.low <= value <= self.high]
        step = _round_step((self.high - self.low) / about)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [
            (self.at(k * step), f"{k * step:.{digits}f}".replace("-", "−")) for k in range(first, last + 1)
        ]


SHARE_TICKS = [(100.0 * share, f"{share:.0%}".replace("%", " %")) for share in (0, 0.25, 0.5, 0.75, 1)]
"""Of an axis from 0 to 1."""


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
    across: list[tuple[float, str]] = field(default_factory=list)  # horizontal reference lines …
    down: list[tuple[float, str]] = field(
        default_factory=list
    )  # … and vertical ones, explained below the plot
    tips: list[tuple[float, str]] = field(default_factory=list)  # x, what to say there


def points(xs: Iterable[float], ys: Iterable[float]) -> str:
    """SVG points of positions in percent, y upwards."""
    return " ".join(f"{x:g},{round(100 - y, 2):g}" for x, y in zip(xs, ys, strict=True))
