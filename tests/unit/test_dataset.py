"""Pairs of songs straight from the files, as in the original brief."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from corpus import song_arrays, write_song
from coversim.dataset import Compose, DaTacosPairs, Downsample, Project
from coversim.errors import BadSong, CoversimError
from coversim.moments import Moments, principal_components


def data_set(root: Path, layout: str = "per-feature") -> Path:
    """Three works of 2, 3 and 1 songs."""
    for number, (work, performance) in enumerate(
        [("W_1", "P_11"), ("W_1", "P_12"), ("W_2", "P_21"), ("W_2", "P_22"), ("W_2", "P_23"), ("W_3", "P_31")]
    ):
        write_song(root, work, performance, song_arrays(number, seconds=5 + number), layout=layout)
    return root


@pytest.mark.parametrize("layout", ["per-feature", "single"])
def test_there_are_all_cover_pairs_and_as_many_non_cover_pairs(layout: str, tmp_path) -> None:
    pairs = DaTacosPairs(data_set(tmp_path, layout))
    assert len(pairs) == 8  # 1 + 3 cover pairs
    for (work_a, _), (work_b, _), label in pairs.pairs:
        assert label == (work_a != work_b)
    assert [label for *_, label in pairs] == [0] * 4 + [1] * 4


def test_songs_are_float32_of_their_own_length(tmp_path) -> None:
    first, second, label = DaTacosPairs(data_set(tmp_path), feature="hpcp")[0]
    assert label == 0
    for song, number in ((first, 0), (second, 1)):
        assert song.dtype == torch.float32
        expected = np.roll(song_arrays(number, seconds=5 + number)["hpcp"].T, 9, axis=0)
        np.testing.assert_array_equal(song.numpy(), expected)


def test_a_seed_gives_the_same_pairs_and_another_seed_others(tmp_path) -> None:
    data_set(tmp_path)
    assert DaTacosPairs(tmp_path).pairs == DaTacosPairs(tmp_path).pairs
    assert any(
        DaTacosPairs(tmp_path, seed=seed).pairs != DaTacosPairs(tmp_path).pairs for seed in range(1, 6)
    )


def test_fft_and_pca_compose_into_one_vector_per_song(tmp_path) -> None:
    data_set(tmp_path)
    short = Downsample("crema", frames=16)
    moments = Moments(12 * 16)
    for first, second, _ in DaTacosPairs(tmp_path, short):
        moments.add(torch.stack((first, second)).flatten(1).numpy())
    projection = principal_components(moments, 3)
    projection.save(tmp_path / "pca.npz")

    pairs = DaTacosPairs(tmp_path, Compose([short, Project(tmp_path / "pca.npz")]))
    vector, frames = pairs[0][0], DaTacosPairs(tmp_path, short)[0][0]
    assert vector.dtype == torch.float32
    expected = projection.components @ (frames.numpy().ravel() - projection.mean)
    np.testing.assert_allclose(vector.numpy(), expected, atol=1e-5)

    first, second, label = next(iter(DataLoader(pairs, batch_size=8, num_workers=1)))
    assert first.shape == second.shape == (8, 3)
    assert label.tolist() == [0] * 4 + [1] * 4


def test_frames_can_be_kept_at_a_rate(tmp_path) -> None:
    song, _, _ = DaTacosPairs(data_set(tmp_path), Downsample("crema", rate=4.0))[0]
    assert song.shape == (12, 20)


def test_a_damaged_song_is_named_when_its_pair_is_wanted(tmp_path) -> None:
    pairs = DaTacosPairs(data_set(tmp_path))
    path = tmp_path / pairs.files["W_1", "P_11"]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadSong, match=r"Remedy"):
        pairs[0]


def test_a_folder_without_a_data_set_is_an_error(tmp_path) -> None:
    with pytest.raises(CoversimError, match=r"Remedy"):
        DaTacosPairs(tmp_path)
