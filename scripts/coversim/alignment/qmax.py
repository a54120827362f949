"""Distances of pairs of songs that have no embedding, from their chroma (C, 12, T): by alignment, and by mean chroma.

Qmax is the longest path through the cross recurrence of two songs, after Serrà, Serra & Andrzejak (2009), "Cross
recurrence quantification for cover song identification", New Journal of Physics 11: one song is transposed to the other; each moment of a song is described by several frames
in a row; two moments recur where each is among the nearest to the other; along a path of recurrences the tempo may
be halved or doubled, and single moments may fail to match. The constants are those of essentia and of acoss, with which
Da-TACOS was measured; to begin a gap costs as much as to go on with it.
"""

from collections.abc import Sequence

import numpy as np

STACK = 9  # frames that describe a moment
NEAREST = 0.095  # share of the other song's moments that may recur in a moment
GAP = 0.5  # what a moment without recurrence costs a path
CELLS = 2**21  # of recurrences held at a time, 8 MB


def qmax_distances(song: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Distances (K,) of others to `song`: √moments of the song / Qmax, no alignment being one of one moment."""
    longest = []
    together = max(1, CELLS // (song.shape[2] * max(other.shape[2] for other in others)))
    for start in range(0, len(others), together):
        recurrences = [cross_recurrence(song, other) for other in others[start : start + together]]
        longest.append(longest_paths(recurrences))
    return np.sqrt(len(recurrences[0])) / np.maximum(np.concatenate(longest), 1)


def chroma_distances(song: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Distances (K,) of others to `song`: Euclidean, of mean chroma at unit length, in the best transposition."""
    profile = mean_chroma(song)
    rotations = np.stack([np.roll(profile, semitones, axis=1).ravel() for semitones in range(12)])
    profiles = np.stack([mean_chroma(other).ravel() for other in others])
    return np.linalg.norm(rotations[:, None] - profiles, axis=2).min(axis=0)


def mean_chroma(song: np.ndarray) -> np.ndarray:
    """The mean of a song's frames, (C, 12), at unit length; of silence, zero."""
    mean = song.mean(axis=2)
    return mean / max(np.linalg.norm(mean), np.finfo(np.float32).tiny)


def cross_recurrence(song: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which moments of two songs recur in each other: boolean, (moments of the song, moments of the other).

    T frames are T - STACK + 1 moments; a song shorter than one is filled up with silence. Two moments recur if
    their Euclidean distance is among the smallest share NEAREST of its row and of its column.
    """
    song, other = (np.pad(x, ((0, 0), (0, 0), (0, max(0, STACK - x.shape[2])))) for x in (song, other))
    other = np.roll(other, optimal_transposition(song, other), axis=1)
    song, other = (np.ascontiguousarray(x.reshape(-1, x.shape[2]), np.float32) for x in (song, other))
    distances = np.square(song).sum(axis=0)[:, None] + np.square(other).sum(axis=0) - 2 * (song.T @ other)
    rows, columns = (length - STACK + 1 for length in distances.shape)
    stacked = sum(distances[frame : frame + rows, frame : frame + columns] for frame in range(STACK))
    return (stacked <= _nearest(stacked)[:, None]) & (stacked <= _nearest(stacked.T))


def optimal_transposition(song: np.ndarray, other: np.ndarray) -> int:
    """Semitones by which `other` (C, 12, T) is to be transposed to come closest to `song`, in the mean over time."""
    profile, others = song.mean(axis=2), other.mean(axis=2)
    return int(np.argmax([(profile * np.roll(others, semitones, axis=1)).sum() for semitones in range(12)]))


def longest_paths(recurrences: Sequence[np.ndarray]) -> np.ndarray:
    """Qmax (K,) of cross recurrences (N, M_k) with one song in common.

    Q is zero in the first two rows and columns, and beyond them the largest of Q[i-1, j-1], Q[i-2, j-1] and
    Q[i-1, j-2], plus 1 where the moments recur, minus GAP where not, but never below 0. So each row depends on
    the two before it only, and is computed for all columns and all songs at once.
    """
    widest = max(recurrence.shape[1] for recurrence in recurrences)
    steps = np.full((len(recurrences[0]), len(recurrences), widest), -GAP, np.float32)
    for place, recurrence in enumerate(recurrences):
        steps[:, place, : recurrence.shape[1]][recurrence] = 1  # beyond a song's end a path only loses
    before, last, row = np.zeros((3, len(recurrences), widest), np.float32)
    longest = np.zeros_like(row)
    for step in steps[2:, :, 2:]:
        path = row[:, 2:]
        np.maximum(last[:, 1:-1], last[:, :-2], out=path)
        np.maximum(path, before[:, 1:-1], out=path)
        path += step
        np.maximum(path, 0, out=path)
        np.maximum(longest, row, out=longest)
        before, last, row = last, row, before
    return longest.max(axis=1)


def _nearest(distances: np.ndarray) -> np.ndarray:
    """The largest distance of each row that is among its smallest share NEAREST, at least the smallest."""
    place = int(NEAREST * (distances.shape[1] - 1))
    return np.partition(np.ascontiguousarray(distances), place, axis=1)[:, place]


METHODS = {"qmax": qmax_distances, "chroma": chroma_distances}
