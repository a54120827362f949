"""Embeddings and pairs of four collections."""

import pytest

from evaluated import songs_of, write, write_pairs


@pytest.fixture
def collections():
    return {
        "train": songs_of("train", [2, 3, 4]),
        "valid": songs_of("valid", [2] * 12 + [3] * 6 + [1] * 4),
        "test": songs_of("test", [2] * 10 + [5] * 2 + [1] * 5),
        "benchmark": songs_of("benchmark", [4] * 8 + [1] * 9),
    }


@pytest.fixture
def files(collections, tmp_path):
    train, valid, test, benchmark = collections.values()
    return (
        [write(tmp_path, "train", train, valid, test), write(tmp_path, "benchmark", benchmark)],
        [write_pairs(tmp_path, songs) for songs in (valid, test, benchmark)],
    )
