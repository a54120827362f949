"""95 % percentile intervals by bootstrap over works (Efron & Tibshirani, 1993).

As many works as there are get drawn with replacement, and each brings all its songs, since songs of one work
are not independent. A resample is held as how often each work was drawn: a mean over its queries is then a
ratio of two matrix products.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
PERCENTILES = (2.5, 97.5)
BLOCK = 2**16  # numbers held at a time: half a megabyte


class Difference(NamedTuple):
    """The mean of one system minus that of another."""

    difference: float
    low: float
    high: float
    p: float  # two-sided: twice the share of resamples on the other side of zero


def interval(
    values: np.ndarray, works: Sequence, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of the queries' values, (queries,), and the ends of its interval; `works` is each query's."""
    mean, low, high = intervals(np.asarray(values)[:, None], works, resamples, seed)
    return float(mean[0]), float(low[0]), float(high[0])


def intervals(
    values: np.ndarray, works: Sequence, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of several metrics of the queries, (queries, metrics), and the low and high ends, (metrics,) each."""
    values = np.array(
        values, dtype=np.float64, order="C"
    )  # a sum's last digit depends on the order in memory
    return values.mean(axis=0), *ends(_resampled_means(values, works, resamples, seed))


def paired_difference(
    values_a: np.ndarray, values_b: np.ndarray, works: Sequence, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """Mean of system a minus mean of system b, in the same resamples of the same queries.

    Parameters
    ----------
    values_a, values_b : (queries,) a metric of each query, in the same order
    works : (queries,) work of each query
    """
    difference = np.subtract(*map(np.asarray, (values_a, values_b)), dtype=np.float64)
    resampled = _resampled_means(difference[:, None], works, resamples, seed)
    low, high = ends(resampled)
    beyond = min((resampled <= 0).sum(), (resampled >= 0).sum())
    p = min(1.0, 2 * (beyond + 1) / (resamples + 1))
    return Difference(float(difference.mean()), float(low[0]), float(high[0]), float(p))


def resample(
    statistic: Callable[[np.ndarray], np.ndarray], works: int, resamples: int, seed: int, block: int
) -> np.ndarray:
    """Metrics in each resample, (resamples, metrics).

    Parameters
    ----------
    statistic : counts of works (some resamples, works) → metrics (some resamples, metrics)
    block : int
        How many resamples `statistic` gets at a time.
    """
    return np.concatenate([statistic(drawn) for drawn in draws(works, resamples, seed, block)])


def draws(works: int, resamples: int, seed: int, block: int) -> Iterator[np.ndarray]:
    """How often each work is drawn, (resamples, works), `block` resamples at a time; the same for any block."""
    random = np.random.default_rng(seed)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(works, size=(rows, works)) + np.arange(rows)[:, None] * works
        yield np.bincount(drawn.ravel(), minlength=rows * works).reshape(rows, works)


def ends(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end of each metric, (metrics,) each; resamples in which it is undefined (NaN) do not count."""
    defined = ~np.isnan(resampled).all(axis=0)
    low_and_high = np.full((2, resampled.shape[1]), np.nan)
    if defined.any():
        low_and_high[:, defined] = np.nanpercentile(resampled[:, defined], PERCENTILES, axis=0)
    low, high = low_and_high
    return low, high


def _resampled_means(values: np.ndarray, works: Sequence, resamples: int, seed: int) -> np.ndarray:
    """Means over the queries of each resample, (resamples, metrics)."""
    _, work, queries = np.unique(np.asarray(works), return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(work, weights=column) for column in values.T], axis=1)
    block = max(1, BLOCK // len(queries))
    return resample(
        lambda drawn: drawn @ sums / (drawn @ queries)[:, None], len(queries), resamples, seed, block
    )
