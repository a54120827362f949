"""Pair metrics, against their definitions."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.dataset.labels import COVER, NON_COVER
from coversim.evaluation import bootstrap, pair_metrics
from coversim.evaluation.pair_metrics import (
    accuracy,
    cross_fitted_thresholds,
    curve_metrics,
    fit_threshold,
    interval,
    judge,
    pair_distances,
    resampled_accuracy,
    resampled_curve_metrics,
    resampled_roc_auc,
    roc_auc,
)
from coversim.storage.hashing import stable_hash

# few distinct distances, so that many are equal
distances_and_labels = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([COVER, NON_COVER])), min_size=2, max_size=40
).filter(lambda pairs: {label for _, label in pairs} == {COVER, NON_COVER})


def columns(pairs) -> tuple[np.ndarray, np.ndarray]:
    distances, labels = np.array(pairs).T
    return distances / 8, labels


def metrics(distances, labels) -> dict[str, float]:
    return dict(zip(("roc_auc", "eer", "average_precision"), curve_metrics(distances, labels), strict=True))


def pairs_of_works(seed: int, works: int = 60, pairs: int = 200):
    """Distances, labels and works (named) of pairs of which the covers are somewhat nearer."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=pairs)
    work_a = random.integers(works, size=pairs)
    work_b = np.where(labels == COVER, work_a, (work_a + random.integers(1, works, size=pairs)) % works)
    distances = (1 + random.normal(scale=0.3, size=pairs) + 0.4 * labels).round(1)
    names = np.array([f"W_{work}" for work in range(works)])
    return distances, labels, names[work_a], names[work_b]


@given(distances_and_labels)
def test_roc_auc_is_how_often_a_cover_is_nearer_than_a_non_cover(pairs):
    distances, labels = columns(pairs)
    covers, non_covers = distances[labels == COVER, None], distances[labels == NON_COVER]
    nearer = (covers < non_covers).mean() + (covers == non_covers).mean() / 2
    assert metrics(distances, labels)["roc_auc"] == pytest.approx(nearer)
    assert roc_auc(distances, labels) == pytest.approx(nearer)


@given(distances_and_labels)
def test_average_precision_is_the_precision_at_the_distance_of_each_cover(pairs):
    distances, labels = columns(pairs)
    within = distances <= distances[labels == COVER, None]
    precision = (within & (labels == COVER)).sum(axis=1) / within.sum(axis=1)
    assert metrics(distances, labels)["average_precision"] == pytest.approx(precision.mean())


@given(distances_and_labels)
def test_at_the_equal_error_rate_the_roc_curve_meets_the_other_diagonal(pairs):
    distances, labels = columns(pairs)
    thresholds = [-1, *np.unique(distances)]
    curve = [[(distances[labels == kind] <= t).mean() for kind in (NON_COVER, COVER)] for t in thresholds]
    eer = metrics(distances, labels)["eer"]
    # a point (eer, 1 - eer) of the polygon: it parts one of its sides into two of the same length together
    sides = [
        np.linalg.norm([eer - x, 1 - eer - y])
        + np.linalg.norm([eer - x_after, 1 - eer - y_after])
        - np.linalg.norm([x_after - x, y_after - y])
        for (x, y), (x_after, y_after) in pairwise(curve)
    ]
    assert min(sides) == pytest.approx(0, abs=1e-9)


def test_perfect_inverted_and_collapsed_distances():
    labels = np.repeat([COVER, NON_COVER], 5)
    assert metrics(np.arange(10), labels) == pytest.approx({"roc_auc": 1, "eer": 0, "average_precision": 1})
    inverted = metrics(-np.arange(10), labels)
    assert (inverted["roc_auc"], inverted["eer"]) == pytest.approx((0, 1))
    collapsed = {"roc_auc": 0.5, "eer": 0.5, "average_precision": 0.5}
    assert metrics(np.ones(10), labels) == pytest.approx(collapsed)


@given(distances_and_labels, st.integers(0, 1000))
def test_a_pair_of_weight_n_counts_as_n_pairs(pairs, seed):
    distances, labels = columns(pairs)
    weights = np.random.default_rng(seed).integers(4, size=(3, len(pairs)))
    found = resampled_curve_metrics(distances, labels)(weights)
    for row, times in zip(found, weights, strict=True):
        if set(np.repeat(labels, times)) == {COVER, NON_COVER}:
            expected = curve_metrics(np.repeat(distances, times), np.repeat(labels, times))
            np.testing.assert_allclose(row, expected)
        else:
            assert np.isnan(row[:2]).all()


