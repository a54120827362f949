"""The points nearest to some, of points in memory: each is looked at."""

import numpy as np


class Points:
    """Points (N, E) float32, among which others are sought."""

    def __init__(self, points: np.ndarray):
        self.points = points
        self.squares = np.einsum("ne,ne->n", points, points)

    def nearest(self, sought: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the `count` points nearest to any of `sought` (P, E), the nearest first, and their distances.

        One matrix product tells which may be among them, and differences decide: exact, also where points are equal.
        """
        count = min(count, len(self.points))
        own = np.einsum("pe,pe->p", sought, sought)
        squared = self.points @ sought.T
        squared *= -2
        squared += self.squares[:, None]
        squared += own
        nearest = squared.min(axis=1)
        # what float32 may round off a sum of E products
        rounding = 4 * sought.shape[1] * np.finfo(np.float32).eps * (self.squares.max() + own.max())
        rows = np.flatnonzero(nearest <= np.partition(nearest, count - 1)[count - 1] + rounding)
        return first(sought, self.points[rows], rows, count)


def first(
    sought: np.ndarray, points: np.ndarray, names: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of points (N, E) with `names` (N,) the names of the nearest to any of `sought` (P, E), and their distances."""
    squared = np.stack([np.square(points - point).sum(axis=1) for point in sought]).min(axis=0)
    order = np.argsort(squared, kind="stable")[:count]
    return names[order], np.sqrt(squared[order])
