"""The file of a shard's distances."""

import h5py
import numpy as np
import pytest

from coversim.errors import CoversimError
from coversim.storage import distances

WORKS, PERFORMANCES = ["W_1", "W_1", 'Wörk "two"'], ["P_1", "P 2", "P_三"]
QUERY = np.array([1, 0])
DISTANCE = np.array([[0.5, 0.75, 1.0], [0.125, 0.25, 2.0]], np.float32)
CANDIDATE = np.array([[2, 0], [1, 2]])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "valid" / "0000.h5"
    distances.write(path, WORKS, PERFORMANCES, QUERY, DISTANCE)
    return path


def test_what_is_written_is_read(path):
    found = distances.read(path)
    assert found.works.tolist() == WORKS
    assert found.performances.tolist() == PERFORMANCES
    np.testing.assert_array_equal(found.query, QUERY)
    np.testing.assert_array_equal(found.distance, DISTANCE)


def test_of_candidates_only_their_distances_are_stored(tmp_path):
    path = tmp_path / "0000.h5"
    distances.write(path, WORKS, PERFORMANCES, QUERY, DISTANCE[:, :2], candidate=CANDIDATE)
    found = distances.read(path)
    np.testing.assert_array_equal(found.distance, DISTANCE[:, :2])
    expected = [[0.75, np.nan, 0.5], [np.nan, 0.125, 0.25]]
    np.testing.assert_array_equal(found.to_all(np.arange(2)), expected)
    np.testing.assert_array_equal(found.to_all(np.array([1])), expected[1:])
    with h5py.File(path) as file:
        assert file.attrs["candidates"] == 2


def test_distances_of_other_candidates_are_damage(tmp_path):
    distances.write(tmp_path / "0000.h5", WORKS, PERFORMANCES, QUERY, DISTANCE, candidate=CANDIDATE)
    with pytest.raises(CoversimError, match="songs and distances do not match"):
        distances.read(tmp_path / "0000.h5")


def test_a_shard_may_be_without_queries(tmp_path):
    distances.write(tmp_path / "0001.h5", WORKS, PERFORMANCES, QUERY[:0], DISTANCE[:0])
    assert distances.read(tmp_path / "0001.h5").distance.shape == (0, 3)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_file_is_an_error_that_says_what_to_delete(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CoversimError, match=r"0000.h5: damaged .* Remedy: delete it"):
        distances.read(path)


def test_distances_to_other_songs_are_damage(tmp_path):
    distances.write(tmp_path / "0000.h5", WORKS[:2], PERFORMANCES[:2], QUERY, DISTANCE)
    with pytest.raises(CoversimError, match="songs and distances do not match"):
        distances.read(tmp_path / "0000.h5")


def test_songs_that_an_embedding_found_and_that_cannot_be_compared_are_named():
    songs = [("W_1", "P_1"), ("W_2", "P_2"), ("W_3", "P_3")]
    assert distances.rows_among(songs, songs[::-1]).tolist() == [2, 1, 0]
    with pytest.raises(CoversimError, match=r"W_4/P_4, and 0 other songs: .*Remedy: take them out"):
        distances.rows_among(songs, [("W_2", "P_2"), ("W_4", "P_4")])
