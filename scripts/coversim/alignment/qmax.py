"""Distances of pairs of songs that have no embedding, from their chroma (C, 12, T): by alignment, and by mean chroma.

Qmax is the longest path through the cross recurrence of two songs, after Serrà, Serra & Andrzejak (2009), "Cross
recurrence quantification for cover song identification", New Journal of Physics 11: one song is transposed to the
other; each moment of a song is described by several frames in a row; two moments recur where each is among the nearest
to the other; along a path of recurrences the tempo may be halved or doubled, and single moments may fail to match.

Nine frames, 0.095, and 0.5 to go on with a gap are what essentia and acoss take, with which Da-TACOS was measured; they
take 0.5 to begin a gap, too. Here that costs 5, which finds more (docs/decisions.md). 10 frames, 0.1, 5 and 0.5 go by as
the paper's own; its text was not at hand to check that. One thread; memory for the distances of one pair's moments.
"""

from collections.abc import Sequence

import numba
import numpy as np

STACK = 9  # frames that describe a moment
NEAREST = 0.095  # share of the other song's moments that may recur in a moment
ONSET = 5.0  # what a moment without recurrence costs a path that recurred in the one before …
EXTENSION = 0.5  # … and what it costs where that one did not recur either

compiled = numba.njit(nogil=True, fastmath={"nnan", "nsz", "reassoc"})


def qmax_distances(song: np.ndarray, others: Sequence[np.ndarray], transpositions: int = 1) -> np.ndarray:
    """Distances (K,) of others to `song`: √moments of the song / Qmax, no alignment being one of one moment.

    Qmax is the longest path in any of so many `transpositions` of the other song, those that suit mean chroma best.
    """
    keys = best_transpositions(song, others, transpositions)
    frames = prepared(song)
    longest = [
        _longest(frames, _long_enough(other), tried) for other, tried in zip(others, keys, strict=True)
    ]
    return np.sqrt(len(frames) - STACK + 1) / np.maximum(np.array(longest), 1)


def chroma_distances(song: np.ndarray, others: Sequence[np.ndarray], transpositions: int = 1) -> np.ndarray:
    """Distances (K,) of others to `song`: Euclidean, of mean chroma at unit length.

    In the best transposition: of as many `transpositions` as may be, the one that suits mean chroma best is nearest.
    """
    profile = mean_chroma(song)
    rotations = np.stack([np.roll(profile, semitones, axis=1).ravel() for semitones in range(12)])
    profiles = np.stack([mean_chroma(other).ravel() for other in others])
    return np.linalg.norm(rotations[:, None] - profiles, axis=2).min(axis=0)


def mean_chroma(song: np.ndarray) -> np.ndarray:
    """The mean of a song's frames, (C, 12), at unit length; of silence, zero."""
    mean = song.mean(axis=2)
    return mean / max(np.linalg.norm(mean), np.finfo(np.float32).tiny)


