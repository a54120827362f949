"""From patches to a few real numbers each, in a way that commutes with transposition.

A principal component analysis, or a discriminant analysis, of each order of the patches by itself. Their second
moments are sums, so those of a source merge exactly over its shards, in whatever order they come; sources weigh
the same, however large they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.linalg import eigh

from coversim.errors import CoversimError
from coversim.sequences.patches import ORDERS, WINDOW, phases, unit
from coversim.storage import npz

SIZE = 64  # real numbers of a vector
REAL_ORDERS = (0, ORDERS - 1)  # their values are real numbers
RIDGE = 3  # of the mean variance within works, added to both sides of the discriminant analysis
ROUNDING = 1e-6  # share of the largest second moment; below it lies but the rounding of float32 patches


class SecondMoments:
    """Weight, and sum over patches of z zᴴ for each order, (7, F, F), of one source."""

    def __init__(self, size: int):
        self.weight = 0.0
        self.sums = np.zeros((ORDERS, size, size), np.complex128)

    def add(self, patches: np.ndarray, weight: float = 1) -> None:
        """Take in patches (L, 7, F), each of this weight; silent ones do not count."""
        heard = (
            patches[np.abs(patches).max(axis=(1, 2), initial=0) > 0].transpose(1, 2, 0).astype(np.complex128)
        )
        self.sums += weight * (heard @ heard.conj().transpose(0, 2, 1))
        self.weight += weight * heard.shape[2]

    def merge(self, other: "SecondMoments") -> None:
        """Take in the moments of other patches, as if these had been added here."""
        if other.sums.shape != self.sums.shape:
            raise CoversimError(
                f"moments of patches of {other.sums.shape[1]} and of {self.sums.shape[1]} values cannot be merged. "
                "Remedy: delete the folder sequences of the results and run again"
            )
        self.weight += other.weight
        self.sums += other.sums

    def mean(self) -> np.ndarray:
        """The second moment of a patch for each order, (7, F, F); those of real values are real."""
        if not self.weight:
            raise CoversimError(
                "a source without patches that sound. Remedy: check its features' files: are they silent?"
            )
        mean = self.sums / self.weight
        mean[list(REAL_ORDERS)] = mean[list(REAL_ORDERS)].real
        return mean

    def save(self, path: Path | str) -> None:
        """Write the moments to an .npz file."""
        npz.write(path, weight=self.weight, sums=self.sums)

    @classmethod
    def load(cls, path: Path | str) -> "SecondMoments":
        """Read what `save` wrote."""
        weight, sums = npz.read(path, "weight", "sums")
        moments = cls(sums.shape[1])
        moments.weight, moments.sums = float(weight), sums
        return moments


class PatchEncoder(Protocol):
    """What makes vectors of patches: a Projection, or a network that adds to one."""

    @property
    def orders(self) -> np.ndarray:
        """Of the components, (K,)."""

    @property
    def size(self) -> int:
        """Real numbers of a vector."""

    @property
    def channels(self) -> int:
        """Features of the frames."""

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Vectors (L, size) float32 at unit length, of patches (L, 7, F); of silence, zero."""

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""


@dataclass(frozen=True)
class Projection:
    """Components (K, F), complex, and the order of the patches, (K,), that each one belongs to, ascending."""

    orders: np.ndarray
    components: np.ndarray

    @property
    def size(self) -> int:
        """Real numbers of a vector: one of a component of a real order, two of another."""
        return real_numbers(self.orders)

    @property
    def channels(self) -> int:
        """Features of the frames."""
        return self.components.shape[1] // WINDOW

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Vectors (L, size) float32 at unit length, of patches (L, 7, F); of silence, zero."""
        values = np.empty((len(patches), len(self.orders)), np.complex64)
        for order in np.unique(self.orders):
            own = self.orders == order
            values[:, own] = patches[:, order] @ self.components[own].conj().T
        return unit(as_real(values, self.orders))

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {"orders": self.orders, "components": self.components}

    def save(self, path: Path | str) -> None:
        """Write the projection to an .npz file."""
        npz.write(path, **self.arrays())

    @classmethod
    def load(cls, path: Path | str) -> "Projection":
        """Read what `save` wrote."""
        return cls(*npz.read(path, "orders", "components"))


def real_numbers(orders: np.ndarray) -> int:
    """How many real numbers a vector of a projection with these orders has."""
    return len(orders) + int(_complex(orders).sum())


def as_complex(vectors: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Vectors (…, size) of a projection with these orders as complex numbers, one for each component (…, K)."""
    values = vectors[..., : len(orders)].astype(np.complex64)
    values[..., _complex(orders)] += 1j * vectors[..., len(orders) :]
    return values


