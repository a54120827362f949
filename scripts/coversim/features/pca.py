"""Exact principal component analysis of patches that never are in memory together.

Each shard gives the moments of its patches: how many, their mean, and their scatter matrix about that mean,
in float64. Moments merge exactly (Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for
computing sample variances"), so the components are those of all patches at once, in whatever order they came.

A scatter matrix has D² numbers for patches of D values, however few patches there are. So up to D / 2 patches are
kept as they are instead, and their components come from the matrix of their products with each other. To gather
moments and to merge them takes at most 12 D² bytes: 8 are the scatter, 2 patches of float32, 4 the scatter in a file.

The patches of one source, a data set, weigh the same. Of several sources each weighs the same as a whole, however many
patches it has: the components are those of an equal mixture of their distributions.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import eigh, qr
from scipy.linalg.blas import dsyr, dsyrk

from coversim.errors import CoversimError
from coversim.storage import npz

ROUNDING = 1e-10  # share of the largest variance; below it lies but the rounding of float32 patches
JOINED = 64  # batches of fewer than D / 64 patches are joined: to sum one goes over all D² numbers
COLUMNS = 256  # values of all patches held in float64 at a time


class Moments:
    """Count, mean (D,) and scatter of patches (n, D), or the patches themselves while they are at most D / 2."""

    def __init__(self, size: int):
        self.size = size
        self.patches: list[np.ndarray] = []  # those that are not summed
        self.summed: float = 0  # how many are, or the sum of their weights
        self.mean = np.zeros(size)  # of those that are
        self.scatter: np.ndarray | None = None  # the same; (D, D), only its lower triangle is kept up to date

    @property
    def count(self) -> float:
        return self.summed + sum(map(len, self.patches))

    def add(self, patches: np.ndarray) -> None:
        """Take in patches (N, D) of any float type; they may be kept, so they must not change afterwards."""
        if len(patches):
            self.patches.append(patches)
            if self.count - self.summed > self.size // 2:
                self.sum_up()

    def sum_up(self) -> np.ndarray:
        """Move all patches into the scatter, and return it."""
        if self.scatter is None:
            # BLAS updates a Fortran array in place
            self.scatter = np.zeros((self.size, self.size), order="F")
        for patches in _joined(self.patches, self.size // JOINED):
            self._sum(patches, 1)
        return self.scatter

    def _sum(self, patches: np.ndarray, weight: float) -> None:
        mean = patches.mean(axis=0, dtype=np.float64)
        deviations = patches - mean
        self.scatter = dsyrk(weight, deviations.T, beta=1.0, c=self.scatter, lower=1, overwrite_c=1)
        self._move(weight * len(patches), mean)

    def merge(self, path: Path | str, weight: float = 1) -> None:
        """Take in moments that `save` wrote, as if their patches had been added here, each of this weight."""
        count, mean, triangle, patches = npz.read(path, "count", "mean", "triangle", "patches")
        if mean.size != self.size:
            raise CoversimError(
                f"{path}: moments of patches of {mean.size} values cannot be merged with those of {self.size}. "
                "Remedy: delete the pca folder of the results and run again"
            )
        if count:
            scatter = self.sum_up()
            for row, column in enumerate(_columns(triangle, self.size)):
                scatter[row:, row] += weight * column
            self._move(weight * int(count), mean)
        step = max(1, self.size // JOINED)
        for start in range(0, len(patches), step):
            if weight == 1:
                self.add(patches[start : start + step])
            else:
                self.sum_up()
                self._sum(patches[start : start + step], weight)

    def _move(self, count: float, mean: np.ndarray) -> None:
        """Refer the scatter, to which that of patches of weight `count` was added, to the mean of both."""
        total = self.summed + count
        shift = mean - self.mean
        weight = self.summed * count / total
        self.scatter = dsyr(weight, shift, a=self.scatter, lower=1, overwrite_a=1)
        self.mean += shift * (count / total)
        self.summed = total

    def save(self, path: Path | str) -> None:
        """Write the moments to an .npz file, the scatter's lower triangle column by column; they are used up."""
        triangle = np.empty(0)
        if self.scatter is not None:
            scatter = self.sum_up()
            triangle = scatter.reshape(-1, order="F")  # the same memory: a copy would be the peak
            triangle = triangle[: self.size * (self.size + 1) // 2]
            for row, column in enumerate(_columns(triangle, self.size)):
                column[:] = scatter[row:, row]
        patches = np.concatenate(self.patches) if self.patches else np.empty((0, self.size), np.float32)
        npz.write(path, count=self.summed, mean=self.mean, triangle=triangle, patches=patches)

    @classmethod
    def load(cls, path: Path | str) -> "Moments":
        """Read what `save` wrote."""
        (mean,) = npz.read(path, "mean")
        moments = cls(mean.size)
        moments.merge(path)
        return moments


def merged(paths: Sequence[Path]) -> Moments:
    """The moments of all shards of all sources, files `…/<source>/<shard>.npz`; sources weigh the same."""
    counts: dict[str, int] = defaultdict(int)
    for path in paths:
        summed, mean, patches = npz.read(path, "count", "mean", "patches")
        counts[path.parent.name] += int(summed) + len(patches)
    each = sum(counts.values()) / max(1, sum(count > 0 for count in counts.values()))
    moments = Moments(mean.size)
    for path in paths:
        if counts[path.parent.name]:
            moments.merge(path, each / counts[path.parent.name])
    return moments


@dataclass(frozen=True)
class Projection:
    """A fitted PCA: `mean` (D,), orthonormal `components` (K, D), their `variance` (K,), largest first."""

    mean: np.ndarray
    components: np.ndarray
    variance: np.ndarray

    def save(self, path: Path | str) -> None:
        """Write the projection to an .npz file."""
        npz.write(path, mean=self.mean, components=self.components, variance=self.variance)

    @classmethod
    def load(cls, path: Path | str) -> "Projection":
        """Read what `save` wrote."""
        return cls(*npz.read(path, "mean", "components", "variance"))


def principal_components(moments: Moments, wanted: int) -> Projection:
    """The `wanted` directions of largest variance; `moments` is used up.

    Each component's entry of largest magnitude is positive, which makes the result unique. Where the patches
    span fewer dimensions than wanted, there are only that many components, and the log says so.
    """
    count, size = round(moments.count), moments.size
    if count < 2:
        raise CoversimError(
            f"{count} training patches: a PCA needs at least 2. "
            "Remedy: give the training split more songs (split) or look into set_aside.tsv"
        )
    few = moments.scatter is None
    matrix = _products(moments.patches) if few else moments.sum_up()
    asked = min(wanted, size, count - 1)
    variance, vectors = eigh(
        matrix, lower=True, subset_by_index=(len(matrix) - asked, len(matrix) - 1), overwrite_a=True
    )
    variance = variance[::-1] / (count - 1)
    spanned = int(np.sum(variance > variance[0] * ROUNDING))
    if spanned == 0:
        raise CoversimError(
            "all training patches are equal. Remedy: check the features' files: are they silent?"
        )
    if spanned < wanted:
        logging.warning(
            "PCA of %d components instead of %d: the %d training patches of %d values span no more",
            spanned, wanted, count, size,
        )  # fmt: skip
    vectors = vectors[:, ::-1][:, :spanned]
    if few:
        mean, components = _directions(moments.patches, vectors)
    else:
        mean, components = moments.mean, vectors.T
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return Projection(mean, components * np.sign(largest), variance[:spanned])


def _products(patches: list[np.ndarray]) -> np.ndarray:
    """Products of the patches, less their mean, with each other (n, n), lower triangle; they have the scatter's eigenvalues."""
    count = sum(map(len, patches))
    products = np.zeros((count, count), order="F")
    for _, _, deviations in _deviations(patches):
        products = dsyrk(1.0, deviations.T, beta=1.0, c=products, trans=1, lower=1, overwrite_c=1)
    return products


def _directions(patches: list[np.ndarray], vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (D,) of the patches, and the scatter's eigenvectors (K, D) from those of the products (n, K)."""
    size = patches[0].shape[1]
    mean, directions = np.empty(size), np.empty((size, vectors.shape[1]))
    for columns, mean_here, deviations in _deviations(patches):
        mean[columns] = mean_here
        directions[columns] = deviations.T @ vectors
    return mean, qr(directions, mode="economic", overwrite_a=True)[0].T  # rounding leaves small ones oblique


def _deviations(patches: list[np.ndarray]) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Some columns at a time: their slice, their means, and all patches less these, in float64."""
    for start in range(0, patches[0].shape[1], COLUMNS):
        columns = slice(start, start + COLUMNS)
        values = np.concatenate([batch[:, columns] for batch in patches], dtype=np.float64)
        mean = values.mean(axis=0)
        yield columns, mean, values - mean


def _joined(batches: list[np.ndarray], least: int) -> Iterator[np.ndarray]:
    """The patches of `batches`, which this empties, at least `least` at a time while there are so many."""
    waiting: list[np.ndarray] = []
    while batches:
        waiting.append(batches.pop(0))
        if not batches or sum(map(len, waiting)) >= least:
            yield np.concatenate(waiting)
            waiting = []


def _columns(triangle: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """The columns, from the diagonal down, of a lower triangle."""
    stop = 0
    for row in range(size):
        start, stop = stop, stop + size - row
        yield triangle[start:stop]
