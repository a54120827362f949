"""Qmax as in coversim.alignment, in compiled code: what songs as sequences are measured against, in like terms.

The same recurrences and the same paths; one song with many others, each in several transpositions. One thread;
memory for three times the distances of one pair: 600 MB for two songs of half an hour at 4 Hz.
"""

import numba
import numpy as np

from coversim.alignment import GAP, NEAREST, STACK

compiled = numba.njit(nogil=True, fastmath={"nnan", "nsz"})


def packed(songs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Frames of songs (C, 12, T), one after the other, (frames, C · 12), and offsets (N + 1,) that say whose is what.

    A song shorter than a moment is filled up with silence.
    """
    filled = [np.pad(song, ((0, 0), (0, 0), (0, max(0, STACK - song.shape[2])))) for song in songs]
    rows = [np.ascontiguousarray(song.reshape(-1, song.shape[2]).T, np.float32) for song in filled]
    return np.concatenate(rows), np.cumsum([0, *map(len, rows)])


def longest_paths(
    song: np.ndarray, others: np.ndarray, offsets: np.ndarray, transpositions: np.ndarray
) -> np.ndarray:
    """Qmax (N,) of a song (C, 12, T) with N others, as `packed` gives them: the largest of its transpositions.

    Parameters
    ----------
    transpositions : (N, K) semitones by which to play the others higher
    """
    rotated = np.stack([packed([np.roll(song, -semitones, axis=1)])[0] for semitones in range(12)])
    return _longest_paths(rotated, others, offsets, transpositions % 12, np.diff(offsets).max())


@compiled
def _longest_paths(rotated, others, offsets, transpositions, widest):
    longest = np.zeros(len(offsets) - 1, np.float32)
    cells = rotated.shape[1] * widest
    products, stacked = np.empty(cells, np.float32), np.empty(cells, np.float32)  # memory is dear to ask for
    turned = np.empty(cells, np.int32)
    for place in range(len(longest)):
        other = others[offsets[place] : offsets[place + 1]]
        for semitones in transpositions[place]:
            distances = _stacked(rotated[semitones], other, products, stacked)
            longest[place] = max(longest[place], _longest_path(distances, turned))
    return longest


@compiled
def _stacked(song, other, products, stacked):
    """Squared distances of all moments of two songs, (rows, columns), as integers of the same order."""
    length, width = len(song), len(other)
    rows, columns = length - STACK + 1, width - STACK + 1
    products = products[: length * width].reshape(length, width)
    np.dot(song, other.T, products)
    squares = np.empty(width, np.float32)
    for j in range(width):
        squares[j] = np.dot(other[j], other[j])
    stacked = stacked[: rows * columns].reshape(rows, columns)
    stacked[:] = 0
    for i in range(length):
        square = np.dot(song[i], song[i])
        distances = products[i]
        for j in range(width):  # rounding must not make them negative: their bits would not be in order
            distances[j] = max(square + squares[j] - 2 * distances[j], np.float32(0))
        for frame in range(max(0, i - rows + 1), min(STACK, i + 1)):
            shifted, row = distances[frame:], stacked[i - frame]
            for j in range(columns):
                row[j] += shifted[j]
    return stacked.view(np.int32)


@compiled
def _nearest(row, place):
    """The value in this place of the sorted row, by bisection: counting goes faster than sorting."""
    low, high = np.int32(0), row.max()
    while low < high:
        middle = np.int32(low + (high - low) // 2)
        count = np.int32(0)
        for j in range(len(row)):
            count += np.int32(row[j] <= middle)
        if count > place:
            high = middle
        else:
            low = np.int32(middle + 1)
    return low


@compiled
def _longest_path(distances, turned):
    rows, columns = distances.shape
    turned = turned[: rows * columns].reshape(columns, rows)
    turned[:] = distances.T
    near_columns = np.empty(columns, np.int32)
    for j in range(columns):
        near_columns[j] = _nearest(turned[j], int(NEAREST * (rows - 1)))
    sums = np.zeros((3, columns), np.float32)
    longest = np.zeros(columns, np.float32)
    for i in range(2, rows):
        near = _nearest(distances[i], int(NEAREST * (columns - 1)))
        row, last, before = sums[i % 3], sums[(i - 1) % 3], sums[(i - 2) % 3]
        distance = distances[i]
        for j in range(2, columns):
            step = (
                np.float32(1) if distance[j] <= near and distance[j] <= near_columns[j] else np.float32(-GAP)
            )
            value = max(last[j - 1], max(last[j - 2], before[j - 1])) + step
            row[j] = max(value, np.float32(0))
            longest[j] = max(longest[j], row[j])
    return longest.max()
