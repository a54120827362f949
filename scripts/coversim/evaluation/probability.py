"""From the distance of two songs to the probability that they are covers, and to a verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from coversim.errors import CoversimError

PRIOR = 0.5
"""Share of covers among the pairs that a calibration is fitted to, and what is believed unless somebody knows better."""


def prior_among(candidates: int) -> float:
    """What is believed of each of so many songs before looking: that one of them is a cover, or none, all as probable."""
    return 1 / (candidates + 1)


@dataclass(frozen=True)
class Calibration:
    """What coversim.evaluation.calibration fitted to the distances of validation pairs.

    The log-odds of a cover at even odds are `intercept − slope · distance`. `thresholds` are distances up to which
    an operating point calls two songs covers; None where validation pairs offered no such distance.
    """

    slope: float
    intercept: float
    thresholds: Mapping[str, float | None]

    def probability(self, distance: float, prior: float = PRIOR) -> float:
        """The probability of a cover, where before looking it was `prior`, in (0, 1)."""
        return float(self.probabilities(np.array(distance), prior))

    def probabilities(self, distances: np.ndarray, prior: float = PRIOR) -> np.ndarray:
        """The `probability` of each of an array of distances."""
        if not 0 < prior < 1:
            raise CoversimError(
                f"prior: {prior} is no probability between 0 and 1. Remedy: give one, e.g. 0.01"
            )
        return expit(self.intercept - self.slope * distances + math.log(prior / (1 - prior)))

    def verdicts(self, distance: float) -> dict[str, bool | None]:
        """Of each operating point, whether it calls two songs at this distance covers; None where it has no threshold."""
        return {name: None if limit is None else distance <= limit for name, limit in self.thresholds.items()}


def read(content: Mapping[str, Any]) -> Calibration | None:
    """The part of calibration.json that a metric needs; None where there were no pairs to fit it to."""
    if content["slope"] is None:
        return None
    points = content["operating_points"]
    return Calibration(
        float(content["slope"]),
        float(content["intercept"]),
        {name: point["threshold"] for name, point in points.items()},
    )
