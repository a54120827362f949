"""One vector for a whole sequence, to find candidates by before they are matched in order.

The second moments of a song's vectors, order by order: which of their numbers go together, and which follow each other. To
transpose a song multiplies all numbers of an order by the same phase, which cancels in z zᴴ; when something is played, and
how often, hardly matters.
"""

import numpy as np

from coversim.sequences.patches import unit
from coversim.sequences.projection import REAL_ORDERS, as_complex

LATER = range(7, 12)  # patches: what follows begins about when a patch ends, sooner or later by the tempo
FOLLOWS = 0.5  # weight of what follows, where that of what goes together is 1


def outline(vectors: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """The outline (numbers,) float32, at unit length, of vectors (L, size) float32 of a projection with these orders."""
    values = as_complex(vectors, orders)
    place = np.arange(len(values))
    start, stop = (np.minimum(place + apart, len(values)) for apart in (LATER.start, LATER.stop))
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.complex128)])
    later = (sums[stop] - sums[start]).astype(np.complex64)
    together, follows = [], []
    for order in np.unique(orders):
        own = orders == order
        rows, columns = np.triu_indices(own.sum())  # the other half of z zᴴ says the same
        moments = (values[:, own].T @ values[:, own].conj())[rows, columns]
        together.append(moments.real)
        following = (values[:, own].T @ later[:, own].conj()).ravel()
        follows.append(following.real)
        if order not in REAL_ORDERS:
            together.append(moments.imag[rows != columns])
            follows.append(following.imag)
    parts = unit(_rooted(together)), FOLLOWS * unit(_rooted(follows))
    return unit(np.concatenate(parts)).astype(np.float32)


def _rooted(parts):
    """Numbers one after the other, and the roots of them, or the few largest would decide alone."""
    numbers = np.concatenate(parts)
    return np.sign(numbers) * np.sqrt(np.abs(numbers))
