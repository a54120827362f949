"""The songs that a training sees, from the shards of frames of one data set or several: its sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from coversim.siamese.kinds import KINDS
from coversim.siamese.sampling import Pair
from coversim.storage import frames, parquet
from coversim.storage.hashing import stable_hash
from coversim.storage.songs import counting


@dataclass(frozen=True)
class Songs:
    """Songs in memory: of each its frames (C, 12, T_i) float32, its work, and the number of its source."""

    frames: list[Tensor]
    works: list[str]
    sources: list[int]

    def of_source(self, source: int) -> list[int]:
        """The places of the songs of a source."""
        return [place for place, own in enumerate(self.sources) if own == source]


def load_songs(
    settings: dict,
    shards: Sequence[Path],
    catalogues: Sequence[Path],
    copies: Sequence[Path],
    pair_tables: Sequence[Path] = (),
) -> tuple[Songs, Songs, list[list[Pair]]]:
    """Training songs, validation songs, and the pairs of each source, as indices into the training songs.

    Parameters
    ----------
    shards : `…/<data set>/<frames>/<shard>.h5` of all data sets
    catalogues : `…/<data set>/songs.tsv`, with the split of each song; they number the sources
    copies : of each data set, in the same order, what must not count
    pair_tables : training pairs of each data set, in the order of the catalogues; none: no pairs
    """
    chosen = settings["train"]
    needed = KINDS[settings["model"]["kind"]].sees(chosen["epochs"])
    songs = {"train": Songs([], [], []), "valid": Songs([], [], [])}
    pairs = []
    for source, catalogue in enumerate(catalogues):
        split = counting([catalogue], [copies[source]])
        wanted = {song for song, name in split.items() if name in needed}
        own_shards = [path for path in shards if path.parent.parent.name == catalogue.parent.name]
        place = {}
        for song in frames.songs(own_shards, wanted):
            if split[song.name] == "train" and not in_share(song.work, chosen["works"]):
                continue
            of = songs[split[song.name]]
            place[song.name] = len(of.works)
            of.frames.append(torch.from_numpy(song.frames))
            of.works.append(song.work)
            of.sources.append(source)
        if pair_tables:
            pairs.append(_pairs(pair_tables[source], place))
    return songs["train"], songs["valid"], pairs


def in_share(work: str, share: float) -> bool:
    """Whether a work is in a share of all works; a larger share holds all works of a smaller one."""
    return stable_hash("share", work) / 2**64 < share


def _pairs(table: Path, place: Mapping[frames.Name, int]) -> list[Pair]:
    """The pairs of a table whose songs are both in place."""
    columns = parquet.read(table, ["work_a", "performance_a", "work_b", "performance_b", "label"]).to_pydict()
    return [
        (place[a, song_a], place[b, song_b], label)
        for a, song_a, b, song_b, label in zip(*columns.values(), strict=True)
        if (a, song_a) in place and (b, song_b) in place
    ]


def contents(
    training: Songs, validation: Songs, pairs: list[list[Pair]], pca: Path | None
) -> Iterator[bytes]:
    """What a training sees; what other songs are in the shards, and what files are called, does not count."""
    for songs in (training, validation):
        shapes = [frames.shape for frames in songs.frames]
        yield repr(list(zip(songs.works, songs.sources, shapes, strict=True))).encode()
        yield from (frames.numpy().tobytes() for frames in songs.frames)
    yield repr(pairs).encode()
    if pca:
        yield pca.read_bytes()
