"""Where two songs have music in common, in which transposition, and at which tempo."""

from typing import NamedTuple

import numpy as np

from coversim.metric.songs import Song
from coversim.sequences import patches
from coversim.sequences.passages import longest
from coversim.sequences.projection import PatchEncoder, transpose


class Place(NamedTuple):
    """What two songs have in common."""

    transposition: (
        int  # semitones, −5 to 6, by which the second is to be played higher to sound like the first
    )
    tempo: float  # how many times as fast the second plays it
    first: tuple[float, float]  # seconds, from and to
    second: tuple[float, float]
    path: np.ndarray  # (steps, 2) seconds in the first and in the second
    played: tuple[int, int]  # how many times as fast as they are the two were compared


def common(first: Song, second: Song, projection: PatchEncoder) -> Place | None:
    """The longest passage that two songs have in common; None where there is hardly anything."""
    found = longest(first.frames(patches.RATE), second.frames(patches.RATE), projection)
    if found is None:
        return None
    seconds = found.seconds()
    seconds[:, 1] = np.minimum(seconds[:, 1], [first.seconds, second.seconds])
    semitones = (found.transposition + 5) % 12 - 5
    return Place(
        semitones,
        found.tempo(),
        (float(seconds[0, 0]), float(seconds[0, 1])),
        (float(seconds[1, 0]), float(seconds[1, 1])),
        found.times(),
        found.played,
    )


def similarity(
    first: Song,
    second: Song,
    projection: PatchEncoder,
    transposition: int,
    played: tuple[int, int] = (1, 1),
    most: int = 1000,
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of the patches of two songs, the second so many semitones higher, and both so many times as fast.

    Of songs of more than `most` patches the largest of neighbouring cosines, so that there are as many rows and columns at most.
    Beside them (2,) seconds: how long the songs are by their patches.
    """
    song, other = (
        projection(patches.patches(chroma.frames(patches.RATE)[:, :, ::fast]))
        for chroma, fast in zip((first, second), played, strict=True)
    )
    columns = transpose(other, projection.orders, transposition).T
    rows, edges = -(-len(song) // most), np.arange(0, len(other), -(-len(other) // most))
    found = [
        np.maximum.reduceat((song[start : start + rows] @ columns).max(axis=0), edges)
        for start in range(0, len(song), rows)
    ]
    return np.array(found), np.array([len(song), len(other)]) * played * patches.HOP / patches.RATE
