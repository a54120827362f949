"""Pairs of songs straight from the files of Da-TACOS, for notebooks and experiments outside the workflow."""

import os
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from coversim.dataset.da_tacos import recognise, walk
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.frame_rate import step
from coversim.dataset.labels import COVER, NON_COVER
from coversim.dataset.pairs import cover_pairs, non_cover_pairs
from coversim.dataset.reader import read_feature
from coversim.errors import BadSong, CoversimError
from coversim.features.downsampling import downsample

_NAMES = {"root": "data_dir", "subset": "subset", "layout": "layout", "features": "feature"}


class DaTacosPairs(Dataset):
    """All cover pairs of a data set, then as many non-cover pairs; one pair in memory at a time.

    Items are (song 1, song 2, label): songs are one feature's frames (rows, T) float32, first pitch class C, or
    what `transform` makes of them; the label is 0 for covers and 1 for non-covers. T differs from song to song:
    for batches, songs are made equally long.

        pairs = DaTacosPairs("/data/da-tacos", transform=Downsample("crema", frames=256))
        batches = torch.utils.data.DataLoader(pairs, batch_size=64, shuffle=True)
        for song_1, song_2, label in batches:  # (64, 12, 256), (64, 12, 256), (64,)
            ...

    Parameters
    ----------
    data_dir : path
        Folder that holds da-tacos_<subset>_subset_…, in either layout.
    transform : callable, optional
        Applied to each song.
    feature : str
        crema, hpcp, cens or mfcc.
    subset, layout : str, optional
        Needed only where `data_dir` holds several; the layout is per-feature or single.
    seed : int
        Draws the non-cover pairs.
    on_bad_song : str
        What an item does whose song cannot be read: raise BadSong, or skip to the next pair of the same label,
        with a warning.

    Raises
    ------
    CoversimError
        If `data_dir` is no such data set, or one without pairs.

    Warns
    -----
    UserWarning
        Of songs that cannot be used, and of works with one song only, which are in no cover pair.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike,
        transform: Callable[[Tensor], Tensor] | None = None,
        feature: str = "crema",
        subset: str | None = None,
        layout: str | None = None,
        seed: int = 0,
        on_bad_song: Literal["raise", "skip"] = "raise",
    ):
        if on_bad_song not in ("raise", "skip"):
            raise CoversimError(f"on_bad_song is {on_bad_song!r}. Remedy: set it to 'raise' or 'skip'")
        self.data_dir, self.transform, self.feature = Path(data_dir), transform, feature
        self.on_bad_song = on_bad_song
        songs, problems = walk(data_dir, recognise(data_dir, subset, layout, [feature], names=_NAMES))
        self.files = {(song.work, song.performance): song.files[feature].path for song in songs}
        sizes = Counter(work for work, _ in self.files)
        covers = cover_pairs(list(self.files))
        if not covers or len(sizes) < 2:
            raise CoversimError(
                f"{data_dir}: {len(covers)} cover pairs in {len(sizes)} works. Remedy: set data_dir to a data set of "
                "two works or more, one of which has two songs"
            )
        non_covers = non_cover_pairs(list(self.files), covers, seed)
        self.pairs = [(*pair, COVER) for pair in covers] + [(*pair, NON_COVER) for pair in non_covers]
        _warn(data_dir, "songs or works cannot be used", [problem.reason for problem in problems])
        _warn(data_dir, "works have no cover pair", [work for work, size in sizes.items() if size == 1])

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor, int]:
        place, half = range(len(self))[place], len(self) // 2
        start = place // half * half  # of the pairs of this label
        for further in range(half):
            first, second, label = self.pairs[start + (place + further) % half]
            try:
                return self._song(*first), self._song(*second), label
            except BadSong as bad:
                if self.on_bad_song == "raise":
                    raise
                warnings.warn(f"{self.data_dir}: a pair is skipped: {bad}", stacklevel=2)
        raise CoversimError(
            f"{self.data_dir}: no pair of label {label} can be read. Remedy: see the warnings, song by song"
        )

    def _song(self, work: str, performance: str) -> Tensor:
        path = self.data_dir / self.files[work, performance]
        song = torch.from_numpy(read_feature(path, self.feature, work, performance).values)
        return self.transform(song) if self.transform else song


def _warn(data_dir: str | os.PathLike, what: str, which: list[str]) -> None:
    if which:
        first = ", ".join(which[:3]) + ", …" * (len(which) > 3)
        warnings.warn(f"{data_dir}: {len(which)} {what}: {first}", stacklevel=3)


@dataclass(frozen=True)
class Downsample:
    """(rows, T) → (rows, T'): low-pass and resample a feature to a `rate` in Hz or a number of `frames`.

    `frame_rate` is that of the files, in Hz.
    """

    feature: str
    rate: float | None = None
    frames: int | None = None
    frame_rate: float = FRAME_RATE

    def __call__(self, song: Tensor) -> Tensor:
        feature = FEATURES[self.feature]
        frames = downsample(
            song.numpy(),
            self.frame_rate,
            rate=self.rate,
            frames=self.frames,
            hold=step(feature, self.frame_rate),
            non_negative=feature.non_negative,
        )
        return torch.from_numpy(frames)
