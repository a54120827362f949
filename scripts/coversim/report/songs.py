"""What the report knows of single songs: titles, and from their frames the length."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from coversim.dataset import titles
from coversim.storage import frames

Name = tuple[str, str]  # work and performance


@dataclass
class Songs:
    """By work and performance."""

    titles: dict[Name, str] = field(default_factory=dict)
    """Title and artist of the performance."""
    seconds: pd.Series = field(default_factory=lambda: pd.Series(dtype=float, index=_index([])))
    places: dict[Name, tuple[Path, int]] = field(default_factory=dict)
    """The shard of frames that a song is in, and where there."""
    rate: float = 0.0
    """Frames per second of these."""

    def title(self, song: Name) -> str:
        """Its title, or its names where it has none."""
        return self.titles.get(song) or " / ".join(song)

    def frames(self, song: Name) -> np.ndarray | None:
        """Its frames (12, T); None where they are not known."""
        if song not in self.places:
            return None
        path, place = self.places[song]
        return next(iter(frames.read(path).frames([place])))


def read(metadata: Iterable[Path], shards: Iterable[Path], wanted: set[Name]) -> Songs:
    """The songs of metadata files and of shards of frames; frames are looked at for those that are `wanted`."""
    songs = Songs(titles=_titles(metadata, wanted))
    names, seconds = [], []
    for path in shards:
        shard = frames.read(path)
        if not shard.rate:
            continue
        songs.rate = shard.rate
        listed = shard.songs
        places = [place for place, song in enumerate(listed) if song in wanted and song not in songs.places]
        for place, values in zip(places, shard.frames(places), strict=True):
            song = listed[place]
            songs.places[song] = (path, place)
            names.append(song)
            seconds.append(values.shape[1] / shard.rate)
    songs.seconds = pd.Series(seconds, dtype=float, index=_index(names))
    return songs


def _index(names: Sequence[Name]) -> pd.MultiIndex:
    works, performances = zip(*names, strict=True) if names else ((), ())
    return pd.MultiIndex.from_arrays([list(works), list(performances)], names=["work", "performance"])


def _titles(files: Iterable[Path], wanted: set[Name]) -> dict[Name, str]:
    found = {
        name: " · ".join(filter(None, (song.performance_title or song.work_title, song.performance_artist)))
        for file in files
        for name, song in titles.read(file).items()
    }
    # songs of works that have another name (`same_works`) are called <work>/<performance>
    own_names = {song: tuple(song[1].split("/", 1)) for song in wanted - found.keys() if "/" in song[1]}
    return found | {song: found[own] for song, own in own_names.items() if own in found}
