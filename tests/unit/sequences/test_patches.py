"""Patches that keep pitch, against the Fourier transform written down."""

import math

import numpy as np
import pytest

from coversim.sequences.patches import HOP, POWER, WINDOW, patches, profiles, sections, transpose


def melody(seed: int, frames: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((channels, 12, frames)).astype(np.float32)


def slow_patches(frames: np.ndarray) -> np.ndarray:
    """Value by value, with the definition of the discrete Fourier transform."""
    channels, _, length = frames.shape
    sharp = np.zeros(frames.shape)
    for channel in range(channels):
        for time in range(length):
            frame = frames[channel, :, time].astype(float)
            frame = (frame / np.linalg.norm(frame)) ** POWER
            sharp[channel, :, time] = frame / np.linalg.norm(frame)
    starts = range(0, length - WINDOW + 1, HOP)
    found = np.zeros((len(starts), 7, channels, WINDOW), complex)
    for row, start in enumerate(starts):
        for order in range(7):
            for pitch in range(12):
                phase = np.exp(-2j * np.pi * order * pitch / 12)
                found[row, order] += phase * sharp[:, pitch, start : start + WINDOW]
    weights = [math.sin(math.pi * (frame + 0.5) / WINDOW) ** 0.5 for frame in range(WINDOW)]
    found = (found * weights).reshape(len(starts), 7, -1)
    found /= np.sqrt(12 * channels * np.sum(np.square(weights)))
    return found - found.mean(axis=0)


@pytest.mark.parametrize("channels", [1, 2])
def test_patches_are_the_fourier_transform_along_pitch_without_the_songs_mean(channels):
    found = patches(melody(1, 50, channels))
    assert found.shape == (18, 7, channels * WINDOW)
    np.testing.assert_allclose(found, slow_patches(melody(1, 50, channels)), atol=1e-6)


@pytest.mark.parametrize("semitones", range(-11, 12))
def test_transposing_the_song_turns_the_phases_of_its_patches(semitones):
    song = melody(2, 60)
    found = patches(np.roll(song, semitones, axis=1))
    np.testing.assert_allclose(found, transpose(patches(song), semitones), atol=1e-6)


def test_loudness_does_not_matter():
    song = melody(3, 60)
    np.testing.assert_allclose(patches(song * np.linspace(0.1, 5, 60)), patches(song), atol=1e-6)


@pytest.mark.parametrize("frames", [1, WINDOW - 1, WINDOW, WINDOW + 1])
def test_a_song_shorter_than_a_window_is_filled_up_with_silence(frames):
    song = melody(4, frames)
    filled = np.pad(song, ((0, 0), (0, 0), (0, WINDOW - min(frames, WINDOW))))
    assert len(patches(song)) == 1
    np.testing.assert_array_equal(patches(song), patches(filled))


def test_silence_is_zero_and_does_not_change_the_rest():
    song = melody(5, 80)
    silence = np.zeros((1, 12, WINDOW), np.float32)
    assert not patches(silence).any()
    between = patches(np.concatenate([song, silence, silence, silence], axis=2))
    silent = np.abs(between).max(axis=(1, 2)) == 0
    assert silent.sum() == WINDOW + 1  # the windows of which all frames are silent
    np.testing.assert_allclose(between[~silent].mean(axis=0), 0, atol=1e-6)


def test_a_chord_that_is_held_throughout_is_as_silence():
    assert not patches(np.tile(melody(6, 1), 100)).any()


def test_a_profile_is_the_mean_chroma_and_that_of_silence_zero():
    song = melody(7, 30, channels=2)
    expected = song.mean(axis=2) / np.linalg.norm(song.mean(axis=2), axis=1, keepdims=True)
    np.testing.assert_allclose(profiles(song), expected[None], rtol=1e-6)
    assert not profiles(np.zeros((1, 12, 5))).any()


@pytest.mark.parametrize(("patches_", "count"), [(1, 1), (140, 1), (240, 2), (480, 4), (3600, 30)])
def test_sections_are_about_a_minute_and_leave_nothing_out(patches_, count):
    bounds = sections(patches_)
    assert len(bounds) == count + 1
    assert (bounds[0], bounds[-1]) == (0, patches_)
    assert np.ptp(np.diff(bounds)) <= 1


def test_every_section_has_its_profile():
    first, second = melody(8, 260), melody(9, 264)
    found = profiles(np.concatenate([first, second], axis=2))
    assert found.shape == (2, 1, 12)
    np.testing.assert_allclose(found[0], profiles(first)[0], atol=0.02)
    np.testing.assert_allclose(found[1], profiles(second)[0], atol=0.02)
