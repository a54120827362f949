"""Pairs of songs straight from the files of Da-TACOS, for notebooks and experiments outside the workflow.

pairs = DaTacosPairs("da-tacos", transform=Compose([Downsample("crema", frames=256), Project("pca-128.npz")]))
loader = torch.utils.data.DataLoader(pairs, batch_size=64, shuffle=True)
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from coversim.features import FEATURES, FRAME_RATE
from coversim.fft import downsample
from coversim.labels import COVER, NON_COVER
from coversim.layout import recognise, walk
from coversim.moments import Projection
from coversim.pairs import cover_pairs, non_cover_pairs
from coversim.reading import read_feature


class DaTacosPairs(Dataset):
    """All cover pairs of a data set, then as many non-cover pairs; one pair in memory at a time.

    Items are (song 1, song 2, label): songs are one feature's frames (rows, T) float32, first pitch class C, or
    what `transform` makes of them; the label is 0 for covers and 1 for non-covers.

    Parameters
    ----------
    data_dir : path
        Folder that holds da-tacos_<subset>_subset_…, in either layout.
    transform : callable, optional
        Applied to each song.
    feature : str
        crema, hpcp, cens or mfcc.
    subset : str, optional
        Needed only where `data_dir` holds several.
    seed : int
        Draws the non-cover pairs.

    Raises
    ------
    CoversimError
        If `data_dir` is no such data set, or, from an item, if a song cannot be read (BadSong).
    """

    def __init__(
        self,
        data_dir: str | os.PathLike,
        transform: Callable[[Tensor], Tensor] | None = None,
        feature: str = "crema",
        subset: str | None = None,
        seed: int = 0,
    ):
        self.data_dir, self.transform, self.feature = Path(data_dir), transform, feature
        songs, _ = walk(data_dir, recognise(data_dir, subset, features=[feature], key="data_dir"))
        self.files = {(song.work, song.performance): song.files[feature].path for song in songs}
        covers = cover_pairs(list(self.files))
        non_covers = non_cover_pairs(list(self.files), covers, seed)
        self.pairs = [(*pair, COVER) for pair in covers] + [(*pair, NON_COVER) for pair in non_covers]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor, int]:
        first, second, label = self.pairs[place]
        return self._song(*first), self._song(*second), label

    def _song(self, work: str, performance: str) -> Tensor:
        path = self.data_dir / self.files[work, performance]
        song = torch.from_numpy(read_feature(path, self.feature, work, performance).values)
        return self.transform(song) if self.transform else song


@dataclass(frozen=True)
class Compose:
    """One transform after the other."""

    transforms: Sequence[Callable[[Tensor], Tensor]]

    def __call__(self, song: Tensor) -> Tensor:
        for transform in self.transforms:
            song = transform(song)
        return song


@dataclass(frozen=True)
class Downsample:
    """(rows, T) → (rows, T'): low-pass and resample a feature to a `rate` in Hz or a number of `frames`."""

    feature: str
    rate: float | None = None
    frames: int | None = None

    def __call__(self, song: Tensor) -> Tensor:
        feature = FEATURES[self.feature]
        frames = downsample(
            song.numpy(),
            FRAME_RATE,
            rate=self.rate,
            frames=self.frames,
            hold=feature.hold,
            non_negative=feature.non_negative,
        )
        return torch.from_numpy(frames)


@dataclass(frozen=True)
class Project:
    """(rows, T) of a fixed T → (K,): the PCA that the rule `pca` wrote for representation `flat`."""

    path: str | os.PathLike
    whiten: bool = False

    def __call__(self, song: Tensor) -> Tensor:
        mean, matrix = self._fitted
        return (song.flatten() - mean) @ matrix

    @cached_property
    def _fitted(self) -> tuple[Tensor, Tensor]:
        pca = Projection.load(self.path)
        matrix = pca.components.T * (pca.variance**-0.5 if self.whiten else 1)
        return torch.from_numpy(pca.mean).float(), torch.from_numpy(matrix).float()