def best_transpositions(song: np.ndarray, others: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Semitones by which others (C, 12, T) come closest to `song` in the mean over time, the best first: (K, count)."""
    profile = song.mean(axis=2)
    rotations = np.stack([np.roll(profile, -semitones, axis=1).ravel() for semitones in range(12)])
    means = np.stack([other.mean(axis=2).ravel() for other in others])
    return np.argsort(-(means @ rotations.T), axis=1, kind="stable")[:, :count]


def prepared(song: np.ndarray) -> np.ndarray:
    """A song's frames x (C, 12, T) as −2x, x², 1, (T, C · 12 + 2) float32: a matrix product makes distances of them."""
    frames = _long_enough(song).reshape(-1, max(STACK, song.shape[2])).T
    squares = np.square(frames).sum(axis=1, keepdims=True)
    return np.concatenate([-2 * frames, squares, np.ones_like(squares)], axis=1)


@compiled
def cross_recurrence(song, other, semitones):
    """Which moments of two songs recur in each other: boolean, (moments of the song, moments of the other).

    T frames are T - STACK + 1 moments. Two moments recur if their Euclidean distance is among the smallest share
    NEAREST of its row and of its column.

    Parameters
    ----------
    song : (T, C · 12 + 2) float32, its frames x as −2x, x², 1
    other : (C, 12, T) float32, to be played so many semitones higher
    """
    length = other.shape[2]
    frames = np.ones((song.shape[1], length), np.float32)  # y as y, 1, y²
    frames[-1] = 0
    for row in range(len(frames) - 2):
        source, target, squares = other[row // 12, (row - semitones) % 12], frames[row], frames[-1]
        for j in range(length):
            target[j] = source[j]
            squares[j] += source[j] * source[j]
    distances = np.dot(song, frames)
    rows, columns = distances.shape[0] - STACK + 1, distances.shape[1] - STACK + 1
    stacked = np.zeros((rows, columns), np.float32)
    for i in range(rows):
        for frame in range(STACK):
            shifted, total = distances[i + frame, frame:], stacked[i]
            for j in range(columns):
                total[j] += shifted[j]
    of_rows, of_columns = _nearest(stacked.T.copy()), _nearest(stacked)
    recurrence = np.empty((rows, columns), np.bool_)
    for i in range(rows):
        for j in range(columns):
            recurrence[i, j] = stacked[i, j] <= min(of_rows[i], of_columns[j])
    return recurrence


@compiled
def longest_path(recurrence, onset, extension):
    """Qmax of a cross recurrence (N, M).

    Q is zero in the first two rows and columns. Beyond them it is, where the moments recur, 1 more than the largest
    of Q[i-1, j-1], Q[i-2, j-1] and Q[i-1, j-2]; where not, the largest of these three, each less what the gap costs
    after it, but never below 0. So each row depends on the two before it only, and its columns not on each other.
    """
    columns = recurrence.shape[1]
    paths = np.zeros((3, columns), np.float32)
    gaps = np.zeros((3, columns), np.float32)  # the same, less what a gap costs next
    longest = np.zeros(columns, np.float32)
    onset, extension = np.float32(onset), np.float32(extension)
    for i in range(2, len(recurrence)):
        recurs, path, gap = recurrence[i, 2:], paths[i % 3, 2:], gaps[i % 3, 2:]
        last, before = paths[(i - 1) % 3], paths[(i - 2) % 3, 1:]
        last_gap, before_gap = gaps[(i - 1) % 3], gaps[(i - 2) % 3, 1:]
        for j in range(columns - 2):
            on = max(max(last[j + 1], last[j]), before[j]) + np.float32(1)
            off = max(max(last_gap[j + 1], last_gap[j]), max(before_gap[j], np.float32(0)))
            path[j] = on if recurs[j] else off
            gap[j] = on - onset if recurs[j] else off - extension
            longest[j] = max(longest[j], path[j])
    return longest.max()


@compiled
def _longest(frames, other, transpositions):
    """The longest path in one of the transpositions of the other song."""
    longest = np.float32(0)
    for semitones in transpositions:
        longest = max(longest, longest_path(cross_recurrence(frames, other, semitones), ONSET, EXTENSION))
    return longest


@compiled
def _nearest(distances):
    """A bound for each column that its smallest share NEAREST of distances keep, at least the smallest, and no others.

    The bounds of all columns are halved in on together, which the compiler does for several at once.
    """
    wanted = np.float32(int(NEAREST * (len(distances) - 1)) + 1)
    low, high = distances[0].copy(), distances[0].copy()
    for i in range(len(distances)):
        row = distances[i]
        for j in range(len(low)):
            low[j] = min(low[j], row[j])
            high[j] = max(high[j], row[j])
    bounds = low.copy()
    within = np.empty_like(low)
    going = True
    while going:
        within[:] = 0
        for i in range(len(distances)):
            row = distances[i]
            for j in range(len(low)):
                within[j] += np.float32(1) if row[j] <= bounds[j] else np.float32(0)
        going = False
        for j in range(len(low)):
            if within[j] >= wanted:
                high[j] = bounds[j]
            if within[j] <= wanted:
                low[j] = bounds[j]
            bounds[j] = low[j] + (high[j] - low[j]) * np.float32(0.5)
            if low[j] < bounds[j] < high[j]:
                going = True
            else:
                bounds[j] = high[j]
    return bounds


def _long_enough(song: np.ndarray) -> np.ndarray:
    """Frames (C, 12, T), filled up with silence where they are fewer than a moment has."""
    missing = max(0, STACK - song.shape[2])
    return np.ascontiguousarray(np.pad(song, ((0, 0), (0, 0), (0, missing))), np.float32)


METHODS = {"qmax": qmax_distances, "chroma": chroma_distances}
