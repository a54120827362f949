"""Which songs count: those that the catalogues list, but for copies and what a benchmark shares with training works."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from coversim.storage import tsv
from coversim.storage.checksums import check
from coversim.storage.frames import Name


def counting(catalogues: Sequence[Path], copies: Sequence[Path]) -> dict[Name, str]:
    """The split of each song that counts, by work and performance.

    Parameters
    ----------
    catalogues : `songs.tsv` of each data set, or the part of a shard
    copies : of the same data sets, what must not count (see coversim.dataset.copies)
    """
    split = {}
    for catalogue, left_out in zip(catalogues, copies, strict=True):
        out = {song[1:] for song in listed([left_out])}
        for row in tsv.read(catalogue):
            song = (row["work"], row["performance"])
            if row["split"] != "shared" and song not in out:
                split[song] = row["split"]
    return split


def members(catalogues: Sequence[Path], copies: Sequence[Path], collection: str) -> set[Name]:
    """The songs that count of a collection: a split such as `test`, or one of a single data set, such as `test/irish`."""
    wanted = collection.partition("/")[0]
    return {song for song, split in counting(catalogues, copies).items() if split == wanted}


def listed(copies: Iterable[Path]) -> set[tuple[str, str, str]]:
    """Data set, work and performance of what must not count."""
    found: set[tuple[str, str, str]] = set()
    for path in copies:
        check(path)
        found.update((row["dataset"], row["work"], row["performance"]) for row in tsv.read(path))
    return found
