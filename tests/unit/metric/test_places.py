"""Where two songs match is where the one was made from the other."""

import numpy as np
import pytest
from scipy.signal import resample

from coversim.metric.picture import ABOUT, _ticks
from coversim.metric.places import common, similarity
from coversim.metric.songs import opened
from coversim.sequences.passages import untrained
from metric_files import chroma

RATE = 8.0


def song(frames: np.ndarray):
    return opened(np.maximum(frames, 0), ("crema",), RATE)


@pytest.mark.parametrize(
    ("semitones", "tempo"), [(0, 1.0), (3, 1.0), (-5, 1.25), (6, 0.8), (2, 2.0), (-1, 0.5)]
)
def test_an_excerpt_is_found_in_its_key_and_tempo(semitones, tempo):
    first = chroma(1, seconds=90, rate=RATE)
    excerpt = first[:, int(20 * RATE) : int(65 * RATE)]
    played = np.roll(resample(excerpt, int(excerpt.shape[1] / tempo), axis=1), semitones, axis=0)
    second = np.concatenate([chroma(2, 15, RATE), played, chroma(3, 10, RATE)], axis=1)
    place = common(song(first), song(second), untrained(1))
    assert (place.transposition + semitones) % 12 == 0
    assert place.tempo == pytest.approx(tempo, rel=0.05)
    # a patch, of a song that is compared at twice its tempo one of twice the length, may reach beyond the ends
    assert place.first == pytest.approx((20, 65), abs=4 * max(1, tempo))
    assert place.second == pytest.approx((15, 15 + 45 / tempo), abs=4 * max(1, 1 / tempo))
    assert (np.diff(place.path, axis=0) > 0).all()


def test_songs_that_share_nothing_have_no_passage_in_common():
    # one pitch class that never changes, and silence around a few notes
    still = np.zeros((12, 400))
    still[0] = 1
    assert common(song(still), song(chroma(1)), untrained(1)) is None


def test_a_song_of_half_the_tempo_is_like_the_other_at_twice_it_along_the_path():
    first = chroma(1, seconds=60, rate=RATE)
    songs = song(first), song(np.repeat(np.roll(first, 2, axis=0), 2, axis=1))
    place = common(*songs, untrained(1))
    assert place.played == (1, 2)
    alike, _ = similarity(*songs, untrained(1), place.transposition, place.played)
    rows, columns = np.rint(place.path / np.array(place.played) * 2).astype(int).T  # two patches a second
    assert alike[rows, columns].mean() > 0.8
    assert len(rows) > 100
    own, _ = similarity(*songs, untrained(1), place.transposition)
    assert own[rows, 2 * columns].mean() < alike[rows, columns].mean() - 0.2


def test_a_song_is_like_itself_along_the_diagonal():
    itself = song(chroma(4))
    alike, _ = similarity(itself, itself, untrained(1), 0)
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-5)
    turned, _ = similarity(itself, song(np.roll(chroma(4), 2, axis=0)), untrained(1), -2)
    np.testing.assert_allclose(turned, alike, atol=1e-3)


@pytest.mark.parametrize("hours", [0.01, 1, 7, 30])
def test_the_axis_of_a_song_of_any_length_has_a_few_round_times(hours):
    ticks = _ticks(3600 * hours)
    assert 1 <= len(ticks) <= ABOUT + 1
    assert ticks[0] == (0, "0:00")
    assert all(0 <= at <= 1 for at, _ in ticks)


def test_of_long_songs_the_largest_of_neighbouring_cosines_are_kept():
    songs = song(chroma(1, seconds=37)), song(chroma(2, seconds=21))
    whole, seconds = similarity(*songs, untrained(1), 3)
    fewer, same = similarity(*songs, untrained(1), 3, most=20)
    assert max(fewer.shape) <= 20 < max(whole.shape)
    np.testing.assert_array_equal(same, seconds)
    rows, columns = (-(-size // 20) for size in whole.shape)
    expected = [
        [whole[i : i + rows, j : j + columns].max() for j in range(0, whole.shape[1], columns)]
        for i in range(0, len(whole), rows)
    ]
    np.testing.assert_allclose(fewer, expected, atol=1e-6)
