"""Which shard holds a work, and which split it belongs to."""

from collections.abc import Iterable

from coversim.storage.hashing import stable_hash

SPLITS = ("train", "valid", "test")


def shard_of(work: str, shards: int) -> int:
    """Shard in [0, shards) of a work: a function of its id alone, so that adding a work touches one shard."""
    return stable_hash("shard", work) % shards


def split_by_hash(work: str, valid: float, test: float, seed: int) -> str:
    """Split of a work: a function of its id alone, so that adding a work moves no other."""
    position = stable_hash("split", seed, work) / 2**64
    if position < test:
        return "test"
    return "valid" if position < test + valid else "train"


def split_first(works: Iterable[str], train: int, valid: int) -> dict[str, str]:
    """Split of each work in sorted order: the first `train` works train, the last `valid` validate.

    Works between the two test; there are none in the original brief (4,000 + 1,000 of 5,000 works).
    """
    ordered = sorted(works)
    valid_from = max(train, len(ordered) - valid)
    return {
        work: "train" if place < train else "valid" if place >= valid_from else "test"
        for place, work in enumerate(ordered)
    }
