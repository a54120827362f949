"""Which songs meet in a batch."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coversim.dataset.labels import COVER
from coversim.siamese.losses import batch_loss, pair_loss
from coversim.siamese.sampling import (
    PairBatches,
    WorkBatches,
    balanced,
    balancing,
    epoch_generator,
    pair_batches,
    work_batches,
)
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
    batcher, embeddings = WorkBatches(works, range(12), SETTINGS), torch.randn(12, 4)
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


def test_a_source_of_one_work_has_neither_non_covers_nor_batches() -> None:
    assert PairBatches([(0, 1, COVER), (0, 2, COVER)], SETTINGS).draw(epoch_generator(0, 1)) == []
    assert WorkBatches(["W"] * 3, range(3), SETTINGS).draw(epoch_generator(0, 1)) == []


def sources_of(*sizes: int) -> tuple[list[str], list[list[int]], list[WorkBatches]]:
    """Sources of so many works of two songs each: the works, the songs of each source, and what draws from it."""
    works = [f"W_{source}.{song // 2}" for source, size in enumerate(sizes) for song in range(2 * size)]
    ends = [2 * sum(sizes[: source + 1]) for source in range(len(sizes))]
    songs = [list(range(end - 2 * size, end)) for size, end in zip(sizes, ends, strict=True)]
    return works, songs, [WorkBatches(works, own, SETTINGS) for own in songs]


@given(sizes=st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_every_batch_is_of_one_source_and_each_source_has_as_many(sizes: list[int]) -> None:
    works, songs, sources = sources_of(*sizes)
    batches = balanced(sources, epoch_generator(0, 1))
    of_batch = [
        {next(s for s, own in enumerate(songs) if song in own) for song in drawn} for drawn, _ in batches
    ]
    assert all(len(of) == 1 for of in of_batch)
    counts = Counter(source for of in of_batch for source in of)
    assert set(counts) == {source for source, size in enumerate(sizes) if size > 1}
    assert len(set(counts.values())) <= 1
    passes = [len(source.draw(epoch_generator(0, 1))) for source in sources]
    assert sum(passes) <= len(batches) < sum(passes) + max(1, len(counts))  # as one pass through all
    for drawn, target in batches:
        names = [works[song] for song in drawn]
        same = [[a == b for b in names] for a in names]
        assert (target[:, None] == target).tolist() == same


def test_one_source_is_passed_through_once() -> None:
    _, _, [source] = sources_of(10)
    alone = source.draw(epoch_generator(0, 1))
    assert [songs for songs, _ in balanced([source], epoch_generator(0, 1))] == [songs for songs, _ in alone]


def test_a_source_of_a_fiftieth_is_seen_whole_and_the_larger_one_within_a_few_epochs() -> None:
    works, songs, sources = sources_of(150, 3)
    epochs = [balanced(sources, epoch_generator(0, number)) for number in range(1, 11)]
    assert set(songs[1]) <= {song for drawn, _ in epochs[0] for song in drawn}
    assert {song for epoch in epochs for drawn, _ in epoch for song in drawn} == set(range(len(works)))


def test_sources_are_repeated_until_they_weigh_the_same() -> None:
    places = balancing([0] * 100 + [1] * 2 + [2] * 40)
    assert Counter(0 if place < 100 else 1 if place < 102 else 2 for place in places) == {
        0: 100,
        1: 100,
        2: 80,
    }
    assert balancing([0] * 5) == [0, 1, 2, 3, 4]
    assert balancing([]) == []


def test_a_seed_of_any_size_gives_a_generator() -> None:
    assert isinstance(epoch_generator(2**70, 3), torch.Generator)
