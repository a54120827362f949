"""The file of a data set's embeddings."""

import numpy as np
import pytest

from coversim.errors import CoversimError
from coversim.storage import embeddings

WORKS = ["W_1", "W_1", 'Wörk "two"']
PERFORMANCES = ["P_1", "P 2", "P_三"]
SPLITS = ["train", "train", "test"]
VALUES = np.random.default_rng(0).normal(size=(3, 200)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.h5"
    embeddings.write(path, WORKS, PERFORMANCES, SPLITS, VALUES)
    return path


def test_what_is_written_is_read(path):
    songs = embeddings.read(path)
    assert songs.works.tolist() == WORKS
    assert songs.performances.tolist() == PERFORMANCES
    assert songs.splits.tolist() == SPLITS
    np.testing.assert_array_equal(songs.embeddings, VALUES)
    assert songs.embeddings.dtype == np.float32


def test_what_songs_are_sought_by_is_kept_with_them(path, tmp_path):
    assert embeddings.read(path).queries is None
    queries = np.stack((VALUES, VALUES + 1), axis=1)
    other = tmp_path / "sought.h5"
    embeddings.write(other, WORKS, PERFORMANCES, SPLITS, VALUES, queries)
    np.testing.assert_array_equal(embeddings.read(other).queries, queries)
    last = tmp_path / "last.h5"
    embeddings.write(last, ["W_9"], ["P_9"], ["test"], VALUES[:1], queries[:1])
    np.testing.assert_array_equal(embeddings.of_split([other, last], "test").queries, queries[[2, 0]])
    embeddings.write(tmp_path / "damaged.h5", WORKS, PERFORMANCES, SPLITS, VALUES, queries[..., :7])
    with pytest.raises(CoversimError, match=r"damaged\.h5: damaged .*Remedy: delete it"):
        embeddings.read(tmp_path / "damaged.h5")


def test_the_same_embeddings_are_the_same_bytes(path, tmp_path):
    embeddings.write(tmp_path / "again.h5", WORKS, PERFORMANCES, SPLITS, VALUES)
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_a_split_is_gathered_from_all_data_sets(path, tmp_path):
    other = tmp_path / "benchmark.h5"
    embeddings.write(other, ["W_9"], ["P_9"], ["benchmark"], VALUES[:1] + 1)
    songs = embeddings.of_split([path, other], "train")
    assert songs.performances.tolist() == PERFORMANCES[:2]
    np.testing.assert_array_equal(songs.embeddings, VALUES[:2])
    songs = embeddings.of_split([path, other], "benchmark")
    assert songs.works.tolist() == ["W_9"]
    assert len(embeddings.of_split([path, other], "valid").embeddings) == 0


def test_a_collection_may_be_the_split_of_one_data_set(path, tmp_path):
    other = tmp_path / "irish.h5"
    embeddings.write(other, ["W_9"], ["P_9"], ["train"], VALUES[:1] + 1)
    assert embeddings.of_split([path, other], "train/irish").works.tolist() == ["W_9"]
    assert embeddings.of_split([path, other], "train").performances.tolist() == [*PERFORMANCES[:2], "P_9"]


def test_a_song_of_two_data_sets_counts_once(path, tmp_path):
    other = tmp_path / "again.h5"
    names = [*WORKS[:1], "W_9"], [*PERFORMANCES[:1], PERFORMANCES[1]]
    embeddings.write(other, *names, ["train", "train"], VALUES[:2] + 1)
    songs = embeddings.of_split([path, other], "train")
    assert songs.works.tolist() == [*WORKS[:2], "W_9"]
    np.testing.assert_array_equal(songs.embeddings, [VALUES[0], VALUES[1], VALUES[1] + 1])


def test_a_data_set_may_be_empty(tmp_path):
    embeddings.write(tmp_path / "empty.h5", [], [], [], np.zeros((0, 4)))
    assert embeddings.read(tmp_path / "empty.h5").embeddings.shape == (0, 4)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_an_error_that_says_what_to_delete(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CoversimError, match=r"train.h5: damaged .* Remedy: delete it"):
        embeddings.read(path)


def test_a_changed_number_is_noticed(path):
    content = path.read_bytes()
    place = content.index(VALUES[1].tobytes())
    path.write_bytes(content[:place] + b"\0" + content[place + 1 :])
    with pytest.raises(CoversimError, match=r"train.h5: damaged"):
        embeddings.read(path)


def test_an_embedding_that_is_not_finite_is_an_error_that_names_the_song(tmp_path):
    values = VALUES.copy()
    values[1:, 3] = np.nan
    with pytest.raises(CoversimError, match=r"W_1/P 2 is not finite, and of 1 other songs. Remedy"):
        embeddings.write(tmp_path / "bad.h5", WORKS, PERFORMANCES, SPLITS, values)
    with pytest.raises(CoversimError, match=r"W_1/P 2 is not finite, and of 1 other songs. Remedy"):
        embeddings.write(tmp_path / "bad.h5", WORKS, PERFORMANCES, SPLITS, VALUES, values[:, None])
    assert list(tmp_path.iterdir()) == []
