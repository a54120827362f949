"""Downsampling keeps what is slow, drops what is fast, and does not ring at the ends of a song."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import next_fast_len

import corpus
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.reader import read_feature
from coversim.features.downsampling import downsample

PRIME = 15_227


def by_explicit_sums(values, frames):
    """Fourier series of the song followed by its mirror image, cut off, and evaluated mid-frame."""
    length = values.shape[1]
    mirrored = np.concatenate([values, values[:, ::-1]], axis=1)
    result = np.zeros((len(values), frames), complex)
    for k in range(-min(length, frames) + 1, min(length, frames)):
        wave = np.exp(-1j * np.pi * k * (np.arange(2 * length) + 0.5) / length)
        coefficient = (mirrored * wave).sum(axis=1) / (2 * length)
        result += np.outer(coefficient, np.exp(1j * np.pi * k * (np.arange(frames) + 0.5) / frames))
    return result.real


def tone(cycles, frames, phase=0.0):
    """A cosine of so many cycles per song, sampled in the middle of each frame."""
    return np.cos(2 * np.pi * cycles * (np.arange(frames) + 0.5) / frames + phase)[None].astype(np.float32)


def means(values, parts):
    """Mean of each row over so many equal parts of the song, flat."""
    bounds = np.linspace(0, values.shape[1], parts + 1).round().astype(int)
    return (np.add.reduceat(values, bounds[:-1], axis=1) / np.diff(bounds)).ravel()


@given(
    length=st.integers(1, 60).filter(lambda length: next_fast_len(length, real=True) == length),
    frames=st.integers(1, 90),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_equals_the_truncated_fourier_series_of_the_mirrored_song(length, frames, seed):
    values = np.random.default_rng(seed).normal(size=(3, length)).astype(np.float32)
    result = downsample(values, FRAME_RATE, frames=frames)
    np.testing.assert_allclose(result, by_explicit_sums(values, frames), atol=1e-5)


@given(length=st.integers(1, 5000), seed=st.integers(0, 2**32 - 1))
def test_as_many_frames_as_before_are_the_same_frames(length, seed):
    values = np.random.default_rng(seed).normal(size=(2, length)).astype(np.float32)
    np.testing.assert_allclose(downsample(values, FRAME_RATE, frames=length), values, atol=1e-5)


@given(length=st.integers(1, 20_000), rate=st.floats(0.5, 20))
def test_a_constant_stays_constant_at_any_length_and_rate(length, rate):
    values = np.full((12, length), 0.7, np.float32)
    result = downsample(values, FRAME_RATE, rate=rate)
    assert result.shape == (12, max(1, round(length * rate / FRAME_RATE)))
    np.testing.assert_allclose(result, 0.7, atol=1e-5)


@pytest.mark.parametrize("length", [PRIME, 15_000, 18_999])
def test_a_slow_tone_is_kept_at_any_length(length):
    frames = round(length * 4 / FRAME_RATE)
    result = downsample(tone(7.5, length), FRAME_RATE, rate=4)
    np.testing.assert_allclose(result, tone(7.5, frames), atol=0.04)


@pytest.mark.parametrize("length", [PRIME, 15_000])
def test_a_fast_tone_is_removed(length):
    result = downsample(tone(length / 9, length, phase=1), FRAME_RATE, rate=4)
    assert np.abs(result[:, 5:-5]).max() < 0.01


def test_a_song_that_ends_louder_than_it_began_does_not_ring_at_its_ends():
    ramp = np.linspace(0, 1, 15_000, dtype=np.float32)[None]
    result = downsample(ramp, FRAME_RATE, frames=500)
    share_means = ramp.reshape(500, 30).mean(axis=1)
    np.testing.assert_allclose(result[0], share_means, atol=1e-3)

    periodic = np.fft.irfft(np.fft.rfft(ramp)[:, :251], 500) * 500 / 15_000
    assert np.abs(periodic[0] - share_means).max() > 0.3, "a plain Fourier transform would"


def test_the_steps_of_crema_are_taken_once_and_so_do_not_ring():
    rng = np.random.default_rng(0)
    native = rng.random((12, 1250), dtype=np.float32)
    held = np.repeat(native, 8, axis=1)
    np.testing.assert_allclose(downsample(held, FRAME_RATE, hold=8, frames=1250), native, atol=1e-5)
    np.testing.assert_array_equal(
        downsample(held, FRAME_RATE, hold=8, rate=4), downsample(native, FRAME_RATE / 8, rate=4)
    )


def test_what_rings_below_zero_is_clipped_where_the_feature_is_not_negative():
    click = np.zeros((1, 1000), np.float32)
    click[0, 500] = 1
    assert downsample(click, FRAME_RATE, rate=4).min() < 0
    assert downsample(click, FRAME_RATE, rate=4, non_negative=True).min() == 0


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 43])
def test_very_short_songs_give_at_least_one_frame(length):
    values = np.random.default_rng(0).random((12, length), dtype=np.float32)
    assert downsample(values, FRAME_RATE, rate=4, hold=8).shape == (12, max(1, round(length / 21.53)))
    assert downsample(values, FRAME_RATE, frames=256, hold=8).shape == (12, 256)


def test_the_song_itself_is_left_as_it_was():
    values = np.random.default_rng(0).random((12, 960), dtype=np.float32)
    before = values.copy()
    downsample(values, FRAME_RATE, rate=4, non_negative=True)
    np.testing.assert_array_equal(values, before)


@pytest.mark.skipif(not corpus.REAL.is_dir(), reason="the genuine files lie beside the repository, not in it")
@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_the_genuine_song_keeps_its_slow_course(feature):
    path = corpus.song_path(corpus.REAL, "W_163992", "P_547131", feature.name, "per-feature", "coveranalysis")
    values = read_feature(path, feature.name).values
    result = downsample(values, FRAME_RATE, rate=4, hold=feature.hold, non_negative=feature.non_negative)
    assert result.dtype == np.float32
    assert result.shape == (feature.rows, round(values.shape[1] * 4 / FRAME_RATE))
    assert np.isfinite(result).all()
    five_seconds = result.shape[1] // 20
    assert np.corrcoef(means(values, five_seconds), means(result, five_seconds))[0, 1] > 0.995