def transpose(vectors: np.ndarray, orders: np.ndarray, semitones: int | np.ndarray) -> np.ndarray:
    """Vectors (L, size) of a projection with these orders, of the song played `semitones` higher; of several, (S, L, size)."""
    return as_real(as_complex(vectors, orders) * phases(orders, semitones)[..., None, :], orders)


def as_real(values: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Complex numbers (…, K), one for each component, as vectors (…, size): what `as_complex` undoes."""
    return np.concatenate([values.real, values.imag[..., _complex(orders)]], axis=-1)


def principal_components(sources: Sequence[SecondMoments], size: int) -> Projection:
    """The directions of largest second moment, of all orders together, that make up to `size` real numbers.

    Their values are scaled to a second moment of 1. Sources weigh the same.
    """
    total = _balanced(sources)
    found = []
    for order in range(ORDERS):
        moments, vectors = np.linalg.eigh(_of_order(total, order))
        found += [(moment, order, vector / np.sqrt(moment)) for moment, vector in zip(moments, vectors.T, strict=True)
                  if moment > ROUNDING * np.abs(total).max()]  # fmt: skip
    return _best(found, size)


def discriminants(total: Sequence[SecondMoments], within: Sequence[SecondMoments], size: int) -> Projection:
    """The directions that differ most between patches, for what they differ within works; up to `size` real numbers.

    Parameters
    ----------
    total : moments of the patches of each source
    within : of each source, moments of the differences, over √2, of patches that the same music makes; a source without
        such patches does not count
    """
    within = [source for source in within if source.weight]
    if not within:
        raise CoversimError(
            "no two covers to train with align, so there is nothing to learn from them. Remedy: give the training split "
            "more covers (split), or choose model.kind: sequence_pca, which learns without any"
        )
    of_all, of_works = _balanced(total), _balanced(within)
    variance = np.mean([np.trace(of_works[order]).real for order in range(1, ORDERS)]) / of_works.shape[1]
    ridge = RIDGE * variance * np.eye(of_works.shape[1])
    found = []
    for order in range(ORDERS):
        ratios, vectors = eigh(_of_order(of_all, order) + ridge, _of_order(of_works, order) + ridge)
        found += [(ratio, order, vector) for ratio, vector in zip(ratios, vectors.T, strict=True)]
    return _best(found, size)


def _balanced(sources: Sequence[SecondMoments]) -> np.ndarray:
    return np.mean([source.mean() for source in sources], axis=0)


def _of_order(moments: np.ndarray, order: int) -> np.ndarray:
    return moments[order].real if order in REAL_ORDERS else moments[order]


def _best(found: list[tuple[float, int, np.ndarray]], size: int) -> Projection:
    """Of directions with their worth and order those worth most, as long as they fit into `size` real numbers.

    Each direction's entry of largest magnitude is positive, which makes the result unique.
    """
    chosen, room = [], size
    for _, order, vector in sorted(found, key=lambda direction: -direction[0]):
        numbers = 1 if order in REAL_ORDERS else 2
        if numbers <= room:
            chosen.append((order, vector))
            room -= numbers
    chosen.sort(key=lambda direction: direction[0])
    orders = np.array([order for order, _ in chosen], np.int64)
    components = np.array([vector for _, vector in chosen], np.complex64)
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return Projection(orders, components * (largest.conj() / np.abs(largest)))


def _complex(orders: np.ndarray) -> np.ndarray:
    return (orders != REAL_ORDERS[0]) & (orders != REAL_ORDERS[1])
