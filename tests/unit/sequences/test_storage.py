"""Sequences survive their files."""

import h5py
import numpy as np
import pytest

from coversim.errors import CoversimError
from coversim.sequences import storage
from coversim.sequences.matching import restored
from coversim.sequences.patches import sections

LENGTHS = (30, 200, 1)
ORDERS = np.repeat([0, 1, 6], [2, 3, 1])


def written(path):
    random = np.random.default_rng(0)
    vectors = [random.normal(size=(length, 9)) for length in LENGTHS]
    vectors = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in vectors]
    profiles = [random.random((len(sections(length)) - 1, 2, 12)).astype(np.float32) for length in LENGTHS]
    storage.write(
        path, ["Ä", "Ä", "W"], ["a", "b", "c"], ["train", "train", "test"], vectors, profiles, ORDERS
    )
    return vectors, profiles


def test_every_song_has_its_vectors_to_half_a_step_again(tmp_path):
    vectors, profiles = written(tmp_path / "shard.h5")
    read = storage.read(tmp_path / "shard.h5")
    assert (read.works.tolist(), read.performances.tolist()) == (["Ä", "Ä", "W"], ["a", "b", "c"])
    for song, (start, stop) in enumerate(zip(read.offsets, read.offsets[1:], strict=False)):
        np.testing.assert_allclose(restored(read.vectors[start:stop]), vectors[song], atol=0.51 / 127)
    np.testing.assert_array_equal(read.profiles, np.concatenate(profiles))
    np.testing.assert_array_equal(read.orders, ORDERS)


def test_the_same_songs_give_the_same_bytes(tmp_path):
    for name in ("a.h5", "b.h5"):
        written(tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("name", ["offset", "vector", "profile", "work"])
def test_songs_without_their_vectors_are_refused(tmp_path, name):
    path = tmp_path / "shard.h5"
    written(path)
    with h5py.File(path, "r+") as file:
        file[name].resize(len(file[name]) - 1, axis=0)
    with pytest.raises(CoversimError, match=r"shard\.h5: damaged.*Remedy"):
        storage.read(path)
