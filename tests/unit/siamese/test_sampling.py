"""Which songs meet in a batch."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coversim.siamese.losses import batch_loss, pair_loss
from coversim.siamese.sampling import PairBatches, WorkBatches, epoch_generator, pair_batches, work_batches
from experiments import experiment


def epoch(
    works: list[str], batch: int = 4, songs: int = 3, seed: int = 0, number: int = 1
) -> list[list[int]]:
    return list(work_batches(works, batch, songs, epoch_generator(seed, number)))


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=40).filter(
        lambda sizes: sum(s > 1 for s in sizes) > 1
    ),
    batch=st.integers(2, 8),
    songs=st.integers(2, 4),
)
def test_an_epoch_shows_every_work_of_two_songs_once(sizes: list[int], batch: int, songs: int) -> None:
    works = [f"W_{work}" for work, size in enumerate(sizes) for _ in range(size)]
    batches = epoch(works, batch, songs)
    drawn = Counter(works[song] for part in batches for song in part)
    assert drawn == {f"W_{work}": min(size, songs) for work, size in enumerate(sizes) if size > 1}
    assert len({song for part in batches for song in part}) == sum(drawn.values())
    for part in batches:
        assert 2 <= len({works[song] for song in part}) <= batch + 1, "every anchor needs a negative"


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    works = [f"W_{song // 2}" for song in range(40)]
    assert epoch(works) == epoch(works)
    assert epoch(works) != epoch(works, number=2)
    assert epoch(works) != epoch(works, seed=1)


def test_a_work_of_many_songs_shows_others_in_other_epochs() -> None:
    works = ["W_1"] * 10 + ["W_2"] * 10
    seen = {song for number in range(30) for part in epoch(works, number=number) for song in part}
    assert seen == set(range(20))


@pytest.mark.parametrize("batch", [1, 4, 7, 100])
def test_an_epoch_shows_every_pair_of_the_table_once(batch: int) -> None:
    pairs = [(song, song + 1, song % 2) for song in range(30)]
    batches = list(pair_batches(pairs, batch, epoch_generator(0, 1)))
    assert sorted(pair for part in batches for pair in part) == pairs
    assert all(len(part) == batch for part in batches[:-1])


SETTINGS = experiment(train={"loss": {"kind": "contrastive"}, "batch": {"works": 3, "pairs": 5}})["train"]


def test_a_batch_of_works_loses_what_its_songs_do_by_work() -> None:
    works = [f"W_{song // 2}" for song in range(12)]
    batcher, embeddings = WorkBatches(works, SETTINGS), torch.randn(12, 4)
    for songs, target in batcher.draw(epoch_generator(0, 1)):
        numbers = torch.tensor([int(works[song].removeprefix("W_")) for song in songs])
        expected = batch_loss(embeddings[songs], numbers, SETTINGS["loss"])
        assert batcher.loss(embeddings[songs], target) == expected > 0


def test_a_batch_of_pairs_loses_the_mean_of_its_pairs() -> None:
    pairs = [(song, 11 - song, song % 2) for song in range(12)]
    batcher, embeddings = PairBatches(pairs, SETTINGS), torch.randn(12, 4)
    for songs, target in batcher.draw(epoch_generator(0, 1)):
        losses = [
            pair_loss((embeddings[a] - embeddings[b]).norm(), torch.tensor(a % 2), 1.2, "squared")
            for a, b in zip(songs[::2], songs[1::2], strict=True)
        ]
        torch.testing.assert_close(batcher.loss(embeddings[songs], target), torch.stack(losses).mean())


def test_a_seed_of_any_size_gives_a_generator() -> None:
    assert isinstance(epoch_generator(2**70, 3), torch.Generator)
