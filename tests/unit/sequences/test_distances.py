"""Distances that lengths and hubs do not decide."""

import numpy as np
import pytest

from coversim.sequences.distances import HALF_RATE, LENGTH, distances, hubness, likeness
from coversim.sequences.matching import scores, stored
from coversim.sequences.patches import sections


def test_a_distance_falls_as_the_score_grows():
    found = distances(likeness(np.linspace(0, 500, 50), 480, np.full(50, 300)), 0.4, np.full(50, 0.7))
    assert (np.diff(found) < 0).all()
    assert (found > 0).all()


def test_both_songs_of_a_pair_may_be_the_first():
    there = distances(likeness(np.array([30.0]), 480, np.array([60])), 0.4, np.array([0.7]))
    back = distances(likeness(np.array([30.0]), 60, np.array([480])), 0.7, np.array([0.4]))
    assert there == back


def test_what_a_pair_has_by_chance_weighs_less_the_longer_the_shorter_song_is():
    score = np.array([100**LENGTH])
    assert likeness(score, 100, np.array([400])) == pytest.approx(np.log(2))
    assert likeness(score, 400, np.array([400])) == pytest.approx(np.log(1 + 0.25**LENGTH))


def test_at_half_the_rate_a_score_counts_twice_but_for_what_the_mean_of_two_vectors_makes_alike():
    whole, half = (
        likeness(np.array([30.0]), 120, np.array([200])),
        likeness(np.array([15.0]), 60, np.array([100]), 2),
    )
    assert half == pytest.approx(whole - HALF_RATE)


def test_of_two_songs_that_score_the_same_the_hub_is_farther():
    near = likeness(np.array([20.0, 20.0]), 200, np.array([200, 200]))
    hubs = np.array([hubness(np.array([0.1, 0.3])), hubness(np.array([0.6, 0.8]))])
    quiet, hub = distances(near, 0.2, hubs)
    assert quiet < hub


def test_unrelated_songs_of_ten_minutes_are_about_as_far_as_those_of_one():
    """Random vectors, wandering as those of music do; without the division the long ones would be far nearer."""
    random = np.random.default_rng(0)
    orders = np.repeat(np.arange(1, 6), 3)

    def song(length):
        steps = random.normal(size=(length + 7, 30)).cumsum(axis=0)
        moving = steps[7:] - steps[:-7]
        return (moving / np.linalg.norm(moving, axis=1, keepdims=True)).astype(np.float32)

    def typical(length):
        songs = [song(length) for _ in range(6)]
        others, offsets = stored(np.concatenate(songs)), np.arange(7) * length
        count = len(sections(length)) - 1
        keys = np.zeros((count, 6 * count, 1), int)
        table = np.array([scores(one, others, offsets, keys, orders) for one in songs])
        return table[~np.eye(6, dtype=bool)]

    short, long = typical(120), typical(1200)
    far = [distances(likeness(found, size, np.full(30, size)), 0, np.zeros(30)).mean() for found, size in ((short, 120), (long, 1200))]  # fmt: skip
    assert long.mean() > 1.5 * short.mean()
    assert abs(np.log(far[1] / far[0])) < 0.25 < np.log((1 + long.mean()) / (1 + short.mean()))
