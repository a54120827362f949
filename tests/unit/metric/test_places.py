"""Where two songs match is where the one was made from the other."""

import numpy as np
import pytest
from scipy.signal import resample

from coversim.metric.places import common, similarity
from coversim.metric.songs import opened
from coversim.sequences.passages import untrained
from metric_files import chroma

RATE = 8.0


def song(frames: np.ndarray):
    return opened(np.maximum(frames, 0), ("crema",), RATE)


@pytest.mark.parametrize(("semitones", "tempo"), [(0, 1.0), (3, 1.0), (-5, 1.25), (6, 0.8)])
def test_an_excerpt_is_found_in_its_key_and_tempo(semitones, tempo):
    first = chroma(1, seconds=90, rate=RATE)
    excerpt = first[:, int(20 * RATE) : int(65 * RATE)]
    played = np.roll(resample(excerpt, int(excerpt.shape[1] / tempo), axis=1), semitones, axis=0)
    second = np.concatenate([chroma(2, 15, RATE), played, chroma(3, 10, RATE)], axis=1)
    place = common(song(first), song(second), untrained(1))
    assert (place.transposition + semitones) % 12 == 0
    assert place.tempo == pytest.approx(tempo, rel=0.05)
    assert place.first == pytest.approx((20, 65), abs=4)
    assert place.second == pytest.approx((15, 15 + 45 / tempo), abs=4)
    assert (np.diff(place.path, axis=0) > 0).all()


def test_songs_that_share_nothing_have_no_passage_in_common():
    # one pitch class that never changes, and silence around a few notes
    still = np.zeros((12, 400))
    still[0] = 1
    assert common(song(still), song(chroma(1)), untrained(1)) is None


def test_a_song_is_like_itself_along_the_diagonal():
    itself = song(chroma(4))
    alike = similarity(itself, itself, untrained(1), 0)
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-5)
    turned = similarity(itself, song(np.roll(chroma(4), 2, axis=0)), untrained(1), -2)
    np.testing.assert_allclose(turned, alike, atol=1e-3)
