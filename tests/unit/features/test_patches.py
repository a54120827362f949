"""Patches of songs: what they see, and what they must not see."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from coversim.features.patches import (
    BISPECTRUM,
    Flat,
    Fourier,
    Frames,
    bispectrum,
    pad,
    raised,
    representation,
    sharpen,
    windows,
)
from coversim.siamese.encoder import Encoder, embed
from coversim.workflow.experiments import resolve
from experiments import experiment

DEFAULTS = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())

WINDOW, HOP = 20, 4


def song(seed: int = 0, length: int = 90, channels: int = 1) -> torch.Tensor:
    """Random chroma frames (C, 12, T) in which few pitch classes are strong."""
    return torch.rand(channels, 12, length, generator=torch.Generator().manual_seed(seed)) ** 4


def slow_fourier_patch(window: np.ndarray, compression: float) -> np.ndarray:
    """The definition, bin by bin: of each pair of bins (p, t) and (-p, -t) one, for both."""
    pitches, length = window.shape
    transform = np.abs(np.fft.fft2(window))
    transform /= max(np.sqrt(np.mean(transform**2)), 1e-12)
    if compression:
        transform = np.log1p(compression * transform)
    transform /= np.sqrt(transform.size)
    seen, values = set(), []
    for p in range(pitches):
        for t in range(length // 2 + 1):
            mirror = (-p % pitches, -t % length)
            if mirror not in seen:
                seen.add((p, t))
                values.append(
                    transform[p, t] if mirror == (p, t) else np.hypot(transform[p, t], transform[mirror])
                )
    return np.array(values)


@pytest.mark.parametrize("window", [20, 21])
@pytest.mark.parametrize("compression", [0.0, 10.0])
def test_fourier_patches_are_their_definition(window: int, compression: float) -> None:
    frames = song()
    patches, mask = Fourier(1, [window], HOP, [0.0], compression)(*pad([frames]))
    starts = range(0, 90 - window + 1, HOP)
    assert patches.shape[:2] == (1, len(starts))
    assert mask.all()
    for patch, start in zip(patches[0].numpy(), starts, strict=True):
        expected = slow_fourier_patch(frames[0, :, start : start + window].double().numpy(), compression)
        np.testing.assert_allclose(patch, expected, atol=1e-6)


def slow_bispectrum(song: np.ndarray, start: int, window: int, lags: list[int]) -> np.ndarray:
    """The definition, product by product, of the window of a song (12, T) that begins at `start`."""
    spectrum = np.fft.fft(song - song.mean(axis=1, keepdims=True), axis=0, norm="ortho")
    moments = range(start, start + window - max(lags))
    values: list[float] = []
    for a in lags:
        for b in lags:
            means = [
                np.mean(
                    [
                        spectrum[j, t] * spectrum[k, t + a] * spectrum[(j + k) % 12, t + b].conj()
                        for t in moments
                    ]
                )
                for j in range(1, 7)
                for k in range(j, 7)
            ]
            values += [*np.real(means), *np.imag(means)]
    return np.array(values)


def test_the_bispectrum_is_its_definition() -> None:
    frames, lags = song(length=50, channels=2), [0, 2, 3]
    found = bispectrum(*pad([frames]), lags, WINDOW, HOP)
    assert found.shape == (1, 8, 2 * 42 * 9)
    for patch, start in zip(found[0].numpy(), range(0, 31, HOP), strict=True):
        each = [slow_bispectrum(channel, start, WINDOW, lags) for channel in frames.double().numpy()]
        np.testing.assert_allclose(patch, np.concatenate(each), atol=1e-6)


def test_transposition_leaves_the_bispectrum_as_it_is() -> None:
    frames = song()
    found = bispectrum(*pad([frames]), [0, 3], WINDOW, HOP)
    for semitones in range(1, 12):
        transposed = bispectrum(*pad([frames.roll(semitones, dims=1)]), [0, 3], WINDOW, HOP)
        torch.testing.assert_close(transposed, found, rtol=0, atol=1e-6)


def test_the_bispectrum_tells_a_melody_from_its_retrograde_inversion_whose_magnitudes_are_the_same() -> None:
    one = pad([song(length=WINDOW)])
    other = pad([song(length=WINDOW).flip(1, 2)])
    magnitudes = Fourier(1, [WINDOW], HOP, [0.0], 0.0)
    torch.testing.assert_close(magnitudes(*one)[0], magnitudes(*other)[0], rtol=0, atol=1e-6)
    first, second = (bispectrum(*frames, [0, 3], WINDOW, HOP) for frames in (one, other))
    assert (first - second).norm() > 0.5 * first.norm()


def test_a_patch_joins_magnitudes_and_bispectrum_of_its_longest_window() -> None:
    frames = pad([song(length=60), song(1, 33)])
    joined, mask = Fourier(1, [8, WINDOW], HOP, [0.0], 0.3, 1.96, [0, 2])(*frames)
    magnitudes, _ = Fourier(1, [8, WINDOW], HOP, [0.0], 0.3, 1.96)(*frames)
    products = BISPECTRUM * bispectrum(raised(frames[0], 1.96), frames[1], [0, 2], WINDOW, HOP)
    torch.testing.assert_close(joined[mask], torch.cat((magnitudes, products), dim=2)[mask], rtol=0, atol=0)


def slow_ftm2d(song: np.ndarray, window: int) -> np.ndarray:
    """What acoss (Yesiler et al., 2019) computes of a chromagram (12, T), step by step, with its constants.

    It keeps each frame's length, which is 1 here: frames are scaled to it beforehand.
    """
    frames = song / np.linalg.norm(song, axis=0)
    powered = frames**1.96
    powered /= np.linalg.norm(powered, axis=0)
    patches = []
    for start in range(song.shape[1] - window + 1):
        magnitude = np.abs(np.fft.fft2(powered[:, start : start + window])).ravel()
        patches.append(np.log(5 * magnitude / np.linalg.norm(magnitude) + 1))
    median = np.median(patches, axis=0)
    return median / np.linalg.norm(median)


@pytest.mark.parametrize("features", [["hpcp"], ["crema"]])
def test_ftm2d_is_that_of_acoss(features: list[str]) -> None:
    settings = resolve(DEFAULTS, features)["ftm2d"].settings
    songs = [song(seed, 50 + 3 * seed) for seed in range(6)]
    found = embed(Encoder(settings, None), songs, torch.device("cpu")).numpy()
    expected = np.stack([slow_ftm2d(one[0].double().numpy(), 40) for one in songs])
    between = np.linalg.norm(expected[:, None] - expected, axis=2)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found, axis=2), between, atol=2e-6)
    assert between.max() > 0.02


def test_a_power_leaves_silence_silent_and_frames_at_unit_length() -> None:
    frames = song()[None]
    frames[..., 3] = 0
    found = raised(frames, 1.96)
    expected = torch.ones(90)
    expected[3] = 0
    torch.testing.assert_close(found[0, 0].norm(dim=0), expected)
    torch.testing.assert_close(raised(2 * frames, 1.96), found)
    assert raised(frames, 0) is frames


@given(semitones=st.integers(-12, 12), seed=st.integers(0, 100))
@budget(deadline=None, max_examples=25)
def test_transposing_a_song_leaves_its_fourier_patches_unchanged(semitones: int, seed: int) -> None:
    fourier = Fourier(2, [WINDOW], HOP, [8.0] * 2, 10.0)
    frames = song(seed, channels=2)
    patches, _ = fourier(*pad([frames]))
    transposed, _ = fourier(*pad([frames.roll(semitones, dims=1)]))
    torch.testing.assert_close(transposed, patches, rtol=0, atol=2e-6)


def test_transposing_a_song_rotates_the_rows_of_its_windows() -> None:
    windows = Frames(1, WINDOW, HOP, [0.0])
    patches, _ = windows(*pad([song()]))
    transposed, _ = windows(*pad([song().roll(5, dims=1)]))
    torch.testing.assert_close(transposed, patches.roll(5, dims=2), rtol=0, atol=0)


@pytest.mark.parametrize(
    "kind",
    [Fourier(1, [WINDOW], HOP, [8.0], 10.0, lags=[0, 2]), Frames(1, WINDOW, HOP, [8.0])],
)
def test_a_song_has_the_same_patches_alone_and_beside_longer_ones(kind: torch.nn.Module) -> None:
    alone, alone_mask = kind(*pad([song()]))
    beside, mask = kind(*pad([song(1, 200), song(), song(2, 7)]))
    assert alone_mask.sum() == mask[1].sum()
    torch.testing.assert_close(beside[1][mask[1]], alone[0], rtol=0, atol=1e-6)


def test_windows_of_several_sizes_have_their_centres_in_common() -> None:
    frames = song(length=60)
    (short, long), _ = windows(*pad([frames]), [8, 20], HOP)
    assert short.shape[1] == long.shape[1] == 11
    torch.testing.assert_close(long[..., 6:14], short, rtol=0, atol=0)


def test_patches_of_several_sizes_are_those_of_each_side_by_side() -> None:
    frames = pad([song(length=60)])
    both, _ = Fourier(1, [8, 20], HOP, [0.0], 0.3)(*frames)
    long, _ = Fourier(1, [20], HOP, [0.0], 0.3)(*frames)
    short, _ = Fourier(1, [8], HOP, [0.0], 0.3)(*pad([song(length=60)[..., 6:-6]]))
    torch.testing.assert_close(both, torch.cat((short, long), dim=2), rtol=0, atol=1e-6)


def test_what_stands_in_the_padding_is_not_seen() -> None:
    frames, lengths = pad([song(0, 50), song(1, 13)])
    dirty = frames.clone()
    dirty[1, ..., 13:] = 7
    for kind in (Fourier(1, [WINDOW], HOP, [8.0], 10.0, lags=[0, 2]), Frames(1, WINDOW, HOP, [8.0])):
        clean, mask = kind(frames, lengths)
        soiled, _ = kind(dirty, lengths)
        torch.testing.assert_close(soiled[mask], clean[mask], rtol=0, atol=0)


def test_a_song_shorter_than_a_window_is_filled_up_with_silence() -> None:
    fourier = Fourier(1, [WINDOW], HOP, [0.0], 10.0)
    short = song(length=7)
    patches, mask = fourier(*pad([short]))
    filled, _ = fourier(*pad([torch.nn.functional.pad(short, (0, WINDOW - 7))]))
    assert mask.sum() == 1
    torch.testing.assert_close(patches, filled, rtol=0, atol=0)


@pytest.mark.parametrize("sharpness", [0.0, 8.0])
def test_a_silent_song_has_silent_patches(sharpness: float) -> None:
    for kind in (
        Fourier(1, [WINDOW], HOP, [sharpness], 10.0, lags=[0, 2]),
        Frames(1, WINDOW, HOP, [sharpness]),
    ):
        patches, mask = kind(*pad([torch.zeros(1, 12, 50)]))
        assert mask.all()
        assert (patches == 0).all()


def test_each_feature_of_a_fourier_patch_has_unit_length_without_compression() -> None:
    fourier = Fourier(2, [WINDOW], HOP, [0.0] * 2, 0.0)
    patches, _ = fourier(*pad([song(channels=2)]))
    torch.testing.assert_close(patches.unflatten(2, (2, -1)).norm(dim=3), torch.ones(1, patches.shape[1], 2))


def test_fourier_patches_do_not_see_loudness() -> None:
    fourier = Fourier(1, [WINDOW], HOP, [0.0], 10.0)
    torch.testing.assert_close(fourier(*pad([9 * song()]))[0], fourier(*pad([song()]))[0])


def test_sharpening_keeps_the_order_of_pitch_classes_and_widens_their_ratios() -> None:
    frames = song()[None]
    sharp = sharpen(frames, [8.0])
    assert (sharp.argsort(dim=2) == frames.argsort(dim=2)).all()
    torch.testing.assert_close(sharp.sum(dim=2), torch.ones(1, 1, 90))
    assert (sharp.amax(dim=2) / sharp.amin(dim=2) > 100).float().mean() > 0.9


def test_each_feature_has_its_own_sharpness() -> None:
    frames = song(channels=3)[None]
    sharp = sharpen(frames, [0.0, 4.0, 8.0])
    torch.testing.assert_close(sharp[:, :1], frames[:, :1], rtol=0, atol=0)
    for channel, sharpness in ((1, 4.0), (2, 8.0)):
        alone = sharpen(frames[:, channel : channel + 1], [sharpness])
        torch.testing.assert_close(sharp[:, channel : channel + 1], alone)


def test_a_flat_patch_is_the_song() -> None:
    frames = song(length=32, channels=2)
    patches, mask = Flat(2, 32, [0.0] * 2)(*pad([frames]))
    torch.testing.assert_close(patches, frames.reshape(1, 1, -1), rtol=0, atol=0)
    assert mask.shape == (1, 1)


def test_the_size_of_patches_is_known_before_the_first_song() -> None:
    for kind in (
        Fourier(2, [20], 4, [0] * 2, 0),
        Fourier(2, [8, 21], 4, [0] * 2, 0),
        Fourier(2, [8, 21], 4, [0] * 2, 0, lags=[0, 1, 5]),
        Frames(2, 20, 4, [0] * 2),
        Flat(2, 90, [0] * 2),
    ):
        assert kind(*pad([song(channels=2)]))[0].shape[-1] == kind.size


def test_seconds_are_turned_into_frames() -> None:
    chosen = representation(
        experiment(representation={"seconds": [5.0, 10.0], "hop": 2.5}, fft={"rate": 2.0})
    )
    assert (chosen.sizes, chosen.hop) == ([10, 20], 5)
