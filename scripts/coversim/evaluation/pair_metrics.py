"""Pair metrics: how well the distance of two songs tells covers (label 0) from non-covers (label 1).

A pair is called a cover if its distance is at most a threshold, so that pairs at equal distances are always
called the same. Covers are the positives. scikit-learn gives the metrics themselves. Their intervals take thousands
of resamples, which scikit-learn would sort one by one: they are made here, from one sort and many at a time.
"""

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement

import numpy as np
from sklearn.metrics import auc, average_precision_score, roc_auc_score, roc_curve

from coversim.dataset.labels import COVER
from coversim.evaluation import bootstrap
from coversim.storage.hashing import stable_hash

FOLDS = 5  # of works: with more, thresholds are fitted on more of the pairs
RESAMPLED_PAIRS = 10**8  # a few seconds: larger tables are resampled less often, but 1,000 times at least
BLOCK = 2**16  # numbers held at a time: half a megabyte
RESAMPLED_AT_ONCE = 2**19  # weights of pairs: 4 MB

Statistic = Callable[[np.ndarray], np.ndarray]  # weights of the pairs (n, pairs) → metrics (n, metrics)


def pair_distances(
    embeddings: np.ndarray, first: np.ndarray, second: np.ndarray, queries: np.ndarray | None = None
) -> np.ndarray:
    """Euclidean distances, (pairs,) float64, of the embeddings in the rows `first` and `second`.

    With `queries` (songs, any number, size) each is the smallest from those of the first song to the embedding of
    the second.
    """
    if queries is None:
        queries = embeddings[:, None]
    distances = np.empty(len(first))
    step = max(1, BLOCK // (queries.shape[1] * embeddings.shape[1]))
    for start in range(0, len(first), step):
        here = slice(start, start + step)
        difference = queries[first[here]].astype(np.float64) - embeddings[second[here], None]
        distances[here] = np.sqrt(np.einsum("pqe,pqe->pq", difference, difference).min(axis=1))
    return distances


def curve_metrics(distances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Three metrics that no threshold enters, (3,): ROC-AUC, equal error rate, average precision.

    - ROC-AUC is the probability that a cover pair is nearer than a non-cover pair; equal distances count half.
    - The equal error rate is where the ROC curve, drawn with straight lines, has as many false alarms as misses.
    - Average precision is Σ (recall gained at a threshold) · (precision there), over the distinct distances.
    """
    is_cover = labels == COVER
    false_alarms, hits, _ = roc_curve(is_cover, -distances, drop_intermediate=False)
    equal_error_rate = np.interp(1, false_alarms + hits, false_alarms)
    return np.array(
        [auc(false_alarms, hits), equal_error_rate, average_precision_score(is_cover, -distances)]
    )


def resampled_curve_metrics(distances: np.ndarray, labels: np.ndarray) -> Statistic:
    """Statistic of the three `curve_metrics`; NaN where covers or non-covers have no weight."""
    running = _running(distances, labels)

    def metrics(weights: np.ndarray) -> np.ndarray:
        covers, non_covers = running(weights)
        with np.errstate(invalid="ignore"):
            hits = covers / covers[-1]
            covers /= covers + non_covers
            non_covers /= non_covers[-1]
        precision, false_alarms = np.nan_to_num(covers, copy=False), non_covers
        average_precision = (np.diff(hits, axis=0) * precision[1:]).sum(axis=0)

        excess = false_alarms + hits - 1  # of false alarms over misses, from -1 to 1
        after = np.maximum((excess >= 0).argmax(axis=0), 1)[None]
        (x, x_after), (y, y_after) = (
            [np.take_along_axis(values, place, axis=0)[0] for place in (after - 1, after)]
            for values in (excess, false_alarms)
        )
        equal_error_rate = y - x * (y_after - y) / (x_after - x)
        return np.stack([_area(hits, false_alarms), equal_error_rate, average_precision], axis=1)

    return metrics


def roc_auc(distances: np.ndarray, labels: np.ndarray) -> float:
    """The first of `curve_metrics` alone."""
    return roc_auc_score(labels == COVER, -distances)


def resampled_roc_auc(distances: np.ndarray, labels: np.ndarray) -> Statistic:
    """Statistic of `roc_auc`, in half the time of `resampled_curve_metrics`."""
    running = _running(distances, labels)

    def area(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return _area(*(weight / weight[-1] for weight in running(weights)))[:, None]

    return area


def accuracy(right: np.ndarray) -> float:
    """The share of the judged pairs that are judged right, see `judge`; NaN where none is judged."""
    judged = right[~np.isnan(right)]
    return float(judged.mean()) if len(judged) else float("nan")


def resampled_accuracy(right: np.ndarray) -> Statistic:
    """Statistic of `accuracy`."""
    judged = ~np.isnan(right)
    right = np.nan_to_num(right)

    def share(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return (weights @ right / (weights @ judged))[:, None]

    return share


def judge(distances: np.ndarray, labels: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """1 where the threshold calls a pair right, 0 where wrong, NaN where the threshold is NaN; (pairs,)."""
    right = (distances <= threshold) == (np.asarray(labels) == COVER)
    return np.where(np.isnan(threshold), np.nan, right)


def fit_threshold(distances: np.ndarray, labels: np.ndarray) -> float:
    """Distance that maximises the share of covers within it minus that of non-covers (Youden's index).

    So it does not depend on how many pairs of either kind there are. It is midway between two distances; of
    several equally good ones the smallest. NaN where there are no covers or no non-covers.
    """
    is_cover = np.asarray(labels) == COVER
    if is_cover.all() or not is_cover.any():
        return float("nan")
    distances = np.asarray(distances, dtype=np.float64)
    false_alarms, hits, steps = roc_curve(is_cover, -distances, drop_intermediate=False)
    best, steps = (hits - false_alarms).argmax(), -steps  # -inf, then the distinct distances
    if best == 0:
        return float(np.nextafter(steps[1], -np.inf))
    return float(steps[best : best + 2].mean())


def cross_fitted_thresholds(
    distances: np.ndarray, labels: np.ndarray, works_a: Sequence[str], works_b: Sequence[str]
) -> np.ndarray:
    """Threshold for each pair, (pairs,), fitted on pairs of other works only; NaN where there are none.

    Works are dealt into folds by a stable hash. A pair lies in one fold or two; its threshold is fitted on
    the pairs that lie in the others.
    """
    fold = {work: stable_hash("fold", work) % FOLDS for work in {*works_a, *works_b}}
    folds = np.array([[fold[a], fold[b]] for a, b in zip(works_a, works_b, strict=True)]).reshape(-1, 2)
    distances, labels = np.asarray(distances), np.asarray(labels)
    thresholds = np.full(len(distances), np.nan)
    for held_out in combinations_with_replacement(range(FOLDS), 2):
        here = (np.sort(folds, axis=1) == held_out).all(axis=1)
        others = ~np.isin(folds, held_out).any(axis=1)
        thresholds[here] = fit_threshold(distances[others], labels[others])
    return thresholds


def interval(
    statistic: Statistic,
    works_a: np.ndarray,
    works_b: np.ndarray,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends of the metrics' 95 % intervals, (metrics,) each, by bootstrap over works.

    A pair of two works is in a resample as often as the product of their counts (Owen, 2007): intervals are
    somewhat too wide rather than too narrow. Of many pairs fewer resamples are drawn, see RESAMPLED_PAIRS.
    """
    works, place = np.unique(np.concatenate([works_a, works_b]), return_inverse=True)
    a, b = np.split(place, 2)
    across = np.flatnonzero(a != b)

    def resampled(drawn: np.ndarray) -> np.ndarray:
        times = np.ascontiguousarray(drawn.T, dtype=np.float64)
        weights = times[a]
        weights[across] *= times[b[across]]
        return statistic(weights.T)

    resamples = min(resamples, max(1_000, RESAMPLED_PAIRS // len(a)))
    block = max(1, RESAMPLED_AT_ONCE // len(a))
    values = bootstrap.resample(resampled, len(works), resamples, seed, block)
    return bootstrap.ends(values)


def _running(
    distances: np.ndarray, labels: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Weights (n, pairs) → those of covers and of non-covers up to each distinct distance, as `_cumulative` gives.

    Resamples stand side by side in memory, so that each step is one for all of them.
    """
    order = np.argsort(distances)
    ordered = np.asarray(distances)[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # of equal distances
    is_cover = (np.asarray(labels) == COVER)[order, None]

    def running(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights = weights.T[order].astype(np.float64, copy=False)
        both = _cumulative(weights, last)
        weights *= is_cover
        covers = _cumulative(weights, last)
        both -= covers
        return covers, both

    return running


def _cumulative(weights: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Weights (pairs, n) up to each distinct distance, from 0: (distinct distances + 1, n)."""
    total = np.zeros((len(last) + 1, weights.shape[1]))
    if len(last) == len(weights):
        np.cumsum(weights, axis=0, out=total[1:])
    else:
        total[1:] = weights.cumsum(axis=0, dtype=np.float64)[last]
    return total


def _area(hits: np.ndarray, false_alarms: np.ndarray) -> np.ndarray:
    """Area under ROC curves (points, n) of straight lines: (n,)."""
    return (np.diff(false_alarms, axis=0) * (hits[1:] + hits[:-1])).sum(axis=0) / 2
