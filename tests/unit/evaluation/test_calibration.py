"""From distances to probabilities: fitted to some pairs, measured on others."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from coversim.dataset.labels import COVER, NON_COVER
from coversim.errors import CoversimError
from coversim.evaluation.calibration import PRECISION, calibrate, fit, reliability
from coversim.evaluation.probability import Calibration, read


def pairs(seed: int, covers: int = 4000, non_covers: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Distances whose log-odds are linear by construction: two normal distributions, two apart, of the same width."""
    random = np.random.default_rng(seed)
    distances = np.concatenate([random.normal(4, 1, covers), random.normal(6, 1, non_covers)])
    return distances, np.repeat([COVER, NON_COVER], [covers, non_covers])


@pytest.mark.parametrize("covers", [4000, 400])
def test_the_log_odds_of_two_normal_distributions_are_found_whatever_the_numbers_of_pairs(covers):
    found = fit(*pairs(1, covers))
    # log of the ratio of the densities: ((d − 6)² − (d − 4)²) / 2
    assert (found.slope, found.intercept) == pytest.approx((2, 10), rel=0.15)


def test_probabilities_are_reliable_on_other_pairs():
    found = calibrate({"valid": pairs(1), "test": pairs(2)}, "valid")
    bins = found["collections"]["test"]["reliability"]
    for said, covers, count in zip(bins["said"], bins["covers"], bins["pairs"], strict=True):
        if count > 200:
            assert covers == pytest.approx(said, abs=0.08)


def test_the_brier_score_is_that_of_scikit_learn():
    distances, labels = pairs(3)
    found = fit(*pairs(1))
    said = [found.probability(distance) for distance in distances]
    expected = brier_score_loss(labels == COVER, said)
    assert reliability(distances, labels, found)["brier"] == pytest.approx(expected)


def test_covers_and_non_covers_that_do_not_overlap_give_finite_odds():
    found = fit(np.array([0.1, 0.2, 0.8, 0.9]), np.array([COVER, COVER, NON_COVER, NON_COVER]))
    assert 0 < found.slope < np.inf
    assert 0.5 < found.probability(0.1) < 1
    assert found.thresholds["best_accuracy"] == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([COVER, NON_COVER])), min_size=2, max_size=40))
@settings(deadline=None, max_examples=40)
def test_the_threshold_of_high_precision_is_the_largest_that_has_it(drawn):
    distances, labels = (np.array(column) for column in zip(*drawn, strict=True))
    found = fit(distances.astype(float), labels)
    if len(set(labels.tolist())) < 2:
        assert found is None
        return
    precise = []
    for limit in sorted(set(distances.tolist())):
        recall, false_alarms = ((distances[labels == kind] <= limit).mean() for kind in (COVER, NON_COVER))
        if recall >= PRECISION * (recall + false_alarms):
            precise.append(limit)
    assert found.thresholds["high_precision"] == (max(precise) if precise else None)


def test_only_validation_pairs_are_fitted_to():
    one, other = (calibrate({"valid": pairs(1), "test": pairs(seed)}, "valid") for seed in (2, 3))
    thresholds = [
        {name: point["threshold"] for name, point in found["operating_points"].items()}
        for found in (one, other)
    ]
    assert (one["slope"], one["intercept"], thresholds[0]) == (
        other["slope"],
        other["intercept"],
        thresholds[1],
    )
    assert one["operating_points"] != other["operating_points"]
    assert list(one["collections"]) == ["test"]


def test_operating_points_are_worth_on_test_pairs_what_counting_says():
    valid, test = pairs(1), pairs(2)
    found = calibrate({"valid": valid, "test": test}, "valid")
    for point in found["operating_points"].values():
        called = test[0] <= point["threshold"]
        right = called & (test[1] == COVER)
        assert point["test"]["precision"] == pytest.approx(
            right.sum() / called.sum()
        )  # as many of both kinds
        assert point["test"]["recall"] == pytest.approx(right.sum() / (test[1] == COVER).sum())
        assert point["test"]["accuracy"] == pytest.approx((called == (test[1] == COVER)).mean())
    assert found["operating_points"]["high_precision"]["test"]["precision"] > 0.97


def test_without_validation_pairs_nothing_is_calibrated():
    found = calibrate({"test": pairs(1)}, "valid")
    assert (found["slope"], found["operating_points"], found["collections"]) == (None, {}, {})


def test_the_further_the_less_probable_and_never_beyond_0_and_1():
    found = Calibration(50.0, 3.0, {"none": None})
    said = [found.probability(distance) for distance in (-1e9, 0.0, 0.1, 0.2, 1e9)]
    assert said == sorted(said, reverse=True)
    assert (said[0], said[-1]) == (1, 0)
    assert found.verdicts(0.1) == {"none": None}
    with pytest.raises(CoversimError, match="Remedy"):
        found.probability(0.1, prior=0)


def test_what_is_left_in_the_file_is_what_a_metric_reads():
    found = calibrate({"valid": pairs(1, 50, 50), "test": pairs(2, 50, 50)}, "valid")
    assert read(json.loads(json.dumps(found))) == fit(*pairs(1, 50, 50))
    assert read(calibrate({"test": pairs(2, 50, 50)}, "valid")) is None


def test_validation_works_of_one_data_set_are_not_measured_either():
    found = calibrate({"valid": pairs(1), "valid/irish": pairs(2), "test/irish": pairs(3)}, "valid")
    assert list(found["collections"]) == ["test/irish"]


@given(st.floats(0, 20), st.floats(0.01, 0.99))
def test_many_probabilities_are_those_of_each_distance(distance, prior):
    found = Calibration(2.0, 10.0, {})
    odds = np.exp(10 - 2 * distance) * prior / (1 - prior)
    assert found.probability(distance, prior) == pytest.approx(odds / (1 + odds))
    assert found.probabilities(np.array([distance, 0]), prior)[0] == found.probability(distance, prior)
