"""What the arrays of a song tell of their frame rate."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import corpus
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.frame_rate import check_held, check_lengths, step
from coversim.dataset.reader import read_feature
from coversim.errors import BadSong

CREMA = FEATURES["crema"]
NATIVE = FRAME_RATE / CREMA.hold


def held(rate: float, seconds: float = 60, seed: int = 0) -> np.ndarray:
    """Values at the native rate of crema, in frames of this rate by their nearest value."""
    native = np.random.default_rng(seed).random((12, int(seconds * NATIVE) + 1)).astype(np.float32)
    return native[:, (np.arange(int(seconds * rate)) * NATIVE / rate).astype(int)]


RATES = [FRAME_RATE, FRAME_RATE / 2, NATIVE, 50.0, 48_000 / 512, 100.0, 25.0]


@pytest.mark.parametrize("declared", RATES)
@pytest.mark.parametrize("true", RATES)
def test_a_rate_other_than_the_true_one_is_told(true: float, declared: float) -> None:
    values = held(true)
    if true == declared:
        check_held(values, CREMA, declared)
    else:
        with pytest.raises(BadSong, match="set `rate` of the data set") as told:
            check_held(values, CREMA, declared)
        found = float(told.value.reason.partition("it is of ")[2].split()[0])
        assert found == pytest.approx(true, rel=0.02)
        assert f"not of {declared:.2f}" in told.value.reason


@given(silence=st.integers(0, 2000), holes=st.integers(0, 200), seed=st.integers(0, 99))
def test_silence_and_holes_that_were_filled_prove_nothing(silence: int, holes: int, seed: int) -> None:
    values = held(FRAME_RATE, seed=seed)
    values[:, 1000 : 1000 + silence] = 0
    values[:, :holes] = np.linspace(0, 1, 12 * holes, dtype=np.float32).reshape(12, holes)
    check_held(values, CREMA, FRAME_RATE)


def test_what_is_too_short_or_is_not_held_tells_nothing() -> None:
    check_held(held(FRAME_RATE / 2, seconds=1), CREMA, FRAME_RATE)
    check_held(np.zeros((12, 5000), np.float32), CREMA, FRAME_RATE)
    check_held(held(FRAME_RATE), FEATURES["hpcp"], FRAME_RATE)


@pytest.mark.parametrize(
    ("rate", "expected"), [(FRAME_RATE, 8), (FRAME_RATE / 2, 4), (43.07, 4), (NATIVE, 1), (50.0, 1), (4.0, 1)]
)
def test_frames_are_thinned_out_where_a_value_is_held_for_a_whole_number(rate: float, expected: int) -> None:
    assert step(CREMA, rate) == expected
    assert step(FEATURES["hpcp"], rate) == 1


@pytest.mark.parametrize(("other", "told"), [(15_183, False), (14_000, False), (7_613, True), (30_000, True)])
def test_features_of_one_song_are_about_equally_long(other: int, told: bool) -> None:
    said = pytest.raises(BadSong, match=f"hpcp has 15227 frames and mfcc {other}") if told else nullcontext()
    with said:
        check_lengths("hpcp", 15_227, "mfcc", other)


@pytest.mark.parametrize("feature", ["hpcp", "crema"])
def test_a_single_file_with_features_of_two_rates_is_refused(feature: str, tmp_path) -> None:
    arrays = corpus.song_arrays(features=["crema", "hpcp"])
    arrays["hpcp"] = arrays["hpcp"][::2]
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", arrays, layout="single")
    with pytest.raises(BadSong, match=r"P_1\.h5: .* not of one frame rate"):
        read_feature(path, feature)
