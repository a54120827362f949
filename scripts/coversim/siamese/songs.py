"""The songs that a training sees, from the shards of frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from coversim.dataset.splits import in_share
from coversim.siamese.kinds import KINDS
from coversim.siamese.sampling import Pair
from coversim.storage import frames, parquet, tsv


@dataclass(frozen=True)
class Songs:
    """Songs in memory: frames (C, 12, T_i) float32 and the work of each."""

    frames: list[Tensor]
    works: list[str]


def load_songs(
    settings: dict, shards: Sequence[Path], catalogue: Path, pair_table: Path | None
) -> tuple[Songs, Songs, list[Pair]]:
    """Training songs, validation songs, and pairs as indices into the training songs."""
    split = {song["performance"]: song["split"] for song in tsv.read(catalogue)}
    chosen = settings["train"]
    needed = KINDS[settings["model"]["kind"]].sees(chosen["epochs"])
    wanted = {performance for performance, name in split.items() if name in needed}
    songs = {"train": Songs([], []), "valid": Songs([], [])}
    place = {}
    for song in frames.songs(shards, wanted):
        if split[song.performance] == "train" and not in_share(song.work, chosen["works"]):
            continue
        of = songs[split[song.performance]]
        place[song.performance] = len(of.works)
        of.frames.append(torch.from_numpy(song.frames))
        of.works.append(song.work)
    pairs = []
    if pair_table:
        table = parquet.read(pair_table, ["performance_a", "performance_b", "label"]).to_pydict()
        pairs = [
            (place[a], place[b], label)
            for a, b, label in zip(*table.values(), strict=True)
            if a in place and b in place
        ]
    return songs["train"], songs["valid"], pairs


def contents(training: Songs, validation: Songs, pairs: list[Pair], pca: Path | None) -> Iterator[bytes]:
    """What a training sees; what other songs are in the shards, and what files are called, does not count."""
    for songs in (training, validation):
        yield repr(
            [(work, frames.shape) for work, frames in zip(songs.works, songs.frames, strict=True)]
        ).encode()
        yield from (frames.numpy().tobytes() for frames in songs.frames)
    yield repr(pairs).encode()
    if pca:
        yield pca.read_bytes()
