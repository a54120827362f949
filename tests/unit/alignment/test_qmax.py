"""Alignment against a slow one written down from the paper, and against essentia's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim.alignment.qmax import (
    EXTENSION,
    NEAREST,
    ONSET,
    STACK,
    best_transpositions,
    cross_recurrence,
    longest_path,
    prepared,
    qmax_distances,
)


def melody(seed, frames, channels=1):
    """Chroma (C, 12, T) of whole numbers: their distances are exact in float32, in whatever order they are summed."""
    return np.random.default_rng(seed).integers(0, 9, (channels, 12, frames)).astype(np.float32)


def recurrence(song, other, semitones=None):
    best = best_transpositions(song, [other], 1)[0, 0]
    return cross_recurrence(prepared(song), other, best if semitones is None else semitones)


def slow_cross_recurrence(song, other, semitones):
    """Every moment with every moment, and the threshold as NumPy's quantile."""
    other = np.roll(other, semitones, axis=1)
    moments = [
        [frames[:, :, start : start + STACK].ravel() for start in range(frames.shape[2] - STACK + 1)]
        for frames in (song, other)
    ]
    distance = np.array([[np.square(a - b).sum() for b in moments[1]] for a in moments[0]])
    near_rows = distance <= np.quantile(distance, NEAREST, axis=1, keepdims=True)
    near_columns = distance <= np.quantile(distance, NEAREST, axis=0, keepdims=True)
    return near_rows & near_columns


def slow_qmax(recurrence, onset, extension):
    """Equation by equation."""
    path = np.zeros(recurrence.shape)
    for i in range(2, recurrence.shape[0]):
        for j in range(2, recurrence.shape[1]):
            before = [(i - 1, j - 1), (i - 2, j - 1), (i - 1, j - 2)]
            if recurrence[i, j]:
                path[i, j] = max(path[cell] for cell in before) + 1
            else:
                costs = {True: onset, False: extension}
                path[i, j] = max(0, *(path[cell] - costs[bool(recurrence[cell])] for cell in before))
    return path.max()


def slow_distance(song, other, transpositions):
    """The longest path in any of the transpositions that bring the means of two songs closest."""
    fits = [(song.mean(2) * np.roll(other, k, axis=1).mean(2)).sum() for k in range(12)]
    keys = sorted(range(12), key=lambda k: -fits[k])[:transpositions]
    longest = max(slow_qmax(slow_cross_recurrence(song, other, key), ONSET, EXTENSION) for key in keys)
    return np.sqrt(song.shape[2] - STACK + 1) / max(1, longest)


@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.tuples(st.integers(9, 60), st.integers(9, 60)),
    channels=st.integers(1, 2),
    semitones=st.integers(0, 11),
)
@settings(deadline=None)
def test_moments_recur_where_each_is_among_the_nearest_to_the_other(seed, lengths, channels, semitones):
    song, other = melody(seed, lengths[0], channels), melody(seed + 1, lengths[1], channels)
    np.testing.assert_array_equal(
        recurrence(song, other, semitones), slow_cross_recurrence(song, other, semitones)
    )


@given(seed=st.integers(0, 2**32 - 1), lengths=st.tuples(st.integers(9, 40), st.integers(9, 40)))
@settings(deadline=None)
def test_moments_that_are_equally_near_recur_together(seed, lengths):
    """Frames of few values: many distances are equal, also to the bound."""
    random = np.random.default_rng(seed)
    song, other = (np.repeat(random.integers(0, 2, (1, 12, 1)), n, axis=2) for n in lengths)
    song[:, 0, ::3] += 1
    song, other = song.astype(np.float32), other.astype(np.float32)
    np.testing.assert_array_equal(recurrence(song, other, 0), slow_cross_recurrence(song, other, 0))


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.05, 0.9),
    costs=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 5.0])] * 2),
)
@settings(deadline=None)
def test_qmax_is_the_length_of_the_longest_path(size, seed, share, costs):
    recurrence = np.random.default_rng(seed).random(size) < share
    assert longest_path(recurrence, *costs) == slow_qmax(recurrence, *costs)


@pytest.mark.parametrize("transpositions", [1, 2, 12])
def test_the_best_of_several_transpositions_counts(transpositions):
    song, others = melody(1, 60), [melody(seed, 40 + seed) for seed in range(2, 6)]
    expected = [slow_distance(song, other, transpositions) for other in others]
    np.testing.assert_allclose(qmax_distances(song, others, transpositions), expected, rtol=1e-6)


def test_a_path_follows_half_and_double_the_tempo():
    i = np.arange(40)
    for row, column in ((i, i), (2 * i, i), (i, 2 * i)):
        recurrence = np.zeros((80, 80), dtype=bool)
        recurrence[row + 1, column + 1] = True
        assert longest_path(recurrence, ONSET, EXTENSION) == 39  # the first lies where paths start from


def test_both_songs_may_be_the_first():
    song, other = melody(1, 70), melody(2, 50)
    there, back = (
        longest_path(recurrence(*pair), ONSET, EXTENSION) for pair in ((song, other), (other, song))
    )
    assert there == back


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("semitones", range(12))
def test_transposing_a_song_changes_nothing(channels, semitones):
    song, other = melody(3, 60, channels), melody(4, 50, channels)
    transposed = np.roll(other, semitones, axis=1)
    assert best_transpositions(song, [np.roll(song, -semitones, axis=1)], 1) == semitones
    np.testing.assert_array_equal(recurrence(song, transposed), recurrence(song, other))


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
    aligning = CoverSongSimilarity(disOnset=ONSET, disExtension=EXTENSION, distanceType="asymmetric")
    random = np.random.default_rng(0)
    for _ in range(5):
        song = random.random((1, 12, 130)).astype(np.float32)
        cover = song[:, :, 20:110] + 0.5 * random.random((1, 12, 90)).astype(np.float32)
        cover += song.mean(axis=2, keepdims=True)  # in the same key
        ours = recurrence(song[:, :, :-1], cover[:, :, :-1])  # essentia leaves the last moment out
        theirs = recurring(song[0].T.copy(), cover[0].T.copy())
        assert ours.shape == theirs.shape
        assert (ours != theirs.astype(bool)).mean() < 1e-3
        paths, distance = aligning(theirs)
        assert longest_path(theirs.astype(bool), ONSET, EXTENSION) == paths.max()
        assert distance == pytest.approx(np.sqrt(theirs.shape[1]) / paths.max(), rel=1e-5)
