"""Exact principal component analysis of patches that never are in memory together.

Each shard gives the moments of its patches: how many, their mean, and their scatter matrix about that mean,
in float64. Moments merge exactly (Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for
computing sample variances"), so the components are those of all patches at once, in whatever order they came.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.blas import dsyr, dsyrk

from coversim.atomic import replacing
from coversim.errors import CoversimError

ROUNDING = 1e-10  # share of the largest variance; below it lies but the rounding of float32 patches


class Moments:
    """Count, mean (D,) and scatter (D, D) of patches; only the scatter's lower triangle is kept up to date."""

    def __init__(self, size: int):
        self.count = 0
        self.mean = np.zeros(size)
        self.scatter = np.zeros((size, size), order="F")  # BLAS updates a Fortran array in place

    def add(self, patches: np.ndarray) -> None:
        """Take in patches (N, D) of any float type."""
        if len(patches):
            mean = patches.mean(axis=0, dtype=np.float64)
            deviations = patches - mean
            self.scatter = dsyrk(1.0, deviations.T, beta=1.0, c=self.scatter, lower=1, overwrite_c=1)
            self._move(len(patches), mean)

    def merge(self, other: "Moments") -> None:
        """Take in the moments of other patches, as if these had been added here; `other` is used up."""
        if other.mean.shape != self.mean.shape:
            raise CoversimError(
                f"moments of patches of {other.mean.size} and of {self.mean.size} values cannot be merged. "
                "Remedy: delete the pca folder of the results and run again"
            )
        if other.count:
            self.scatter += other.scatter
            self._move(other.count, other.mean)

    def _move(self, count: int, mean: np.ndarray) -> None:
        """Refer the scatter, to which that of `count` patches was added, to the mean of both."""
        total = self.count + count
        shift = mean - self.mean
        weight = self.count * count / total
        self.scatter = dsyr(weight, shift, a=self.scatter, lower=1, overwrite_a=1)
        self.mean += shift * (count / total)
        self.count = total

    def save(self, path: Path | str) -> None:
        """Write the moments to an .npz file, the scatter's lower triangle column by column; they are used up."""
        packed, stop = self.scatter.reshape(-1, order="F"), 0  # the same memory: a copy would be the peak
        for row in range(self.mean.size):
            start, stop = stop, stop + self.mean.size - row
            packed[start:stop] = self.scatter[row:, row]
        triangle = packed[:stop]
        with replacing(path) as temporary, Path(temporary).open("wb") as file:
            np.savez(file, count=self.count, mean=self.mean, triangle=triangle)

    @classmethod
    def load(cls, path: Path | str) -> "Moments":
        """Read what `save` wrote."""
        count, mean, triangle = _read(path, "count", "mean", "triangle")
        moments = cls(mean.size)
        moments.count, moments.mean = int(count), mean
        start = 0
        for row in range(moments.mean.size):
            stop = start + moments.mean.size - row
            moments.scatter[row:, row] = triangle[start:stop]
            start = stop
        return moments


@dataclass(frozen=True)
class Projection:
    """A fitted PCA: `mean` (D,), orthonormal `components` (K, D), their `variance` (K,), largest first."""

    mean: np.ndarray
    components: np.ndarray
    variance: np.ndarray

    def save(self, path: Path | str) -> None:
        """Write the projection to an .npz file."""
        with replacing(path) as temporary, Path(temporary).open("wb") as file:
            np.savez(file, mean=self.mean, components=self.components, variance=self.variance)

    @classmethod
    def load(cls, path: Path | str) -> "Projection":
        """Read what `save` wrote."""
        return cls(*_read(path, "mean", "components", "variance"))


def principal_components(moments: Moments, wanted: int) -> Projection:
    """The `wanted` directions of largest variance; `moments` is used up.

    Each component's entry of largest magnitude is positive, which makes the result unique. Where the patches
    span fewer dimensions than wanted, there are only that many components, and the log says so.
    """
    if moments.count < 2:
        raise CoversimError(
            f"{moments.count} training patches: a PCA needs at least 2. "
            "Remedy: give the training split more songs (split) or look into set_aside.tsv"
        )
    size = moments.mean.size
    asked = min(wanted, size, moments.count - 1)
    variance, vectors = eigh(
        moments.scatter, lower=True, subset_by_index=(size - asked, size - 1), overwrite_a=True
    )
    variance = variance[::-1] / (moments.count - 1)
    components = vectors.T[::-1]
    spanned = int(np.sum(variance > variance[0] * ROUNDING))
    if spanned == 0:
        raise CoversimError(
            "all training patches are equal. Remedy: check the features' files: are they silent?"
        )
    if spanned < wanted:
        logging.warning(
            "PCA of %d components instead of %d: the %d training patches of %d values span no more",
            spanned, wanted, moments.count, size,
        )  # fmt: skip
    components = components[:spanned]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return Projection(moments.mean, components * np.sign(largest), variance[:spanned])


def _read(path: Path | str, *names: str) -> list[np.ndarray]:
    """The named arrays of an .npz file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (ValueError, OSError, EOFError, KeyError, BadZipFile) as error:
        raise CoversimError(
            f"{path}: not readable as .npz ({error}). Remedy: delete it; the next run makes it anew"
        ) from error