@given(distances_and_labels, st.integers(0, 1000))
def test_roc_auc_alone_is_that_of_the_curve(pairs, seed):
    distances, labels = columns(pairs)
    weights = np.random.default_rng(seed).integers(4, size=(5, len(pairs)))
    expected = resampled_curve_metrics(distances, labels)(weights)[:, :1]
    np.testing.assert_array_equal(resampled_roc_auc(distances, labels)(weights), expected)


@given(distances_and_labels)
def test_no_threshold_parts_covers_from_non_covers_better_than_the_fitted_one(pairs):
    distances, labels = columns(pairs)

    def parted(threshold: float) -> float:
        within = distances <= threshold
        return within[labels == COVER].mean() - within[labels == NON_COVER].mean()

    fitted = fit_threshold(distances, labels)
    assert parted(fitted) == pytest.approx(max(parted(value) for value in [-1, *distances]))
    assert not np.isin(fitted, distances[distances < distances.max()])


def test_the_threshold_lies_midway_and_does_not_depend_on_the_number_of_non_covers():
    distances, labels = np.array([1.0, 2.0, 4.0, 5.0]), np.array([COVER, COVER, NON_COVER, NON_COVER])
    assert fit_threshold(distances, labels) == 3
    overlapping = np.array([1.0, 2.0, 3.0, 2.5, 4.0, 5.0]), np.repeat([COVER, NON_COVER], 3)
    more = [np.concatenate([column, np.repeat(column[3:], 9)]) for column in overlapping]
    assert fit_threshold(*overlapping) == fit_threshold(*more)


@pytest.mark.parametrize("label", [COVER, NON_COVER])
def test_without_pairs_of_both_kinds_there_is_no_threshold(label):
    assert np.isnan(fit_threshold(np.arange(3.0), np.full(3, label)))
    assert np.isnan(fit_threshold(np.array([]), np.array([])))


def test_a_pair_at_the_threshold_is_called_a_cover():
    labels = np.array([COVER, NON_COVER, COVER, NON_COVER])
    right = judge(np.array([1.0, 1.0, 2.0, 2.0]), labels, 1.0)
    assert right.tolist() == [1, 0, 0, 1]
    assert accuracy(right) == 0.5
    assert resampled_accuracy(right)(np.array([[3, 1, 0, 0]])) == 0.75


def test_pairs_without_a_threshold_are_not_judged():
    right = judge(np.array([1.0, 1.0]), np.array([COVER, NON_COVER]), np.array([np.nan, 0.5]))
    np.testing.assert_array_equal(right, [np.nan, 1])
    assert accuracy(right) == resampled_accuracy(right)(np.ones((1, 2))) == 1
    assert np.isnan(accuracy(np.array([np.nan])))
    assert np.isnan(resampled_accuracy(np.array([np.nan]))(np.ones((1, 1))))


def test_a_cross_fitted_threshold_never_saw_the_works_of_its_pair():
    distances, labels, work_a, work_b = pairs_of_works(0)
    thresholds = cross_fitted_thresholds(distances, labels, work_a, work_b)
    random = np.random.default_rng(1)
    for pair in range(0, len(labels), 20):
        works = {work_a[pair], work_b[pair]}
        of_works = np.isin(work_a, list(works)) | np.isin(work_b, list(works))
        other = np.where(of_works, random.random(len(labels)), distances)
        assert cross_fitted_thresholds(other, labels, work_a, work_b)[pair] == thresholds[pair]


def test_a_cross_fitted_threshold_is_fitted_on_all_pairs_of_the_other_folds():
    distances, labels, work_a, work_b = pairs_of_works(1)
    thresholds = cross_fitted_thresholds(distances, labels, work_a, work_b)
    folds = [
        {stable_hash("fold", work) % pair_metrics.FOLDS for work in pair}
        for pair in zip(work_a, work_b, strict=True)
    ]
    for own, threshold in zip(folds, thresholds, strict=True):
        others = np.array([not own & fold for fold in folds])
        assert fit_threshold(distances[others], labels[others]) == threshold


