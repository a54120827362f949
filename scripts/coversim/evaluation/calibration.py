"""How probable a cover is at a distance: fitted to validation pairs, and measured on pairs of other works.

Platt's (1999) logistic curve of the distance, whose two numbers a hundred pairs determine. Isotonic regression needs
thousands, and says 0 and 1 beyond the pairs that it saw, which no prior can move. As Platt does, each pair counts
as a cover or not with a probability of (n + 1) / (n + 2), n being how many there are of its kind: so the curve is
finite where covers and non-covers do not overlap. Covers and non-covers weigh the same, whatever their numbers: the
curve holds at even odds, and another prior shifts it.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from coversim.dataset.labels import COVER
from coversim.evaluation.pair_metrics import fit_threshold
from coversim.evaluation.probability import PRIOR, Calibration

PRECISION = 0.99
BINS = 10  # of probability, for reliability

Pairs = tuple[np.ndarray, np.ndarray]  # distances and labels


def fit(distances: np.ndarray, labels: np.ndarray) -> Calibration | None:
    """The calibration of these pairs; None where covers or non-covers are missing.

    Its operating points: `best_accuracy` is right most often, `high_precision` is the largest distance at which at
    least PRECISION of what is called a cover is one; both at even odds.
    """
    is_cover = np.asarray(labels) == COVER
    covers, non_covers = int(is_cover.sum()), int((~is_cover).sum())
    if not covers or not non_covers:
        return None
    distances = np.asarray(distances, dtype=np.float64)
    mean, scale = float(distances.mean()), float(distances.std()) or 1.0
    # a pair with the target t is t of a cover and 1 − t of a non-cover
    target = np.where(is_cover, (covers + 1) / (covers + 2), 1 / (non_covers + 2))
    weight = 1 / np.where(is_cover, covers, non_covers)
    standardised = ((distances - mean) / scale)[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([standardised, standardised]),
        np.repeat([1, 0], len(distances)),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]) * len(distances) / 2,
    )
    slope = -float(model.coef_[0, 0]) / scale
    return Calibration(
        slope,
        float(model.intercept_[0]) + slope * mean,
        {
            "best_accuracy": fit_threshold(distances, labels),
            "high_precision": _precise_threshold(distances, is_cover),
        },
    )


def _precise_threshold(distances: np.ndarray, is_cover: np.ndarray) -> float | None:
    """The largest distance of a pair up to which at least PRECISION are covers, at even odds; None without one."""
    order = np.argsort(distances)
    ordered, hits = distances[order], is_cover[order]
    recall, false_alarms = np.cumsum(hits) / hits.sum(), np.cumsum(~hits) / (~hits).sum()
    last = np.append(ordered[1:] != ordered[:-1], True)  # of equal distances
    precise = np.flatnonzero(last & (recall >= PRECISION * (recall + false_alarms)))
    return float(ordered[precise[-1]]) if len(precise) else None


def calibrate(pairs: Mapping[str, Pairs], fitted_on: str) -> dict[str, Any]:
    """What calibration.json holds: the fit to the pairs of one collection, and what it is worth on the others.

    `slope` and `intercept` are None where `fitted_on` has no covers, or nothing else.
    """
    fitted = fit(*pairs[fitted_on]) if fitted_on in pairs else None
    others = {name: found for name, found in pairs.items() if name.partition("/")[0] != fitted_on}
    points = fitted.thresholds if fitted else {}
    return {
        "prior": PRIOR,
        "fitted_on": fitted_on,
        "pairs": len(pairs[fitted_on][0]) if fitted_on in pairs else 0,
        "slope": fitted and fitted.slope,
        "intercept": fitted and fitted.intercept,
        "operating_points": {
            name: {"threshold": limit}
            | {other: _measured(*found, limit) for other, found in others.items() if limit is not None}
            for name, limit in points.items()
        },
        "collections": {name: reliability(*found, fitted) for name, found in others.items() if fitted},
    }


def _measured(distances: np.ndarray, labels: np.ndarray, limit: float) -> dict[str, float | int | None]:
    """Precision at even odds, recall and accuracy of calling pairs up to a distance covers; None where undefined."""
    is_cover, called = labels == COVER, distances <= limit
    if is_cover.all() or not is_cover.any():
        return {"precision": None, "recall": None, "accuracy": None}
    recall, false_alarms = float(called[is_cover].mean()), float(called[~is_cover].mean())
    return {
        "precision": recall / (recall + false_alarms) if recall + false_alarms else None,
        "recall": recall,
        "accuracy": (recall + 1 - false_alarms) / 2,
    }


def reliability(distances: np.ndarray, labels: np.ndarray, calibration: Calibration) -> dict[str, Any]:
    """Brier score of the probabilities of pairs, and in bins of them, what was said and how many were covers."""
    said = calibration.probabilities(distances)
    is_cover = np.asarray(labels) == COVER
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    pairs = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, said, BINS) / pairs
        covers = np.bincount(place, is_cover, BINS) / pairs
    return {
        "pairs": len(said),
        "brier": float(np.square(said - is_cover).mean()) if len(said) else None,
        "reliability": {
            "edges": (np.arange(BINS + 1) / BINS).tolist(),
            "pairs": pairs.tolist(),
            "said": [None if math.isnan(mean) else float(mean) for mean in means],
            "covers": [None if math.isnan(share) else float(share) for share in covers],
        },
    }
