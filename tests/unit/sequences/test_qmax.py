"""The compiled Qmax is coversim.alignment's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim import alignment
from coversim.sequences.qmax import longest_paths, packed


def melody(seed, frames, channels=1):
    """Chroma (C, 12, T) of whole numbers: their distances are exact in float32, in whatever order they are summed."""
    return np.random.default_rng(seed).integers(0, 9, (channels, 12, frames)).astype(np.float32)


def reference(song, other):
    """Qmax in the one transposition that alignment takes."""
    return alignment.longest_paths([alignment.cross_recurrence(song, other)])[0]


@given(
    seed=st.integers(0, 1000),
    length=st.integers(1, 150),
    width=st.integers(1, 150),
    channels=st.integers(1, 2),
)
@settings(deadline=None, max_examples=40)
def test_paths_are_those_of_alignment(seed, length, width, channels):
    song, other = melody(seed, length, channels), melody(seed + 1, width, channels)
    filled = [np.pad(x, ((0, 0), (0, 0), (0, max(0, 9 - x.shape[2])))) for x in (song, other)]
    key = alignment.optimal_transposition(*filled)
    assert longest_paths(song, *packed([other]), np.array([[key]]))[0] == reference(song, other)


def test_many_songs_have_the_paths_of_each_in_the_best_of_its_transpositions():
    song, others = melody(1, 120), [melody(seed, 40 * seed) for seed in range(2, 5)]
    keys = np.random.default_rng(0).integers(0, 12, (3, 4))
    together = longest_paths(song, *packed(others), keys)
    each = [[longest_paths(song, *packed([other]), np.array([[key]]))[0] for key in row] for other, row in zip(others, keys, strict=True)]  # fmt: skip
    np.testing.assert_array_equal(together, np.max(each, axis=1))


def test_both_songs_may_be_the_first():
    song, other = (
        np.random.default_rng(seed).random((1, 12, length)) for seed, length in ((1, 90), (2, 140))
    )
    there = longest_paths(song, *packed([other]), np.array([[4]]))
    assert there == longest_paths(other, *packed([song]), np.array([[-4]]))


def test_real_chroma_gives_all_but_the_same_paths():
    random = np.random.default_rng(0)
    song = random.random((1, 12, 200)).astype(np.float32)
    covers = [
        song[:, :, 30:160] + noise * random.random((1, 12, 130)).astype(np.float32) for noise in (0.2, 1, 2)
    ]
    keys = np.array([[alignment.optimal_transposition(song, cover)] for cover in covers])
    found = longest_paths(song, *packed(covers), keys)
    assert found == pytest.approx([reference(song, cover) for cover in covers], abs=1.5)


def test_silence_has_a_path_with_silence_only():
    silence = np.zeros((1, 12, 60), np.float32)
    assert longest_paths(silence, *packed([silence]), np.array([[0]]))[0] == 60 - 8 - 2