def test_works_of_a_single_fold_have_no_others_to_fit_a_threshold_on():
    thresholds = cross_fitted_thresholds([1.0, 2.0], [COVER, COVER], ["W_1", "W_1"], ["W_1", "W_1"])
    assert np.isnan(thresholds).all()


def test_an_interval_resamples_works_and_a_pair_comes_with_both_of_its_works():
    distances, labels, work_a, work_b = pairs_of_works(2, works=15, pairs=60)
    found = interval(resampled_curve_metrics(distances, labels), work_a, work_b, resamples=40, seed=5)
    names = np.unique([work_a, work_b])
    resampled = []
    for counts in next(bootstrap.draws(len(names), 40, seed=5, block=40)):
        times = dict(zip(names, counts, strict=True))
        copies = [times[a] if a == b else times[a] * times[b] for a, b in zip(work_a, work_b, strict=True)]
        resampled.append(curve_metrics(np.repeat(distances, copies), np.repeat(labels, copies)))
    np.testing.assert_allclose(found, np.percentile(resampled, [2.5, 97.5], axis=0))


def test_the_interval_of_roc_auc_covers_the_truth_as_often_as_promised():
    """Distances of covers N(0, 1), of non-covers N(1, 1): ROC-AUC Φ(1/√2) = .7602; 95 % of 200 trials, ± 4 %."""
    works = np.arange(80)
    inside = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        distances = np.concatenate([random.normal(size=80), random.normal(1, size=80)])
        labels = np.repeat([COVER, NON_COVER], 80)
        work_a, work_b = np.tile(works, 2), np.concatenate([works, np.roll(works, 1)])
        low, high = interval(resampled_roc_auc(distances, labels), work_a, work_b, resamples=300)
        inside += low[0] <= 0.7602 <= high[0]
    assert inside >= 182


@pytest.mark.parametrize("at_once", [1, 500])
def test_how_many_resamples_are_held_at_a_time_does_not_change_the_interval(at_once, monkeypatch):
    distances, labels, work_a, work_b = pairs_of_works(3)
    whole = interval(resampled_curve_metrics(distances, labels), work_a, work_b, resamples=50)
    monkeypatch.setattr(pair_metrics, "RESAMPLED_AT_ONCE", at_once)
    np.testing.assert_allclose(
        interval(resampled_curve_metrics(distances, labels), work_a, work_b, resamples=50), whole
    )


@pytest.mark.parametrize(("pairs", "resamples"), [(10, 10_000), (60, 2_000), (600, 1_000)])
def test_more_pairs_are_resampled_less_often(pairs, resamples, monkeypatch):
    monkeypatch.setattr(pair_metrics, "RESAMPLED_PAIRS", 120_000)
    asked = []

    def counting(weights: np.ndarray) -> np.ndarray:
        asked.append(len(weights))
        return weights[:, :1]

    interval(counting, np.arange(pairs), np.arange(pairs), resamples=10_000)
    assert sum(asked) == resamples


def test_distances_are_euclidean_in_blocks_of_any_size(monkeypatch):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(30, 5)).astype(np.float32)
    first, second = random.integers(30, size=(2, 100))
    expected = np.linalg.norm(embeddings[first].astype(float) - embeddings[second].astype(float), axis=1)
    np.testing.assert_allclose(pair_distances(embeddings, first, second), expected)
    monkeypatch.setattr(pair_metrics, "BLOCK", 12)
    np.testing.assert_allclose(pair_distances(embeddings, first, second), expected)
    assert pair_distances(embeddings, first, first).tolist() == [0] * 100


def test_the_first_song_of_a_pair_may_be_sought_by_several_points(monkeypatch):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(30, 5)).astype(np.float32)
    queries = random.normal(size=(30, 3, 5)).astype(np.float32)
    first, second = random.integers(30, size=(2, 100))
    expected = [
        min(np.linalg.norm(queries[a] - embeddings[b], axis=1)) for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(pair_distances(embeddings, first, second, queries), expected, rtol=1e-6)
    monkeypatch.setattr(pair_metrics, "BLOCK", 20)
    np.testing.assert_allclose(pair_distances(embeddings, first, second, queries), expected, rtol=1e-6)


def test_a_distance_that_is_nan_is_an_error():
    with pytest.raises(ValueError, match="NaN"):
        curve_metrics(np.array([1.0, np.nan]), np.array([COVER, NON_COVER]))
