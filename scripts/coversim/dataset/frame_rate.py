"""What the arrays of a song tell of their frame rate."""

import numpy as np

from coversim.dataset.features import Feature
from coversim.errors import BadSong

FEWEST = 20  # values from which it is told how long one is held
TOLERANCE = 0.04  # of how long that is
WHOLE = 0.05  # frames by which a rate that somebody has rounded may be off
LENGTHS = 0.1  # share by which lengths may differ: those of genuine files do by 0.3 % …
SLACK = 20  # … and so many frames


def check_held(values: np.ndarray, feature: Feature, frame_rate: float) -> None:
    """Raise BadSong if each value of (rows, T) is held for another number of frames than at this frame rate.

    Only a feature that was repeated from a lower rate of its own tells (crema). Its most frequent number of frames
    counts, and one more or less: silence is held longer, and what was interpolated is not held.
    """
    if feature.hold == 1:
        return
    gaps = np.diff(np.flatnonzero((values[:, 1:] != values[:, :-1]).any(axis=0)))
    if len(gaps) < FEWEST:
        return
    expected = feature.held(frame_rate)
    found = gaps[np.abs(gaps - np.bincount(gaps).argmax()) <= 1].mean()
    if abs(found - expected) > TOLERANCE * expected:
        raise BadSong(
            f"{feature.name} holds each value for {found:.3g} frames, and {expected:.3g} are expected: it is of "
            f"{frame_rate * found / expected:.2f} frames per second, not of {frame_rate:.2f}",
            "if that is so of all songs, set `rate` of the data set to what it is; if not, move the file out of it",
        )


def step(feature: Feature, frame_rate: float) -> int:
    """At which of the frames there is a new value: every 8th, or every one where that is no whole number."""
    held = feature.held(frame_rate)
    return round(held) if abs(held - round(held)) <= WHOLE else 1


def check_lengths(feature: str, frames: int, other: str, there: int) -> None:
    """Raise BadSong if two features of a song, stored together, are of so different lengths that their rates differ."""
    if abs(frames - there) > LENGTHS * max(frames, there) + SLACK:
        raise BadSong(
            f"{feature} has {frames} frames and {other} {there}: they are not of one frame rate",
            "compute the two at one rate, or move the file out of the data set",
        )
