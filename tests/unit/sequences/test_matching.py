"""Local alignment against a slow one written down from its recursion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim.sequences import matching
from coversim.sequences.matching import best_transpositions, halved, levels, match, restored, scores, stored
from coversim.sequences.patches import patches, profiles, section_counts, sections
from coversim.sequences.projection import Projection, transpose

ORDERS = np.repeat(np.arange(7), [1, 6, 6, 6, 6, 6, 1])
SIZE = 62


def sequence(seed: int, length: int, size: int = SIZE) -> np.ndarray:
    """Vectors (length, size) at unit length, as they are stored."""
    vectors = np.random.default_rng(seed).normal(size=(length, size))
    return restored(stored(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)), size)


def packed(*songs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stored(np.concatenate(songs)), np.cumsum([0, *map(len, songs)])


def slow_score(
    song: np.ndarray, other: np.ndarray, semitones: int, strides: tuple[int, int], kept=None
) -> float:
    """The recursion as it is written, cell by cell."""
    steps = [(1, 1), (1, 2), (1, 3), (1, 4)] if strides[0] > strides[1] else [(1, 1), (1, 2), (2, 1)]
    turned = transpose(other, ORDERS, semitones)[:: strides[1]]
    song = song[:: strides[0]]
    sums = np.zeros((len(song) + 2, len(turned) + 4))  # zeros before the first
    for i in range(len(song)):
        for j in range(len(turned)):
            before = max(sums[i + 2 - down, j + 4 - across] for down, across in steps)
            sums[i + 2, j + 4] = max(0, song[i] @ turned[j] - matching.THRESHOLD + before)
            if kept is not None and not kept[i * strides[0], j * strides[1]]:
                sums[i + 2, j + 4] = 0
    return float(sums.max())


@given(seed=st.integers(0, 1000), length=st.integers(0, 40), size=st.integers(1, 65))
@settings(deadline=None, max_examples=25)
def test_a_stored_number_takes_four_bits_and_is_off_by_half_a_step_or_cut_off(seed, length, size):
    vectors = np.random.default_rng(seed).normal(size=(length, size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept, step = stored(vectors), 0.4 / size**0.5
    assert (kept.dtype, kept.shape) == (np.uint8, (length, -(-size // 2)))
    np.testing.assert_allclose(
        restored(kept, size), vectors.clip(-7 * step, 7 * step), atol=0.5001 * step, rtol=0
    )
    np.testing.assert_allclose(levels(kept, size) * step, restored(kept, size), rtol=1e-6)


@pytest.mark.parametrize("size", [SIZE, 7])
def test_at_half_its_rate_a_song_has_the_means_of_two_vectors_each_at_unit_length(size):
    songs = [sequence(seed, length, size) for seed, length in enumerate((6, 1, 0, 9))]
    found, offsets = halved(*packed(*songs), size)
    assert offsets.tolist() == [0, 3, 4, 4, 9]
    for song, start, stop in zip(songs, offsets, offsets[1:], strict=False):
        means = [song[row : row + 2].mean(axis=0) for row in range(0, len(song), 2)]
        expected = np.reshape([mean / max(np.linalg.norm(mean), 1e-9) for mean in means], (-1, size))
        off = np.abs(levels(found[start:stop], size) - levels(stored(expected), size))
        assert off.max(initial=0) <= 1  # where a number lies between two levels
        assert off.mean() < 0.01 if len(song) else True


def test_silence_stays_silence_at_half_the_rate():
    found, _ = halved(*packed(np.zeros((5, SIZE))), SIZE)
    assert (restored(found, SIZE) == 0).all()


def test_at_half_its_rate_a_song_has_as_many_sections():
    lengths = np.arange(1, 2000)
    np.testing.assert_array_equal(section_counts(-(-lengths // 2), apart=2), section_counts(lengths))


def in_keys(song: np.ndarray, others: list[np.ndarray], keys=range(12)) -> np.ndarray:
    """The same transpositions for all sections of all songs."""
    counts = [len(sections(len(one))) - 1 for one in (song, *others)]
    return np.tile(np.array(keys), (counts[0], sum(counts[1:]), 1))


def score(song: np.ndarray, other: np.ndarray, keys=range(12), strides=(1, 1)) -> float:
    return scores(song, *packed(other), in_keys(song, [other], keys), ORDERS, strides)[0]


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
    found = scores(song, *packed(*others), in_keys(song, others, keys), ORDERS, strides)
    expected = [max(slow_score(song, other, key, strides) for key in keys) for other in others]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_long_song_is_compared_block_by_block():
    """A path that crosses all blocks of a long song is one path."""
    song = sequence(1, 4 * matching.ROWS + 5)
    assert score(song, song, [0]) == pytest.approx(0.7 * len(song), rel=0.02)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_both_songs_may_be_the_first(strides):
    songs = [sequence(seed, length) for seed, length in ((1, 40), (2, 300), (3, 150))]
    table = np.array([scores(song, *packed(*songs), in_keys(song, songs), ORDERS, strides) for song in songs])
    np.testing.assert_allclose(table, table.T, rtol=1e-5)


def test_both_songs_transposed_have_the_same_score():
    song, other = sequence(1, 60), sequence(2, 50)
    moved = [restored(stored(transpose(vectors, ORDERS, 5)), SIZE) for vectors in (song, other)]
    assert score(*moved, [3]) == pytest.approx(score(song, other, [3]), abs=0.02)


@pytest.mark.parametrize("semitones", range(12))
@pytest.mark.parametrize("channels", [1, 2])
def test_the_best_transpositions_play_the_other_song_in_the_key_of_the_first(semitones, channels):
    song, stranger = np.random.default_rng(0).random((2, channels, 12, 90))
    moved = np.roll(song, -semitones, axis=1)
    others = np.concatenate([profiles(moved), profiles(stranger)])
    found = best_transpositions(profiles(song), others, 12)
    assert found.shape == (1, 2, 12)
    assert found[0, 0, 0] == semitones
    fits = [float((profiles(song)[0] * np.roll(others[1], s, axis=1)).sum()) / channels for s in range(12)]
    near = [s for s in range(12) if fits[s] >= max(fits) - matching.MARGIN]
    assert set(found[0, 1].tolist()) == set(near)
    assert found[0, 1, : len(near)].tolist() == sorted(near, key=lambda s: -fits[s])


def test_a_song_that_has_one_key_only_is_tried_in_one():
    scale = np.repeat([[[4.0], [0], [1], [0], [1], [0], [0], [2], [0], [0], [0], [0]]], 40, axis=2)
    assert (best_transpositions(profiles(scale), profiles(scale), 3) == 0).all()


@given(seed=st.integers(0, 1000), length=st.integers(1, 200), width=st.integers(1, 200))
@settings(deadline=None, max_examples=25)
def test_a_match_is_a_path_that_earns_the_score(seed, length, width):
    song, other = sequence(seed, length), sequence(seed + 1, width)
    found = match(song, other, np.arange(12), ORDERS)
    if found is None:
        assert score(song, other) == 0
        return
    assert found.score == pytest.approx(score(song, other), rel=1e-5, abs=1e-5)
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
    assert [score(silence, other) for other in (song, silence)] == [0, 0]


def test_the_score_of_a_song_does_not_depend_on_the_others():
    song, others = sequence(1, 90), [sequence(seed, 20 * seed) for seed in range(2, 7)]
    together = scores(song, *packed(*others), in_keys(song, others), ORDERS)
    alone = [score(song, other, strides=(2, 1)) for other in others]
    np.testing.assert_array_equal(together, alone)


def test_transpositions_of_other_sections_than_those_of_the_songs_are_refused():
    song, others = sequence(1, 300), [sequence(2, 100), sequence(3, 500)]
    keys = in_keys(song, others)
    with pytest.raises(ValueError, match=r"of \(5, 2\) sections; the songs have \(2, 5\)"):
        scores(song, *packed(*others), keys.swapaxes(0, 1), ORDERS)


def test_a_fragment_in_another_key_finds_its_song():
    """From frames: 20 s of a song of a minute, five semitones higher, beside songs of ten minutes."""
    random = np.random.default_rng(0)
    songs = [np.repeat(random.random((1, 12, n // 2)), 2, axis=2) ** 3 for n in (240, 2400, 2400)]
    orders = np.repeat(np.arange(1, 6), 6)
    components = np.linalg.qr(random.normal(size=(16, 6)))[0].T.astype(np.complex64)
    project = Projection(orders, np.tile(components, (5, 1)))
    fragment = np.roll(songs[0][:, :, 70:150], 5, axis=1)
    others, offsets = packed(*(project(patches(song)) for song in songs))
    keys = best_transpositions(profiles(fragment), np.concatenate([profiles(song) for song in songs]))
    found = scores(restored(stored(project(patches(fragment))), project.size), others, offsets, keys, orders)
    assert found.argmax() == 0
    assert found[0] > 2 * found[1:].max()


@given(
    seed=st.integers(0, 1000),
    lengths=st.tuples(st.integers(180, 300), st.integers(420, 540)),
    keys=st.lists(st.sampled_from([0, 3, 5]), min_size=8, max_size=8),
    strides=st.sampled_from([(1, 1), (2, 1), (2, 2)]),
)
@settings(deadline=None, max_examples=5)
def test_a_path_leaves_out_the_sections_that_are_not_compared_in_its_key(seed, lengths, keys, strides):
    """The slow recursion, with cells of no worth where a section is in another key; the other song quotes the first."""
    song, other = (sequence(seed + place, length) for place, length in enumerate(lengths))
    other[200:340] = transpose(song[20:160], ORDERS, -keys[0])
    other = restored(stored(other), other.shape[1])
    of_sections = np.array(keys).reshape(2, 4, 1)
    expected = 0
    for key in set(keys):
        kept = (of_sections[:, :, 0] == key).repeat(np.diff(sections(lengths[0])), axis=0)
        kept = kept.repeat(np.diff(sections(lengths[1])), axis=1)
        expected = max(expected, slow_score(song, other, key, strides, kept))
    found = scores(song, *packed(other), of_sections, ORDERS, strides)
    assert found[0] == pytest.approx(expected, rel=1e-5)


def test_each_song_of_a_medley_is_found_in_its_own_key():
    songs = [sequence(seed, 240) for seed in (1, 2)]
    medley = np.concatenate([transpose(songs[0], ORDERS, 3), transpose(songs[1], ORDERS, -2)])
    keys = np.repeat([[9, 2]], 2, axis=1).reshape(1, 4, 1)  # back again, section by section
    for song in songs:
        found = scores(song, *packed(medley), np.tile(keys, (2, 1, 1)), ORDERS, (1, 1))
        assert found[0] == pytest.approx(0.7 * len(song), rel=0.05)
