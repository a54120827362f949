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
def test_it_is_the_same_in_every_key_and_wherever_the_song_begins(seed, length, semitones):
    vectors = song(seed, length)
    expected = outline(vectors, ORDERS)
    played = transpose(np.concatenate([vectors[length // 2 :], vectors[: length // 2]]), ORDERS, semitones)
    np.testing.assert_allclose(outline(np.concatenate([played, played]), ORDERS), expected, atol=2e-3)
    assert np.linalg.norm(expected) == pytest.approx(1)


def test_its_numbers_are_roots_of_the_moments_of_each_order():
    vectors = song(1, 20)
    numbers = []
    for order in (0, 1, 3, 6):
        places = [place for place, own in enumerate(ORDERS) if own == order]
        parts = {}
        for a in places:
            for b in places:
                total = 0
                for vector in vectors:
                    values = dict(enumerate(vector[: len(ORDERS)].astype(complex)))
                    others = [place for place, own in enumerate(ORDERS) if own not in REAL_ORDERS]
                    for place, imaginary in zip(others, vector[len(ORDERS) :], strict=True):
                        values[place] += 1j * imaginary
                    total += values[a] * np.conj(values[b])
                parts[a, b] = total
        numbers += [parts[a, b].real for a in places for b in places if a <= b]
        if order not in REAL_ORDERS:
            numbers += [parts[a, b].imag for a in places for b in places if a < b]
    rooted = np.sign(numbers) * np.sqrt(np.abs(numbers))
    np.testing.assert_allclose(outline(vectors, ORDERS), rooted / np.linalg.norm(rooted), atol=1e-5)


def test_songs_of_other_chords_differ():
    assert np.linalg.norm(outline(song(1, 50), ORDERS) - outline(song(2, 50), ORDERS)) > 0.3


def test_of_silence_it_is_nothing():
    assert not outline(np.zeros((3, SIZE), np.float32), ORDERS).any()
