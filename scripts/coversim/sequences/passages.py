"""The longest passage that two songs have in common, in any transposition."""

import numpy as np

from coversim.sequences import patches
from coversim.sequences.distances import TEMPO, likeness
from coversim.sequences.matching import THRESHOLD, Match, best_transpositions, match
from coversim.sequences.projection import PatchEncoder, Projection

# of their own, not those of `aligned`: what is shown does not decide what is learnt from
TRANSPOSITIONS = 3  # that are tried
FEWEST = 8  # patches on a path: what is shorter is by chance
TEMPI = ((1, 1), (2, 1), (1, 2))  # how many times as fast as they are two songs are compared


def untrained(features: int) -> Projection:
    """The patches of so many features as they are, as a projection: where there is none that was fitted."""
    values = features * patches.WINDOW
    orders = np.repeat(np.arange(patches.ORDERS), values)
    return Projection(orders, np.tile(np.eye(values, dtype=np.complex64), (patches.ORDERS, 1)))


def longest(frames: np.ndarray, others: np.ndarray, projection: PatchEncoder) -> Match | None:
    """Of two songs, (C, 12, T) each at patches.RATE, the passage that they share; None where there is hardly anything.

    Both at their own tempo, or one of them at twice that, as they are most alike: see coversim.sequences.distances.
    """
    found = []
    for played in TEMPI:
        passage, alike = _longest(frames[:, :, :: played[0]], others[:, :, :: played[1]], projection)
        if passage is not None:
            found.append((alike - TEMPO * (played != TEMPI[0]), passage._replace(played=played)))
    return max(found, key=lambda one: one[0])[1] if found else None


def _longest(frames: np.ndarray, others: np.ndarray, projection: PatchEncoder) -> tuple[Match | None, float]:
    song, other = (projection(patches.patches(chroma)) for chroma in (frames, others))
    mean, other_mean = (patches.profiles(chroma).mean(axis=0, keepdims=True) for chroma in (frames, others))
    tried = best_transpositions(mean, other_mean, TRANSPOSITIONS)[0, 0]
    found = match(song, other, tried, projection.orders)
    if found is None or (found.cosines > THRESHOLD).sum() < FEWEST:
        return None, 0.0
    return found, float(likeness(np.array(found.score), len(song), np.array(len(other))))
