"""Local alignment against a slow one written down from its recursion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim.sequences import matching
from coversim.sequences.matching import best_transpositions, match, restored, scores, stored
from coversim.sequences.patches import patches, profile
from coversim.sequences.projection import Projection, transpose

ORDERS = np.repeat(np.arange(7), [1, 6, 6, 6, 6, 6, 1])
SIZE = 62


def sequence(seed: int, length: int) -> np.ndarray:
    """Vectors (length, SIZE) at unit length, as they are stored."""
    vectors = np.random.default_rng(seed).normal(size=(length, SIZE))
    return restored(stored(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)))


def packed(*songs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stored(np.concatenate(songs)), np.cumsum([0, *map(len, songs)])


def slow_score(song: np.ndarray, other: np.ndarray, semitones: int, strides: tuple[int, int]) -> float:
    """The recursion as it is written, cell by cell."""
    steps = [(1, 1), (1, 2), (1, 3), (1, 4)] if strides[0] > strides[1] else [(1, 1), (1, 2), (2, 1)]
    turned = transpose(other, ORDERS, semitones)[:: strides[1]]
    song = song[:: strides[0]]
    sums = np.zeros((len(song) + 2, len(turned) + 4))  # zeros before the first
    for i in range(len(song)):
        for j in range(len(turned)):
            before = max(sums[i + 2 - down, j + 4 - across] for down, across in steps)
            sums[i + 2, j + 4] = max(0, song[i] @ turned[j] - matching.THRESHOLD + before)
    return float(sums.max())


def in_all_keys(count: int) -> np.ndarray:
    return np.tile(np.arange(12), (count, 1))


@given(
    seed=st.integers(0, 1000),
    length=st.integers(1, 300),
    widths=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    keys=st.lists(st.integers(0, 11), min_size=1, max_size=2),
    strides=st.sampled_from([(1, 1), (2, 1), (2, 2)]),
)
@settings(deadline=None, max_examples=25)
def test_scores_are_the_largest_sums_along_a_path(seed, length, widths, keys, strides):
    song, others = sequence(seed, length), [sequence(seed + 1 + k, width) for k, width in enumerate(widths)]
    found = scores(song, *packed(*others), np.tile(keys, (len(others), 1)), ORDERS, strides)
    expected = [max(slow_score(song, other, key, strides) for key in keys) for other in others]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_long_song_is_compared_block_by_block():
    """A path that crosses all blocks of a long song is one path."""
    song = sequence(1, 4 * matching.ROWS + 5)
    assert scores(song, *packed(song), np.array([[0]]), ORDERS, (1, 1))[0] == pytest.approx(
        0.7 * len(song), rel=0.01
    )


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_both_songs_may_be_the_first(strides):
    songs = [sequence(seed, length) for seed, length in ((1, 40), (2, 300), (3, 150))]
    table = np.array([scores(song, *packed(*songs), in_all_keys(3), ORDERS, strides) for song in songs])
    np.testing.assert_allclose(table, table.T, rtol=1e-5)


def test_both_songs_transposed_have_the_same_score():
    song, other = sequence(1, 60), sequence(2, 50)
    moved = [restored(stored(transpose(vectors, ORDERS, 5))) for vectors in (song, other)]
    there = scores(moved[0], *packed(moved[1]), np.array([[3]]), ORDERS)
    assert there[0] == pytest.approx(scores(song, *packed(other), np.array([[3]]), ORDERS)[0], rel=0.05)


@pytest.mark.parametrize("semitones", range(12))
def test_the_best_transpositions_play_the_other_song_in_the_key_of_the_first(semitones):
    song, stranger = np.random.default_rng(0).random((2, 1, 12, 90))
    moved = np.roll(song, -semitones, axis=1)
    found = best_transpositions(profile(song), np.stack([profile(moved), profile(stranger)]), 3)
    assert found.shape == (2, 3)
    assert found[0, 0] == semitones
    fits = [float((profile(song) * np.roll(profile(stranger), s, axis=1)).sum()) for s in range(12)]
    assert found[1].tolist() == np.argsort(fits)[::-1][:3].tolist()


@given(seed=st.integers(0, 1000), length=st.integers(1, 200), width=st.integers(1, 200))
@settings(deadline=None, max_examples=25)
def test_a_match_is_a_path_that_earns_the_score(seed, length, width):
    song, other = sequence(seed, length), sequence(seed + 1, width)
    found = match(song, other, np.arange(12), ORDERS)
    score = scores(song, *packed(other), in_all_keys(1), ORDERS, (1, 1))[0]
    if found is None:
        assert score == 0
        return
    assert found.score == pytest.approx(score, rel=1e-5, abs=1e-5)
    turned = transpose(other, ORDERS, found.transposition)
    cosines = [song[i] @ turned[j] for i, j in found.path]
    np.testing.assert_allclose(found.cosines, cosines, atol=1e-5)
    assert (found.cosines - matching.THRESHOLD).sum() == pytest.approx(found.score, rel=1e-4, abs=1e-5)
    assert {tuple(step) for step in np.diff(found.path, axis=0)} <= {(1, 1), (1, 2), (2, 1)}


def test_what_is_quoted_is_found_where_it_is_with_its_key():
    song = sequence(1, 200)
    other = np.concatenate([sequence(2, 70), transpose(song[50:100], ORDERS, -3), sequence(3, 80)])
    found = match(song, other, np.arange(12), ORDERS)
    assert found.transposition == 3
    inside = (found.path[:, 0] >= 50) & (found.path[:, 0] < 100)
    assert np.isin(np.arange(52, 98), found.path[inside, 0]).all()
    assert (np.diff(found.path[inside], axis=1) == 20).all()
    np.testing.assert_allclose(found.seconds(), [[25, 53.5], [35, 63.5]], atol=3)


@pytest.mark.parametrize(("step", "tempo"), [(1, 1.0), (2, 2.0)])
def test_the_tempo_of_the_other_song_is_found(step, tempo):
    song = sequence(1, 120)
    assert match(song, song[::step], np.array([0]), ORDERS).tempo() == pytest.approx(tempo, rel=0.05)
    assert match(song[::step], song, np.array([0]), ORDERS).tempo() == pytest.approx(1 / tempo, rel=0.05)


def test_songs_that_have_nothing_in_common_do_not_match():
    song = sequence(1, 20)
    silence = np.zeros((30, SIZE), np.float32)
    assert match(song, silence, np.array([0, 1]), ORDERS) is None
    assert scores(silence, *packed(song, silence), in_all_keys(2), ORDERS).tolist() == [0, 0]


def test_the_score_of_a_song_does_not_depend_on_the_others():
    song, others = sequence(1, 90), [sequence(seed, 20 * seed) for seed in range(2, 7)]
    together = scores(song, *packed(*others), in_all_keys(5), ORDERS)
    alone = [scores(song, *packed(other), in_all_keys(1), ORDERS)[0] for other in others]
    np.testing.assert_array_equal(together, alone)


def test_a_fragment_in_another_key_finds_its_song():
    """From frames: 20 s of a song of a minute, five semitones higher, beside songs of ten minutes."""
    random = np.random.default_rng(0)
    songs = [np.repeat(random.random((1, 12, n // 2)), 2, axis=2) ** 3 for n in (240, 2400, 2400)]
    orders = np.repeat(np.arange(1, 6), 6)
    components = np.linalg.qr(random.normal(size=(16, 6)))[0].T.astype(np.complex64)
    project = Projection(orders, np.tile(components, (5, 1)))
    fragment = np.roll(songs[0][:, :, 70:150], 5, axis=1)
    others, offsets = packed(*(project(patches(song)) for song in songs))
    keys = best_transpositions(profile(fragment), np.stack([profile(song) for song in songs]), 12)
    found = scores(restored(stored(project(patches(fragment)))), others, offsets, keys, orders)
    assert found.argmax() == 0
    assert found[0] > 2 * found[1:].max()
