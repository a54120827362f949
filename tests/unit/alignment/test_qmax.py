"""Alignment against a slow one written down from the paper, and against essentia's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.alignment.qmax import (
    GAP,
    NEAREST,
    STACK,
    cross_recurrence,
    longest_paths,
    optimal_transposition,
    qmax_distances,
)

RECURRENCES = st.tuples(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9))


def melody(seed, frames, channels=1):
    """Chroma (C, 12, T) of whole numbers: their distances are exact in float32, in whatever order they are summed."""
    return np.random.default_rng(seed).integers(0, 9, (channels, 12, frames)).astype(np.float32)


def slow_cross_recurrence(song, other):
    """Every moment with every moment, and the threshold as NumPy's quantile."""
    correlations = [(song.mean(2) * np.roll(other, k, axis=1).mean(2)).sum() for k in range(12)]
    other = np.roll(other, np.argmax(correlations), axis=1)
    moments = [
        [frames[:, :, start : start + STACK].ravel() for start in range(frames.shape[2] - STACK + 1)]
        for frames in (song, other)
    ]
    distance = np.array([[np.square(a - b).sum() for b in moments[1]] for a in moments[0]])
    near_rows = distance <= np.quantile(distance, NEAREST, axis=1, keepdims=True)
    near_columns = distance <= np.quantile(distance, NEAREST, axis=0, keepdims=True)
    return near_rows & near_columns


def slow_qmax(recurrence):
    """Equation by equation; onset and extension of a gap cost the same."""
    path = np.zeros(recurrence.shape)
    for i in range(2, recurrence.shape[0]):
        for j in range(2, recurrence.shape[1]):
            before = max(path[i - 1, j - 1], path[i - 2, j - 1], path[i - 1, j - 2])
            path[i, j] = before + 1 if recurrence[i, j] else max(0, before - GAP)
    return path.max()


@given(seed=st.integers(0, 2**32 - 1), lengths=st.tuples(st.integers(9, 60), st.integers(9, 60)))
def test_moments_recur_where_each_is_among_the_nearest_to_the_other(seed, lengths):
    song, other = melody(seed, lengths[0]), melody(seed + 1, lengths[1])
    np.testing.assert_array_equal(cross_recurrence(song, other), slow_cross_recurrence(song, other))


@given(
    rows=st.integers(1, 30), columns=st.lists(st.integers(1, 30), min_size=1, max_size=4), drawn=RECURRENCES
)
def test_the_paths_of_many_songs_are_those_of_each(rows, columns, drawn):
    random = np.random.default_rng(drawn[0])
    recurrences = [random.random((rows, width)) < drawn[1] for width in columns]
    assert longest_paths(recurrences).tolist() == [slow_qmax(recurrence) for recurrence in recurrences]


def test_a_path_follows_half_and_double_the_tempo():
    i = np.arange(40)
    for row, column in ((i, i), (2 * i, i), (i, 2 * i)):
        recurrence = np.zeros((80, 80), dtype=bool)
        recurrence[row + 1, column + 1] = True
        assert longest_paths([recurrence]) == 39  # the first lies where paths start from


def test_both_songs_may_be_the_first():
    song, other = melody(1, 70), melody(2, 50)
    there, back = cross_recurrence(song, other), cross_recurrence(other, song)
    assert longest_paths([there]) == longest_paths([back])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("semitones", range(12))
def test_transposing_a_song_changes_nothing(channels, semitones):
    song, other = melody(3, 60, channels), melody(4, 50, channels)
    transposed = np.roll(other, semitones, axis=1)
    assert optimal_transposition(song, np.roll(song, -semitones, axis=1)) == semitones
    np.testing.assert_array_equal(cross_recurrence(song, transposed), cross_recurrence(song, other))


def test_a_cover_is_nearer_than_another_song():
    song = melody(5, 120)
    cover = np.roll(np.repeat(song, 2, axis=2)[:, :, 30:200], 4, axis=1)  # half as fast, a third missing
    distances = qmax_distances(song, [cover, melody(6, 120), song])
    assert distances[2] < distances[0] < distances[1]


@pytest.mark.parametrize("frames", [1, STACK - 1, STACK, STACK + 1])
def test_a_very_short_or_silent_song_has_a_distance(frames):
    song = melody(7, 80)
    distances = qmax_distances(song, [melody(8, frames), np.zeros((1, 12, frames), np.float32)])
    assert np.isfinite(distances).all()
    assert np.isfinite(qmax_distances(melody(8, frames), [song])).all()


def test_essentia_gives_the_same_paths_and_all_but_the_same_recurrences():
    essentia = pytest.importorskip("essentia", reason="essentia, an optional peer, is not installed")
    essentia.log.infoActive = False
    from essentia.standard import ChromaCrossSimilarity, CoverSongSimilarity

    recurring = ChromaCrossSimilarity(frameStackSize=STACK, binarizePercentile=NEAREST, oti=False)
    aligning = CoverSongSimilarity(disOnset=GAP, disExtension=GAP, distanceType="asymmetric")
    random = np.random.default_rng(0)
    for _ in range(5):
        song = random.random((1, 12, 130)).astype(np.float32)
        cover = song[:, :, 20:110] + 0.5 * random.random((1, 12, 90)).astype(np.float32)
        cover += song.mean(axis=2, keepdims=True)  # in the same key
        ours = cross_recurrence(song[:, :, :-1], cover[:, :, :-1])  # essentia leaves the last moment out
        theirs = recurring(song[0].T.copy(), cover[0].T.copy())
        assert ours.shape == theirs.shape
        assert (ours != theirs.astype(bool)).mean() < 1e-3
        paths, distance = aligning(theirs)
        assert longest_paths([theirs.astype(bool)]) == paths.max()
        assert distance == pytest.approx(np.sqrt(theirs.shape[1]) / paths.max(), rel=1e-5)
