"""Pairs of songs straight from the files, as in the original brief."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from corpus import song_arrays, write_song
from coversim.dataset.features import FRAME_RATE
from coversim.dataset.torch_pairs import DaTacosPairs, Downsample
from coversim.errors import BadSong, CoversimError

pytestmark = pytest.mark.filterwarnings("ignore:.*have no cover pair")


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


def test_performances_of_two_works_may_be_called_the_same(tmp_path) -> None:
    names = [(work, performance) for work in ("W_1", "W_2") for performance in ("0", "1")]
    for seed, name in enumerate(names):
        write_song(tmp_path, *name, song_arrays(seed, seconds=5 + seed))
    pairs = DaTacosPairs(tmp_path)
    lengths = {tuple(song.shape) for *songs, _ in pairs for song in songs}
    assert len(lengths) == 4
    assert [pair[:2] for pair in pairs.pairs[:2]] == [tuple(names[:2]), tuple(names[2:])]


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


def test_songs_of_the_same_number_of_frames_make_batches(tmp_path) -> None:
    pairs = DaTacosPairs(data_set(tmp_path), transform=Downsample("crema", frames=16))
    first, second, label = next(iter(DataLoader(pairs, batch_size=8, num_workers=1)))
    assert first.shape == second.shape == (8, 12, 16)
    assert label.tolist() == [0] * 4 + [1] * 4


def test_frames_can_be_kept_at_a_rate(tmp_path) -> None:
    song, _, _ = DaTacosPairs(data_set(tmp_path), Downsample("crema", rate=4.0))[0]
    assert song.shape == (12, 20)
    song, _, _ = DaTacosPairs(tmp_path, Downsample("crema", rate=4.0, frame_rate=FRAME_RATE / 2))[0]
    assert song.shape == (12, 40)


def damage(root: Path, pairs: DaTacosPairs, *song: str) -> None:
    path = root / pairs.files[song]
    path.write_bytes(path.read_bytes()[:100])


def test_a_damaged_song_is_named_when_its_pair_is_wanted(tmp_path) -> None:
    pairs = DaTacosPairs(data_set(tmp_path))
    damage(tmp_path, pairs, "W_1", "P_11")
    with pytest.raises(BadSong, match=r"P_11_crema\.h5: .*Remedy: fetch"):
        pairs[0]


def test_a_pair_with_a_damaged_song_can_be_skipped_for_the_next_of_its_label(tmp_path) -> None:
    pairs = DaTacosPairs(data_set(tmp_path), on_bad_song="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intact = list(pairs)
    damage(tmp_path, pairs, "W_2", "P_23")
    assert [pair[:2] for pair in pairs.pairs[:4]] == [
        *[(("W_1", "P_11"), ("W_1", "P_12")), (("W_2", "P_21"), ("W_2", "P_22"))],
        *[(("W_2", "P_21"), ("W_2", "P_23")), (("W_2", "P_22"), ("W_2", "P_23"))],
    ]
    with pytest.warns(UserWarning, match=r"a pair is skipped: P_23_crema\.h5: "):
        found = list(pairs)
    assert [label for *_, label in found] == [0] * 4 + [1] * 4
    for item, original in zip(found, (0, 1, 0, 0), strict=False):
        for song, expected in zip(item[:2], intact[original][:2], strict=True):
            torch.testing.assert_close(song, expected)
    torch.testing.assert_close(pairs[-8][0], intact[0][0])
    with pytest.raises(IndexError):
        pairs[8]


@pytest.mark.filterwarnings("ignore:.*a pair is skipped")
def test_where_every_pair_is_damaged_skipping_ends(tmp_path) -> None:
    pairs = DaTacosPairs(data_set(tmp_path), on_bad_song="skip")
    for song in pairs.files:
        damage(tmp_path, pairs, *song)
    with pytest.raises(CoversimError, match=r"no pair of label 0 can be read\. Remedy"):
        pairs[0]


def test_works_without_a_pair_and_songs_that_cannot_be_used_are_said(tmp_path) -> None:
    data_set(tmp_path)
    for number in range(4, 8):
        write_song(tmp_path, f"W_{number}", f"P_{number}", song_arrays(seconds=1))
    (tmp_path / "da-tacos_toy_subset_crema" / "W_9").mkdir()
    with pytest.warns(UserWarning, match="cannot be used|have no cover pair") as said:
        DaTacosPairs(tmp_path)
    assert [str(warning.message) for warning in said] == [
        f"{tmp_path}: 1 songs or works cannot be used: da-tacos_toy_subset_crema/W_9: its name does not end in "
        "'_crema' after an identifier",
        f"{tmp_path}: 5 works have no cover pair: W_3, W_4, W_5, …",
    ]
    assert all(warning.filename == __file__ for warning in said)


@pytest.mark.parametrize("works", [{}, {"W_1": 1, "W_2": 1}, {"W_1": 2}], ids=["none", "single songs", "one"])
def test_a_data_set_without_pairs_is_an_error(tmp_path, works) -> None:
    for work, songs in works.items():
        for number in range(songs):
            write_song(tmp_path, work, f"{work}-{number}", song_arrays(seconds=1))
    with pytest.raises(CoversimError, match=r"Remedy: set data_dir to"):
        DaTacosPairs(tmp_path)


def test_messages_name_the_arguments(tmp_path) -> None:
    data_set(tmp_path)
    data_set(tmp_path, "single")
    with pytest.raises(CoversimError, match=r"Remedy: set layout to what is there: per-feature, single"):
        DaTacosPairs(tmp_path)
    with pytest.raises(CoversimError, match=r"Remedy: set feature to what is there: crema, hpcp"):
        DaTacosPairs(tmp_path, feature="cens", layout="per-feature")
    with pytest.raises(CoversimError, match=r"Remedy: set subset to what is there: toy"):
        DaTacosPairs(tmp_path, subset="benchmark")
    with pytest.raises(CoversimError, match=r"Remedy: set it to 'raise' or 'skip'"):
        DaTacosPairs(tmp_path, on_bad_song="set_aside")
