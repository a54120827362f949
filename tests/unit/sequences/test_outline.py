"""The outline of a song: what it does not depend on, and what it does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.sequences.outline import outline
from coversim.sequences.projection import REAL_ORDERS, transpose

ORDERS = np.array([0, 1, 1, 3, 3, 3, 6, 6])
SIZE = len(ORDERS) + int((~np.isin(ORDERS, REAL_ORDERS)).sum())


def song(seed: int, length: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((length, SIZE)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 11))
def test_it_is_the_same_in_every_key(seed, length, semitones):
    vectors = song(seed, length)
    expected = outline(vectors, ORDERS)
    np.testing.assert_allclose(outline(transpose(vectors, ORDERS, semitones), ORDERS), expected, atol=2e-3)
    assert np.linalg.norm(expected) == pytest.approx(1)


def test_it_is_nearly_the_same_wherever_the_song_begins_and_however_often_it_repeats():
    vectors = song(1, 400)
    moved = np.concatenate([vectors[150:], vectors[:150]])
    expected = outline(vectors, ORDERS)
    assert outline(moved, ORDERS) @ expected > 0.99
    assert outline(np.concatenate([moved, moved]), ORDERS) @ expected > 0.99


def test_what_follows_what_tells_songs_of_the_same_chords_apart():
    vectors = np.repeat(song(1, 30), 10, axis=0)  # 30 chords, of five seconds each
    other = np.repeat(song(1, 30)[np.random.default_rng(2).permutation(30)], 10, axis=0)
    alike = outline(other, ORDERS) @ outline(vectors, ORDERS)
    assert alike < 0.95
    assert outline(vectors[::2], ORDERS) @ outline(vectors, ORDERS) > alike  # the same song, twice as fast


@pytest.mark.parametrize("length", [1, 5, 9, 30])
def test_its_numbers_are_roots_of_the_moments_of_each_order(length):
    """Of those of the same time, and, half as heavy, of those that follow 7 to 11 patches later."""
    vectors = song(1, length)
    together, follows = [], []
    for order in (0, 1, 3, 6):
        places = [place for place, own in enumerate(ORDERS) if own == order]
        now = {(a, b): moment(vectors, a, b, [0]) for a in places for b in places}
        later = {(a, b): moment(vectors, a, b, range(7, 12)) for a in places for b in places}
        together += [now[a, b].real for a in places for b in places if a <= b]
        follows += [later[a, b].real for a in places for b in places]
        if order not in REAL_ORDERS:
            together += [now[a, b].imag for a in places for b in places if a < b]
            follows += [later[a, b].imag for a in places for b in places]
    parts = np.concatenate([rooted(together), rooted(follows) / 2])
    np.testing.assert_allclose(outline(vectors, ORDERS), parts / np.linalg.norm(parts), atol=1e-5)


def moment(vectors, a, b, lags):
    """The sum of z_a z_b* over all pairs of patches that are one of these lags apart."""
    values = [numbers(vector) for vector in vectors]
    pairs = [(first, first + lag) for first in range(len(values)) for lag in lags]
    return sum(values[i][a] * np.conj(values[j][b]) for i, j in pairs if j < len(values)) + 0j


def numbers(vector):
    values = dict(enumerate(vector[: len(ORDERS)].astype(complex)))
    others = [place for place, own in enumerate(ORDERS) if own not in REAL_ORDERS]
    for place, imaginary in zip(others, vector[len(ORDERS) :], strict=True):
        values[place] += 1j * imaginary
    return values


def rooted(moments):
    roots = np.sign(moments) * np.sqrt(np.abs(moments))
    return roots / (np.linalg.norm(roots) or 1)


def test_songs_of_other_chords_differ():
    assert np.linalg.norm(outline(song(1, 50), ORDERS) - outline(song(2, 50), ORDERS)) > 0.3


def test_of_silence_it_is_nothing():
    assert not outline(np.zeros((3, SIZE), np.float32), ORDERS).any()
