"""Intervals by bootstrap over works, against drawing the works one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.evaluation import bootstrap

works_and_values = st.lists(st.tuples(st.integers(0, 6), st.floats(-1, 1)), min_size=1, max_size=25)


@given(works_and_values)
def test_a_resample_has_all_queries_of_the_works_that_were_drawn(queries):
    works = np.array([work for work, _ in queries])
    values = np.array([value for _, value in queries])
    names = np.unique(works)
    means = []
    for counts in np.concatenate(list(bootstrap.draws(len(names), 50, seed=1, block=7))):
        resample = [
            values[works == name] for name, times in zip(names, counts, strict=True) for _ in range(times)
        ]
        means.append(np.concatenate(resample).mean())
    mean, low, high = bootstrap.interval(values, works, resamples=50, seed=1)
    assert mean == pytest.approx(values.mean())
    assert [low, high] == pytest.approx(np.percentile(means, [2.5, 97.5]))


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_as_many_works_are_drawn_as_there_are_whatever_the_block(block):
    counts = np.concatenate(list(bootstrap.draws(17, 100, seed=3, block=block)))
    assert counts.shape == (100, 17)
    assert set(counts.sum(axis=1)) == {17}
    np.testing.assert_array_equal(counts, next(bootstrap.draws(17, 100, seed=3, block=100)))


def test_every_work_is_drawn_once_on_average_as_if_independently():
    counts = next(bootstrap.draws(50, 20_000, seed=0, block=20_000))
    assert counts.mean(axis=0) == pytest.approx(1, abs=0.03)
    assert counts.var(axis=0) == pytest.approx(1 - 1 / 50, abs=0.05)


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution_for_many_works():
    values = np.random.default_rng(0).normal(size=2000)
    mean, low, high = bootstrap.interval(values, np.arange(2000))
    error = values.std() / np.sqrt(2000)
    assert [low, high] == pytest.approx([mean - 1.96 * error, mean + 1.96 * error], abs=0.05 * error)


def test_songs_that_agree_within_their_work_do_not_make_the_interval_narrower():
    values = np.random.default_rng(0).random(100)
    alone = bootstrap.interval(values, np.arange(100))
    tenfold = bootstrap.interval(np.repeat(values, 10), np.repeat(np.arange(100), 10))
    assert tenfold == pytest.approx(alone)


def test_several_metrics_share_their_resamples():
    random = np.random.default_rng(0)
    values, works = random.random((60, 3)), random.integers(20, size=60)
    together = np.stack(bootstrap.intervals(values, works, resamples=200))
    alone = np.stack([bootstrap.interval(column, works, resamples=200) for column in values.T], axis=1)
    np.testing.assert_allclose(together, alone)


def test_the_seed_decides():
    values, works = np.random.default_rng(0).random(30), np.arange(30)
    assert bootstrap.interval(values, works, seed=1) == bootstrap.interval(values, works, seed=1)
    assert bootstrap.interval(values, works, seed=1) != bootstrap.interval(values, works, seed=2)


def test_the_memory_for_counts_does_not_change_the_interval(monkeypatch):
    values, works = np.random.default_rng(0).random(30), np.arange(30)
    whole = bootstrap.interval(values, works, resamples=500)
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    assert bootstrap.interval(values, works, resamples=500) == pytest.approx(whole)


def test_one_work_has_an_interval_without_width():
    assert bootstrap.interval([0.25, 0.75], ["W_1", "W_1"]) == (0.5, 0.5, 0.5)


def test_a_metric_that_some_resamples_lack_has_the_interval_of_the_others():
    low, high = bootstrap.ends(np.array([[np.nan, np.nan], [1.0, np.nan], [1.0, np.nan]]))
    np.testing.assert_array_equal([low, high], [[1, np.nan]] * 2)


def test_a_system_does_not_differ_from_itself():
    values = np.random.default_rng(0).random(50)
    assert bootstrap.paired_difference(values, values, np.arange(50)) == (0, 0, 0, 1)


def test_pairing_takes_out_what_makes_a_query_hard_for_both():
    random = np.random.default_rng(0)
    hard, works = random.random(200), np.repeat(np.arange(100), 2)
    better = hard + 0.02 + random.normal(scale=0.01, size=200)
    difference, low, high, p = bootstrap.paired_difference(better, hard, works)
    assert difference == pytest.approx((better - hard).mean())
    assert 0 < low < difference < high
    assert p == pytest.approx(2 / 10_001)
    apart = bootstrap.interval(hard, works)
    assert high - low < (apart[2] - apart[1]) / 5


def test_the_other_way_round_the_difference_changes_its_sign():
    a, b = np.random.default_rng(0).random((2, 80))
    works = np.repeat(np.arange(20), 4)
    there, back = bootstrap.paired_difference(a, b, works), bootstrap.paired_difference(b, a, works)
    assert (there.difference, there.low, there.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )
    assert there.p == back.p


def test_chance_differences_are_called_significant_as_often_as_promised():
    """Equal systems: p ≤ .05 in about 5 % of 400 trials (4 standard errors: 0.6 to 9.4 %)."""
    random = np.random.default_rng(0)
    works = np.arange(100)
    ps = [
        bootstrap.paired_difference(*random.normal(size=(2, 100)), works, 400, seed).p for seed in range(400)
    ]
    assert 0.006 < np.mean(np.array(ps) <= 0.05) < 0.094
