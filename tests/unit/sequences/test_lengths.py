"""A cover is found whatever the songs last, and wherever in them the music is: from frames to distances."""

import numpy as np
import pytest

from coversim.sequences import storage
from coversim.sequences.distances import distances
from coversim.sequences.matching import stored
from coversim.sequences.patches import RATE, patches, profiles
from coversim.sequences.projection import SecondMoments, principal_components
from coversim.sequences.songs import likenesses
from coversim.sequences.storage import StoredSequence

# how strong each pitch class is in C major
SCALE = np.array([1, 0.1, 0.6, 0.1, 0.8, 0.5, 0.1, 0.9, 0.1, 0.6, 0.1, 0.4]).reshape(1, 12, 1)


def music(seed: int, seconds: int, key: int = 0) -> np.ndarray:
    """Frames (1, 12, T): chords of chance in a key, each of a second."""
    chords = np.random.default_rng(seed).random((1, 12, seconds)) ** 3 * np.roll(SCALE, key, axis=1)
    return np.repeat(chords, RATE, axis=2).astype(np.float32)


def cover(song: np.ndarray, semitones: int) -> np.ndarray:
    """The same music in another key, with noise."""
    noise = np.random.default_rng(semitones).random(song.shape)
    return (np.roll(song, semitones, axis=1) + 0.1 * noise).astype(np.float32)


def silence(seconds: int) -> np.ndarray:
    return np.zeros((1, 12, RATE * seconds), np.float32)


def joined(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=2)


def projection():
    moments = SecondMoments(16)
    for seed in range(100, 110):
        moments.add(patches(music(seed, 60)))
    return principal_components([moments], 64)


PROJECTION = projection()
SONG = music(1, 60)
MINUTES = (0.5, 1, 4, 10, 30)
STRANGERS = [
    *(music(10 + place, int(60 * minutes), 2 * place) for place, minutes in enumerate(MINUTES)),
    np.tile(music(20, 4, 5), 150),  # a loop of four seconds, ten minutes long
    np.tile(music(21, 16, 1), 8),
    joined(music(22, 60, 6), silence(240)),
]
RECORDINGS = {
    "as it is": cover(SONG, 3),
    "its second half": cover(SONG[:, :, 30 * RATE :], 3),
    "slower by a quarter": np.repeat(cover(SONG, 3), 5, axis=2)[:, :, ::4],
    "in half an hour of other music": joined(music(30, 1000, 1), cover(SONG, 3), music(31, 740, 7)),
    "after a long introduction": joined(music(32, 240, 8), cover(SONG, 3)),
    "in a medley of four, each in a key of its own": joined(
        music(33, 60, 2), music(34, 60, 11), cover(SONG, 8), music(35, 60, 6)
    ),
    "20 s in ten minutes of other music of their key": joined(
        music(36, 300, 3), cover(SONG[:, :, 80:160], 3), music(37, 280, 3)
    ),
    "its first 16 s again and again": np.tile(cover(SONG[:, :, :64], 3), 15),
    "between silences of two minutes": joined(silence(120), cover(SONG, 3), silence(120)),
    "with a silence within": joined(cover(SONG, 3)[:, :, :120], silence(60), cover(SONG, 3)[:, :, 120:]),
}
WHOLE = music(40, 1800, 4)
FRAGMENT = cover(WHOLE[:, :, 4000:4080], 5)  # of 20 s
SONGS = [SONG, *RECORDINGS.values(), WHOLE, FRAGMENT, *STRANGERS]
FIRST_STRANGER = len(SONGS) - len(STRANGERS)


def sequence(frames: np.ndarray, name: str = "") -> StoredSequence:
    vectors = stored(PROJECTION(patches(frames)))
    return StoredSequence("W_1", name, "test", vectors, profiles(frames), hubness=0)


def table(songs: list[np.ndarray], path) -> np.ndarray:
    """Distances of all songs to all."""
    made = [sequence(song, f"P_{place}") for place, song in enumerate(songs)]
    storage.write(path, made, PROJECTION)
    others = storage.read(path)
    return np.array([distances(likenesses(song, others), 0, others.hubness) for song in made])


@pytest.fixture(scope="module")
def between(tmp_path_factory) -> np.ndarray:
    return table(SONGS, tmp_path_factory.mktemp("lengths") / "songs.h5")


@pytest.mark.parametrize("place", range(1, 1 + len(RECORDINGS)), ids=RECORDINGS)
def test_songs_find_each_other_before_strangers_of_half_a_minute_to_half_an_hour(between, place):
    assert between[0, place] < 0.9 * between[0, FIRST_STRANGER:].min()
    assert between[place, 0] < 0.9 * between[place, FIRST_STRANGER:].min()


def test_a_fragment_of_twenty_seconds_and_the_half_hour_that_it_is_of_find_each_other(between):
    whole, fragment = FIRST_STRANGER - 2, FIRST_STRANGER - 1
    assert between[fragment, whole] < 0.9 * np.delete(between[fragment], [whole, fragment]).min()
    assert between[whole, fragment] < 0.9 * between[whole, FIRST_STRANGER:].min()


def test_songs_that_have_nothing_in_common_are_about_as_far_whatever_they_last(between):
    of_strangers = between[FIRST_STRANGER:, FIRST_STRANGER:][: len(MINUTES), : len(MINUTES)]
    far = of_strangers[~np.eye(len(MINUTES), dtype=bool)]
    assert far.max() / far.min() < 1.5


def test_silence_is_as_far_as_can_be_from_music_and_from_itself(tmp_path):
    found = table([silence(60), silence(1), SONG], tmp_path / "songs.h5")
    assert (found[:2] == 1).all()
    assert (found[2, :2] == 1).all()


def test_a_distance_depends_but_little_on_which_song_is_the_first(between):
    assert np.abs(np.log(between / between.T)).max() < 0.1
