"""Which songs meet in a batch. An epoch's draw depends on nothing but the seed and the epoch's number."""

from collections import defaultdict
from collections.abc import Iterator

import torch

from coversim.storage.hashing import stable_hash


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The source of an epoch's randomness: a resumed training draws what the uninterrupted one did."""
    return torch.Generator().manual_seed(stable_hash("epoch", seed, epoch) >> 1)


def work_batches(works: list[str], batch: int, songs: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Batches of song indices: `batch` works, each with `songs` of its songs, or all if it has fewer.

    `works` tells the work of each song. One epoch sees every work of at least two songs once; a work that
    would be alone in the last batch joins the one before, and alone in the epoch gives no batch: it has no
    non-cover to learn from.
    """
    members = defaultdict(list)
    for song, work in enumerate(works):
        members[work].append(song)
    groups = [group for group in members.values() if len(group) > 1]
    order = torch.randperm(len(groups), generator=generator).tolist()
    starts = list(range(0, len(order) - 1, batch))
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=False):
        drawn = []
        for place in order[start:stop]:
            group = groups[place]
            drawn += [group[i] for i in torch.randperm(len(group), generator=generator)[:songs].tolist()]
        yield drawn


def pair_batches(
    pairs: list[tuple[int, int, int]], batch: int, generator: torch.Generator
) -> Iterator[list[tuple[int, int, int]]]:
    """Batches of `batch` pairs (song, song, label), each pair once an epoch."""
    order = torch.randperm(len(pairs), generator=generator).tolist()
    for start in range(0, len(order), batch):
        yield [pairs[place] for place in order[start : start + batch]]
