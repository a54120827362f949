"""One vector for a whole sequence, to find candidates by before they are matched in order.

The second moments of a song's vectors, order by order: which of their numbers go together. To transpose a song multiplies
all numbers of an order by the same phase, which cancels in z zᴴ; so does when something is played, and how often.
"""

import numpy as np

from coversim.sequences.projection import REAL_ORDERS, as_complex


def outline(vectors: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """The outline (numbers,) float32, at unit length, of vectors (L, size) float32 of a projection with these orders."""
    values = as_complex(vectors, orders)
    parts = []
    for order in np.unique(orders):
        own = values[:, orders == order]
        moments = own.T @ own.conj()
        rows, columns = np.triu_indices(len(moments))
        parts.append(moments.real[rows, columns])
        if order not in REAL_ORDERS:
            parts.append(moments.imag[rows, columns][rows != columns])
    numbers = np.concatenate(parts)
    # the root, or the few largest moments would decide alone
    rooted = np.sign(numbers) * np.sqrt(np.abs(numbers))
    return (rooted / max(np.linalg.norm(rooted), np.finfo(np.float32).tiny)).astype(np.float32)
