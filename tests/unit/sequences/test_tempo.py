"""A song's vectors at twice its tempo come from those at its own, and find its covers of half and of twice the tempo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.sequences.matching import stored
from coversim.sequences.passages import untrained
from coversim.sequences.patches import HOP, TAPER, WINDOW, patches, profiles, section_counts, unit
from coversim.sequences.patches import transpose as transpose_patches
from coversim.sequences.projection import Projection, as_complex, as_real, transpose
from coversim.sequences.songs import likenesses
from coversim.sequences.storage import StoredSequence, together
from coversim.sequences.tempo import at_tempi, at_twice_the_tempo, distances, doubled, doubling

PROJECTION = untrained(1)
BY = doubling(PROJECTION)


def chroma(seed: int, beats: int, frames_a_beat: int) -> np.ndarray:
    """A tune's frames (1, 12, T): one or two pitch classes on each beat, and noise."""
    random = np.random.default_rng(seed)
    tune = random.random((12, beats)) ** 6
    frames = np.repeat(tune, frames_a_beat, axis=1)
    return (frames + 0.02 * random.random(frames.shape))[None].astype(np.float32)


def sequence(frames: np.ndarray, name: str = "P_1") -> StoredSequence:
    return StoredSequence("W_1", name, "test", stored(PROJECTION(patches(frames))), profiles(frames), 0.25)


def faster(vectors: np.ndarray, by: np.ndarray = BY) -> np.ndarray:
    """Those of one song at twice its tempo."""
    return doubled(vectors, np.array([0, len(vectors)]), by)


def slowly(vectors: np.ndarray) -> np.ndarray:
    """The same, one patch and one order after the other: least squares of the frames that its own patches tell."""
    orders, window = PROJECTION.orders, 2 * WINDOW
    found = np.zeros(((len(vectors) + 1) // 2, len(orders)), complex)
    values = as_complex(vectors, orders).astype(complex)
    for place in range(len(found)):
        for order in np.unique(orders):
            own = np.flatnonzero(orders == order)
            rows, told = [], []
            for start in range(0, WINDOW + 1, 4):
                patch = 2 * place + start // HOP
                for component in own:
                    row = np.zeros(window, complex)
                    row[start : start + WINDOW] = PROJECTION.components[component].conj() * TAPER
                    rows.append(row)
                    told.append(values[patch, component] if patch < len(values) else 0)
            a = np.array(rows)
            gram = a @ a.conj().T
            gram += 0.1 * np.trace(gram).real / len(gram) * np.eye(len(gram))
            frames = a.conj().T @ np.linalg.solve(gram, np.array(told))
            for component in own:
                seen = (PROJECTION.components[component].conj() * TAPER) @ frames[::2]
                found[place, component] = seen
    return unit(as_real(found, orders))


@pytest.mark.parametrize("seed", range(3))
def test_they_are_about_those_of_the_song_played_twice_as_fast(seed):
    slow, fast = (PROJECTION(patches(chroma(seed, 60, frames))) for frames in (8, 4))
    found = faster(slow)
    cosines = (found[: len(fast)] * fast).sum(axis=1)
    unrelated = (np.roll(found, 20, axis=0)[: len(fast)] * fast).sum(axis=1)
    assert cosines.mean() > 0.85
    assert unrelated.mean() < 0.3


def test_a_patch_that_all_frames_can_be_told_from_is_exact(monkeypatch):
    """With as many components as values, and no ridge, nothing is lost but length and mean, which are not taken here."""
    monkeypatch.setattr("coversim.sequences.tempo.RIDGE", 1e-9)
    orders = np.repeat(np.arange(7), 16)
    whole = Projection(orders, np.tile(np.eye(16, dtype=np.complex64), (7, 1)))
    random = np.random.default_rng(0)
    frames = random.normal(size=(7, 64)) + 1j * random.normal(size=(7, 64))
    frames[[0, 6]] = frames[[0, 6]].real

    def patches_of(song):
        return (
            np.lib.stride_tricks.sliding_window_view(song, WINDOW, axis=1)[:, ::HOP].transpose(1, 0, 2)
            * TAPER
        )

    own, fast = patches_of(frames), patches_of(frames[:, ::2])
    by = doubling(whole)
    flat = as_real(own.reshape(len(own), -1).astype(np.complex64), orders)
    found = as_complex(faster(flat, by), orders)[: len(fast)]
    expected = fast.reshape(len(fast), -1)
    expected = expected / np.linalg.norm(as_real(expected, orders), axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@given(semitones=st.integers(0, 11))
def test_transposing_a_song_transposes_it_at_twice_the_tempo(semitones):
    own = patches(chroma(1, 30, 6))
    higher = faster(PROJECTION(transpose_patches(own, semitones)))
    expected = transpose(faster(PROJECTION(own)), PROJECTION.orders, semitones)
    np.testing.assert_allclose(higher, expected, atol=1e-5)


@pytest.mark.parametrize("beats", [1, 2, 5, 60, 200, 601])
def test_a_song_of_any_length_is_half_as_long(beats):
    song = sequence(chroma(0, beats, 4))
    found = at_twice_the_tempo(together([song], PROJECTION.orders), BY).song(0)
    assert len(found.vectors) == (len(song.vectors) + 1) // 2
    assert len(found.profiles) == section_counts(np.array(len(found.vectors)))
    np.testing.assert_allclose(np.linalg.norm(found.profiles, axis=2), 1, rtol=1e-5)


@pytest.mark.parametrize("beats", [1, 9, 30])
def test_it_is_what_least_squares_tell(beats):
    own = PROJECTION(patches(chroma(3, beats, 5)))
    np.testing.assert_allclose(faster(own), slowly(own), atol=1e-4)


def test_silence_stays_silent():
    assert not faster(np.zeros((9, PROJECTION.size), np.float32)).any()


@pytest.mark.parametrize("at_a_time", [1, 300, 2**13])
def test_all_songs_are_made_faster_as_each_by_itself(monkeypatch, at_a_time):
    monkeypatch.setattr("coversim.sequences.tempo.TOGETHER", at_a_time)
    made = [sequence(chroma(seed, 40 + 90 * seed, 4), f"P_{seed}") for seed in range(3)]
    found = at_twice_the_tempo(together(made, PROJECTION.orders), BY)
    for place, song in enumerate(made):
        expected = at_twice_the_tempo(together([song], PROJECTION.orders), BY).song(0)
        for own, of_all in zip(expected, found.song(place), strict=True):
            np.testing.assert_array_equal(own, of_all)


def test_a_cover_at_half_the_tempo_is_found():
    slow, fast, other = (sequence(chroma(*tune)) for tune in ((0, 60, 8), (0, 60, 4), (1, 60, 8)))
    others = together([slow, other], PROJECTION.orders)
    at_their_own = likenesses(fast, others)
    at_twice = likenesses(fast, at_twice_the_tempo(others, BY))
    assert at_twice[0] > at_their_own[0] + 0.2
    assert at_twice[1] < 0.1
    [query], both = at_tempi([fast], others, BY)
    near, far = distances(query, both)
    [query], own = at_tempi([fast], others)
    assert near < distances(query, own)[0] * 0.9 < far


def test_without_queries_there_is_nothing_to_compare():
    others = together([sequence(chroma(0, 60, 4))], PROJECTION.orders)
    assert at_tempi([], others, BY, half_rate=True)[0] == []
