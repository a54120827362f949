"""Sequences survive their files."""

import h5py
import numpy as np
import pytest

from coversim.errors import CoversimError
from coversim.sequences import storage
from coversim.sequences.matching import stored
from coversim.sequences.patches import WINDOW, sections
from coversim.sequences.projection import Projection
from coversim.sequences.storage import StoredSequence

LENGTHS = (30, 200, 1)
ORDERS = np.repeat([0, 1, 6], [2, 3, 1])
PROJECTION = Projection(ORDERS, np.zeros((len(ORDERS), 2 * WINDOW), np.complex64))  # of two features
NAMES = [("Ä", "a", "train"), ("Ä", "b", "train"), ("W", "c", "test")]


def written(path):
    random = np.random.default_rng(0)
    vectors = [random.normal(size=(length, 9)) for length in LENGTHS]
    vectors = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in vectors]
    profiles = [random.random((len(sections(length)) - 1, 2, 12)).astype(np.float32) for length in LENGTHS]
    songs = zip(NAMES, vectors, profiles, (0.5, 0.25, 0.125), strict=True)
    songs = [StoredSequence(*names, stored(own), profile, hubness) for names, own, profile, hubness in songs]
    storage.write(path, songs, PROJECTION)
    return vectors, profiles


def test_every_song_has_its_vectors_again(tmp_path):
    vectors, profiles = written(tmp_path / "shard.h5")
    read = storage.read(tmp_path / "shard.h5")
    assert (read.works.tolist(), read.performances.tolist()) == (["Ä", "Ä", "W"], ["a", "b", "c"])
    for song, (start, stop) in enumerate(zip(read.offsets, read.offsets[1:], strict=False)):
        np.testing.assert_array_equal(read.vectors[start:stop], stored(vectors[song]))
    np.testing.assert_array_equal(read.profiles, np.concatenate(profiles))
    np.testing.assert_array_equal(read.hubness, [0.5, 0.25, 0.125])
    np.testing.assert_array_equal(read.orders, ORDERS)


def test_a_song_comes_back_as_it_was_also_from_those_of_its_split(tmp_path):
    vectors, profiles = written(tmp_path / "shard.h5")
    read = storage.read(tmp_path / "shard.h5")
    for songs, place, song in (
        (read, 2, 2),
        (read.of(read.splits == "test"), 0, 2),
        (read.of(read.splits == "train"), 1, 1),
    ):
        found = songs.song(place)
        assert found[:3] == NAMES[song]
        np.testing.assert_array_equal(found.vectors, stored(vectors[song]))
        np.testing.assert_array_equal(found.profiles, profiles[song])
        assert found.hubness == read.hubness[song]


def test_a_shard_may_have_no_songs(tmp_path):
    storage.write(tmp_path / "shard.h5", [], PROJECTION)
    read = storage.read(tmp_path / "shard.h5")
    assert (len(read.works), read.vectors.shape, read.profiles.shape) == (0, (0, 5), (0, 2, 12))
    assert len(read.of(read.splits == "test").works) == 0


def test_the_same_songs_give_the_same_bytes(tmp_path):
    for name in ("a.h5", "b.h5"):
        written(tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("together", [1, 100, 231, 10**6])
@pytest.mark.parametrize("split", ["train", "test", "valid"])
def test_a_collection_has_the_songs_of_a_split_of_all_shards_in_blocks_of_any_size(tmp_path, split, together):
    paths = [tmp_path / "one" / "0000.h5", tmp_path / "one" / "0001.h5", tmp_path / "two" / "0000.h5"]
    written(paths[0])
    storage.write(paths[1], [], PROJECTION)
    again = storage.read(paths[0])
    storage.write(paths[2], [again.song(0), again.song(2)._replace(performance="d")], PROJECTION)
    storage.join(paths, split, tmp_path / "joined.h5")
    found = [
        (songs.song(place), shard)
        for songs, shards in storage.blocks(tmp_path / "joined.h5", together)
        for place, shard in enumerate(shards)
    ]
    expected = [again.song(place) for place in range(3)] + [again.song(2)._replace(performance="d")]
    expected = [song for song in expected if song.split == split]
    assert [song[:3] for song, _ in found] == [song[:3] for song in expected]
    assert {shard for _, shard in found} <= {"0000"}
    for (song, _), other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(song.vectors, other.vectors)
        np.testing.assert_array_equal(song.profiles, other.profiles)
        assert song.hubness == other.hubness
    if together == 1:
        assert all(len(songs.works) == 1 for songs, _ in storage.blocks(tmp_path / "joined.h5", together))


@pytest.mark.parametrize("name", ["offset", "vector", "profile", "hubness", "work"])
def test_songs_without_their_vectors_are_refused(tmp_path, name):
    path = tmp_path / "shard.h5"
    written(path)
    with h5py.File(path, "r+") as file:
        file[name].resize(len(file[name]) - 1, axis=0)
    with pytest.raises(CoversimError, match=r"shard\.h5: damaged.*Remedy"):
        storage.read(path)
