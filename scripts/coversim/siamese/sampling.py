"""Which songs meet in a batch, and what the batch loses. An epoch's draw follows from the seed and its number alone.

The songs of a batch are of one source, that is of one data set: what tells sources apart tells no works apart.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from coversim.dataset.labels import NON_COVER
from coversim.siamese.losses import batch_loss, pair_loss
from coversim.storage.hashing import stable_hash

Pair = tuple[int, int, int]  # song, song, label
Batch = tuple[list[int], Tensor]  # songs, and what the loss compares their embeddings by


class WorkBatches:
    """Batches of works with a few songs each: every song is compared with every other.

    `works` tells the work of each training song, `songs` are those of the source, `settings` are `train` of the
    configuration.
    """

    def __init__(self, works: Sequence[str], songs: Sequence[int], settings: dict):
        self.songs, self.size, self.loss_settings = songs, settings["batch"], settings["loss"]
        self.works = [works[song] for song in songs]
        number = {work: place for place, work in enumerate(dict.fromkeys(self.works))}
        self.numbers = torch.tensor([number[work] for work in self.works])

    def draw(self, generator: torch.Generator) -> list[Batch]:
        """The batches of one pass through the source: songs, and the number of the work of each."""
        drawn = work_batches(self.works, self.size["works"], self.size["songs"], generator)
        return [([self.songs[place] for place in places], self.numbers[places]) for places in drawn]

    def loss(self, embeddings: Tensor, work: Tensor) -> Tensor:
        """The loss of a batch's embeddings (B, E), `work` (B,) telling which are covers."""
        return batch_loss(embeddings, work, self.loss_settings)


class PairBatches:
    """Batches of pairs of the pair table: the two songs of each are compared.

    `pairs` of the source are of indices of training songs, `settings` are `train` of the configuration. A source without
    non-covers has no batch: covers alone would draw all embeddings together.
    """

    def __init__(self, pairs: Sequence[Pair], settings: dict):
        self.pairs = pairs if any(label == NON_COVER for _, _, label in pairs) else []
        self.size, self.loss_settings = settings["batch"], settings["loss"]

    def draw(self, generator: torch.Generator) -> list[Batch]:
        """The batches of one pass through the source: songs, two by two, and the label of each pair."""
        drawn = pair_batches(self.pairs, self.size["pairs"], generator)
        return [
            ([song for pair in batch for song in pair[:2]], torch.tensor([label for _, _, label in batch]))
            for batch in drawn
        ]

    def loss(self, embeddings: Tensor, label: Tensor) -> Tensor:
        """The mean loss of pairs: embeddings (2B, E), those of a pair one after the other, and their labels (B,)."""
        distance = (embeddings[::2] - embeddings[1::2]).norm(dim=1)
        return pair_loss(distance, label, self.loss_settings["margin"], self.loss_settings["hinge"]).mean()


Batcher = WorkBatches | PairBatches


def balanced(sources: Sequence[Batcher], generator: torch.Generator) -> list[Batch]:
    """An epoch's batches: as many of each source, in turn, those of the first in front.

    There are as many in all as one pass through every source has (rounded up): a larger source shows a part of its
    songs, another one each epoch, and a smaller one is passed through several times. A source without batches is left
    out.
    """
    drawn = [(source, batches) for source in sources if (batches := source.draw(generator))]
    length = math.ceil(sum(len(batches) for _, batches in drawn) / max(1, len(drawn)))
    for source, batches in drawn:
        while len(batches) < length:
            batches += source.draw(generator)
    return [batches[turn] for turn in range(length) for _, batches in drawn]


def balancing(sources: Sequence[int]) -> list[int]:
    """Places of songs, each as often as makes their `sources` weigh about the same: those of the largest once."""
    size = Counter(sources)
    largest = max(size.values(), default=0)
    return [place for place, source in enumerate(sources) for _ in range(round(largest / size[source]))]


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The source of an epoch's randomness: a resumed training draws what the uninterrupted one did."""
    return torch.Generator().manual_seed(stable_hash("epoch", seed, epoch) >> 1)


def work_batches(
    works: Sequence[str], batch: int, songs: int, generator: torch.Generator
) -> Iterator[list[int]]:
    """Batches of song indices: `batch` works, each with `songs` of its songs, or all if it has fewer.

    `works` tells the work of each song. Every work of at least two songs is seen once; a work that would be alone in
    the last batch joins the one before, and alone in all gives no batch: it has no negative to learn from.
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


def pair_batches(pairs: Sequence[Pair], batch: int, generator: torch.Generator) -> Iterator[list[Pair]]:
    """Batches of `batch` pairs (song, song, label), each pair once."""
    order = torch.randperm(len(pairs), generator=generator).tolist()
    for start in range(0, len(order), batch):
        yield [pairs[place] for place in order[start : start + batch]]
