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
    """Title and artist of the performance, by the names that the metadata has."""
    seconds: pd.Series = field(default_factory=lambda: pd.Series(dtype=float, index=_index([])))
    places: dict[Name, tuple[Path, int]] = field(default_factory=dict)
    """The shard of frames that a song is in, and where there."""
    rate: float = 0.0
    """Frames per second of these."""

    def known_title(self, song: Name) -> str:
        """Its title; empty where it has none. A song of a work with another name is called <work>/<performance>."""
        work, _, performance = song[1].partition("/")
        return self.titles.get(song) or self.titles.get((work, performance), "")

    def title(self, song: Name) -> str:
        """Its title, or its names where it has none."""
        return self.known_title(song) or " / ".join(song)

    def frames(self, song: Name) -> np.ndarray | None:
        """Its frames (12, T); None where they are not known."""
        if song not in self.places:
            return None
        path, place = self.places[song]
        return next(iter(frames.read(path).frames([place])))


def read(metadata: Iterable[Path], shards: Iterable[Path], wanted: set[Name]) -> Songs:
    """The songs of metadata files and of shards of frames; frames are looked at for those that are `wanted`."""
    songs = Songs(titles=_titles(metadata))
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


def _titles(files: Iterable[Path]) -> dict[Name, str]:
    return {
        name: " · ".join(filter(None, (song.performance_title or song.work_title, song.performance_artist)))
        for file in files
        for name, song in titles.read(file).items()
    }
