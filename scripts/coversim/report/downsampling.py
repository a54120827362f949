"""A song before and after its downsampling."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coversim.dataset.reader import read_feature
from coversim.errors import BadSong, CoversimError
from coversim.features.shard import listed, located
from coversim.report.pictures import Picture, shades
from coversim.report.songs import Name, Songs
from coversim.storage import frames, json_files

SECONDS = 30.0  # of the song that are shown


@dataclass
class Downsampled:
    """The beginning of a song."""

    song: Name
    title: str
    feature: str
    seconds: float  # that are shown
    rates: tuple[float, float]  # frames per second, before and after
    sizes: tuple[int, int]  # frames of the whole song
    pictures: tuple[Picture, Picture]


def downsampled(shards: Sequence[Path], summaries: Sequence[Path], songs: Songs) -> Downsampled | None:
    """The first song that can still be read from its data set; None where there is none.

    `shards` of frames are `fft/{dataset}/{frames}/{shard}.h5`; `summaries` are `catalogue/{dataset}/summary.json`.
    """
    catalogue = {path.parent.name: path for path in summaries}
    for path in shards:
        shard = frames.read(path)
        summary = catalogue.get(path.parents[1].name)
        if summary is None or not shard.rate or not shard.works:
            continue
        manifest = summary.parent / "manifests" / shard.feature / f"{path.stem}.tsv"
        try:
            root = os.path.realpath(json_files.read(summary)["root"])
            files = {(work, performance): file for work, performance, file in listed(manifest)}
            song = shard.songs[0]
            before = read_feature(located(root, files[song], shard.feature), shard.feature, *song).values
        except (BadSong, CoversimError, OSError, KeyError):
            continue
        after = next(iter(shard.frames([0])))
        whole = after.shape[1] / shard.rate
        seconds = min(SECONDS, whole)
        rates = before.shape[1] / whole, shard.rate
        pictures = [
            shades(
                values[:, : max(1, round(seconds * rate))],
                f"Chromagram of {songs.title(song)}, {said} downsampling",
            )
            for values, rate, said in zip((before, after), rates, ("before", "after"), strict=True)
        ]
        return Downsampled(
            song,
            songs.title(song),
            shard.feature,
            seconds,
            rates,
            (before.shape[1], after.shape[1]),
            (pictures[0], pictures[1]),
        )
    return None
