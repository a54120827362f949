"""Where two songs have music in common: local alignment of their vectors, in the keys that their sections suggest.

After Smith & Waterman (1981), "Identification of common molecular subsequences": what two vectors have in common
is their cosine less a threshold, and the score of two songs is the largest sum of it along a path, which moves on in
both songs at each step, in one of them by up to twice as much as in the other. Vectors have unit length, so it is
the Euclidean distances of patches that are summed: cos = 1 − D² / 2.

Where all patches of both songs are compared, or every second of both, the score is symmetric up to rounding; where
every second of the one is compared with all of the other, it is not quite. One thread; memory for one query, one
candidate twice, and ROWS patches of the one against all of the other.
"""

from typing import NamedTuple

import h5py
import numba
import numpy as np

from coversim.sequences.patches import HOP, RATE, WINDOW, section_counts, sections
from coversim.sequences.projection import real_numbers, transpose

THRESHOLD = 0.3  # cosine from which on two patches speak for a cover
TRANSPOSITIONS = 2  # that are tried: those that suit the mean chroma best
MARGIN = 0.02  # cosine of mean chroma by which a transposition may suit less than the best and still be tried
LEVELS = 7  # that a number of a stored vector may have on each side of 0
SPREAD = 0.4  # from one of them to the next, as a share of what is usual: the root mean square of a vector's numbers
ROWS = 120  # patches of the query that are compared at a time
LANES = 16  # columns that the processor takes at once: the last few of another number would come one by one

compiled = numba.njit(nogil=True, fastmath={"nnan", "nsz"})


class Match(NamedTuple):
    """What two songs have in common: the best path, in the transposition of the other song that suits it best."""

    score: float
    transposition: int  # semitones by which the other song is to be played higher
    path: np.ndarray  # (steps, 2) patches of the song and of the other
    cosines: np.ndarray  # (steps,) of the patches on the path
    played: tuple[int, int] = (1, 1)  # how many times as fast as they are both were compared

    def times(self) -> np.ndarray:
        """The path in seconds of the song and of the other, (steps, 2)."""
        return self.path * self.played * (HOP / RATE)

    def seconds(self) -> np.ndarray:
        """From and to, in the song and in the other, (2, 2)."""
        times = self.times()
        return np.stack([times[0], times[-1] + np.array(self.played) * (WINDOW / RATE)], axis=1)

    def tempo(self) -> float:
        """How many times as fast as the song the other one plays what they have in common."""
        times = self.times()
        song, other = times[-1] - times[0]
        return float(song / other) if other else self.played[0] / self.played[1]


def stored(vectors: np.ndarray) -> np.ndarray:
    """Vectors (L, size) at unit length in four bits a number: (L, half) uint8, the first half of the numbers in the low bits.

    What is beyond LEVELS is cut off, so that no single number speaks for a whole vector.
    """
    found = np.clip(np.rint(vectors / _step(vectors.shape[1])), -LEVELS, LEVELS).astype(np.int8)
    return _packed(found)


def restored(vectors: np.ndarray, size: int) -> np.ndarray:
    """What `stored` keeps of vectors, (L, size) float32."""
    return levels(vectors, size) * np.float32(_step(size))


def levels(vectors: np.ndarray, size: int) -> np.ndarray:
    """The same as multiples of a step, (L, size) int8."""
    both = np.concatenate([vectors & 15, vectors >> 4], axis=1)[:, :size]
    return both.astype(np.int8) - np.int8(LEVELS + 1)


def check_stored(vectors: np.ndarray | h5py.Dataset, offsets: np.ndarray, size: int) -> None:
    """Raise ValueError unless vectors are as `stored` gives them, and whose they are as `offsets` (N + 1,) say.

    Compiled code would not notice, and read or write elsewhere in memory.
    """
    form = vectors.dtype, vectors.shape[1:]
    if form != (np.uint8, ((size + 1) // 2,)):
        raise ValueError(f"vectors of {form[0]}, {form[1]}, where {size} numbers are to be in them")
    offsets = offsets.astype(np.int64)
    if offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(vectors):
        raise ValueError("the offsets of songs do not fit their vectors")


def halved(vectors: np.ndarray, offsets: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored vectors of songs, one after the other, at half their rate, and whose is what: of two each the mean, at unit length."""
    check_stored(vectors, offsets, size)
    counts = -(-np.diff(offsets) // 2)
    starts = np.cumsum([0, *counts])
    found = _halved(vectors, offsets, starts, size, np.float32(_step(size)))
    return found, starts


def best_transpositions(profiles: np.ndarray, others: np.ndarray, count: int = TRANSPOSITIONS) -> np.ndarray:
    """Semitones by which to play others higher so that their profiles (N, C, 12) suit those (M, C, 12): (M, N, count).

    Where there are fewer that suit them about as well as the best, the best stands for the others.
    """
    lower = profiles[:, :, np.add.outer(np.arange(12), np.arange(12)) % 12]  # by each number of semitones
    fit = np.tensordot(others, lower, axes=([1, 2], [1, 3])).swapaxes(0, 1) / profiles.shape[1]
    best = np.argsort(-fit, axis=2, kind="stable")[:, :, :count]
    fit = np.take_along_axis(fit, best, axis=2)
    return np.where(fit >= fit[:, :, :1] - MARGIN, best, best[:, :, :1])


def scores(
    song: np.ndarray,
    others: np.ndarray,
    offsets: np.ndarray,
    transpositions: np.ndarray,
    orders: np.ndarray,
    strides: tuple[int, int] = (2, 1),
    apart: int = 1,
) -> np.ndarray:
    """Scores (N,) of a song with N others.

    A section of the one is compared with a section of the other in the transpositions that suit these two, and a
    path stays in one transposition. So it may be as long as the songs, and a song within a medley has its own key.

    A step leads from a patch to the next one of the song, and to the next but one at most of the other; or by two
    and one. If `strides` skip more of the song, then to the next of the song, and one to four on in the other: again
    from half to twice the tempo.

    Parameters
    ----------
    song : vectors (L, D) float32
    others : vectors of all others, one after the other, as `stored` gives them; `offsets` (N + 1,) says whose is what
    transpositions : (sections of the song, sections of all others, K) semitones by which to play others higher
    orders : (K,) of the projection
    strides : compare each vector, or each second, …, of the song and of the others; the first is the second, or twice it
    apart : patches from a vector to the next, 2 after `halved`
    """
    check_stored(others, offsets, real_numbers(orders))
    rotated = transpose(song[:: strides[0]], orders, -np.arange(12))
    tried = (transpositions[..., None] % 12 == np.arange(12)).any(axis=2)
    counts = np.cumsum([0, *section_counts(np.diff(offsets), apart)])
    bounds = -(-sections(len(song), apart) // strides[0])
    expected = len(bounds) - 1, int(counts[-1])
    if tried.shape[:2] != expected:  # compiled code would not notice, and might never end
        raise ValueError(f"transpositions of {tried.shape[:2]} sections; the songs have {expected}")
    longest = int(np.diff(offsets).max())
    rotated *= np.float32(_step(song.shape[1]))
    return _scores(rotated, bounds, others, offsets, counts, tried, longest, *strides)


def match(
    song: np.ndarray, other: np.ndarray, transpositions: np.ndarray, orders: np.ndarray
) -> Match | None:
    """What two songs, (L, D) and (M, D) float32, have in common, in the best transposition; None if nothing."""
    found = []
    for semitones in dict.fromkeys(transpositions.tolist()):  # the best may stand for others, too
        score, path, cosines = _path(np.ascontiguousarray(song), transpose(other, orders, semitones))
        found.append(Match(score, semitones, path, cosines))
    best = max(found, key=lambda one: one.score)
    return best if len(best.path) else None


def _step(size):
    return SPREAD / np.sqrt(size)


def _packed(levels):
    levels = (levels + (LEVELS + 1)).astype(np.uint8)
    half = (levels.shape[1] + 1) // 2
    packed = levels[:, :half].copy()
    packed[:, : levels.shape[1] - half] |= levels[:, half:] << 4
    return packed


@compiled
def _low(byte):
    """The number in the low bits, as a multiple of a step."""
    return np.float32(np.int32(byte & 15) - (LEVELS + 1))


@compiled
def _high(byte):
    return np.float32(np.int32(byte >> 4) - (LEVELS + 1))


@compiled
def _unpack(source, target):
    """The numbers of a stored vector, as multiples of a step."""
    half = len(source)
    low, high = target[:half], target[half:]  # or the compiler does not take several numbers at once
    for number in range(half):
        low[number] = _low(source[number])
    for number in range(len(high)):
        high[number] = _high(source[number])


@compiled
def _unpack_columns(source, packed, target):
    """The numbers of stored vectors, as multiples of a step, one vector a column, and silence behind the last; `packed` is room."""
    half, high = source.shape[1], len(target) - source.shape[1]
    count = len(source)
    for column in range(count):
        for number in range(half):
            packed[number, column] = source[column, number]
    for number in range(half):
        for column in range(count):
            target[number, column] = _low(packed[number, column])
    for number in range(high):
        for column in range(count):
            target[half + number, column] = _high(packed[number, column])
    target[:, count:] = 0


@compiled
def _whole(columns):
    return (columns + LANES - 1) // LANES * LANES


@numba.njit(
    nogil=True, fastmath={"nnan", "nsz", "reassoc"}
)  # or the sum of squares takes the time of the rest
def _halved(vectors, offsets, starts, size, step):
    found = np.empty((starts[-1], vectors.shape[1]), np.uint8)
    half = vectors.shape[1]
    first, second = np.empty(size, np.float32), np.empty(size, np.float32)
    levels = np.empty(size, np.uint8)
    for place in range(len(offsets) - 1):
        for row in range(starts[place], starts[place + 1]):
            source = offsets[place] + 2 * (row - starts[place])
            _unpack(vectors[source], first)
            _unpack(vectors[min(source + 1, offsets[place + 1] - 1)], second)
            square = np.float32(0)
            for number in range(size):
                first[number] += second[number]
                square += first[number] * first[number]
            scale = np.float32(1) / (np.sqrt(max(square, np.float32(1))) * step)
            for number in range(size):
                level = np.int32(first[number] * scale + np.float32(LEVELS + 1.5))  # rounded, being positive
                levels[number] = min(max(level, 1), 2 * LEVELS + 1)
            for number in range(half):
                found[row, number] = levels[number]
            for number in range(size - half):
                found[row, number] |= levels[half + number] << 4
    return found


@compiled
def _scores(rotated, bounds, others, offsets, counts, tried, longest, song_stride, stride):
    size = rotated.shape[2]
    most = (counts[1:] - counts[:-1]).max()  # sections; np.diff would take three seconds to compile
    widest = longest // stride + 1 + LANES * most
    columns, starts = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    room = np.empty(size * widest, np.float32)
    packed = np.empty((others.shape[1], widest), np.uint8)
    cosines = np.empty(ROWS * widest, np.float32)
    best = np.zeros(len(offsets) - 1, np.float32)
    for place in range(len(best)):
        tiles = tried[:, counts[place] : counts[place + 1]]
        other = others[offsets[place] : offsets[place + 1]]
        for section in range(tiles.shape[1]):
            end = (section + 1) * len(other) // tiles.shape[1]
            columns[section + 1] = (end + stride - 1) // stride
            patches = other[stride * columns[section] : end : stride]
            starts[section + 1] = starts[section] + _whole(len(patches))
            _unpack_columns(patches, packed, _part(room, starts, section, size, size))
        # four rows of sums in turn, one after the other, each with four silent columns before the first one
        width = 4 + columns[tiles.shape[1]] + LANES
        for semitones in range(12):
            if not tiles[:, :, semitones].any():
                continue
            sums = np.zeros(4 * width, np.float32)
            highest = np.zeros(width, np.float32)
            for of_song in range(len(tiles)):
                compared = tiles[of_song, :, semitones]
                for start in range(bounds[of_song], bounds[of_song + 1], ROWS):
                    song = rotated[semitones, start : min(start + ROWS, bounds[of_song + 1])]
                    for section in range(len(compared)):
                        if compared[section]:
                            block = _part(cosines, starts, section, ROWS, len(song))
                            np.dot(song, _part(room, starts, section, size, size), block)
                    for i in range(start, start + len(song)):
                        row, last = 4 + width * (i & 3), 4 + width * (i - 1 & 3)
                        third, fourth = last - 3, last - 4
                        if song_stride == stride:
                            third = fourth = 3 + width * (i - 2 & 3)
                        for section in range(len(compared)):
                            left, count = columns[section], starts[section + 1] - starts[section]
                            if compared[section]:
                                # what lies behind the section's end, the next one puts right
                                own = ROWS * starts[section] + (i - start) * count
                                came_from = last - 1 + left, last - 2 + left, third + left, fourth + left
                                _advance(sums, row + left, came_from, cosines, own, highest, left, count)
                            else:
                                sums[row + left : row + columns[section + 1]] = 0
            best[place] = max(best[place], highest.max())
    return best


@compiled
def _part(numbers, starts, section, room, rows):
    """The block of a section, (rows, columns), where each section has room for so many."""
    columns = starts[section + 1] - starts[section]
    first = room * starts[section]
    return numbers[first : first + rows * columns].reshape(rows, columns)


@compiled
def _advance(sums, row, came_from, cosines, own, highest, left, count):
    """The largest sums of paths that end in `count` columns of a row, and the highest of these columns so far.

    Places in the arrays say where the row begins, the four sums that a path may come from, the cosines, and the highest:
    to make views of them for each row would take as long. The places have no sign, or each might count from the end of
    the array, and the compiler would not take several columns at once.
    """
    row, own, left = np.uintp(row), np.uintp(own), np.uintp(left)
    first, second = np.uintp(came_from[0]), np.uintp(came_from[1])
    third, fourth = np.uintp(came_from[2]), np.uintp(came_from[3])
    for j in range(np.uintp(count)):
        value = max(max(sums[first + j], sums[second + j]), max(sums[third + j], sums[fourth + j]))
        value = max(value + (cosines[own + j] - np.float32(THRESHOLD)), np.float32(0))
        sums[row + j] = value
        highest[left + j] = max(highest[left + j], value)


@compiled
def _path(song, other):
    """Score, path and its cosines: the way back over the choices that the sums were made by."""
    length, width = len(song), len(other)
    steps = np.zeros((length, width), np.int8)
    before, last, row = np.zeros((3, width + 2), np.float32)
    best, end, column = np.float32(0), -1, -1
    for start in range(0, length, ROWS):
        block = np.dot(song[start : start + ROWS], other.T)
        for i in range(len(block)):
            for j in range(width):
                value, step = last[j + 1], 1
                if last[j] > value:
                    value, step = last[j], 2
                if before[j + 1] > value:
                    value, step = before[j + 1], 3
                step = step if value > 0 else 0
                value += block[i, j] - np.float32(THRESHOLD)
                row[j + 2] = max(value, np.float32(0))
                steps[start + i, j] = step
                if value > best:
                    best, end, column = value, start + i, j
            before, last, row = last, row, before
    path = np.empty((min(length, width), 2), np.int64)
    cosines = np.empty(len(path), np.float32)
    count = 0
    step = 1 if end >= 0 else 0
    while step:
        path[count] = end, column
        cosines[count] = np.dot(song[end], other[column])
        step = steps[end, column]
        end -= 2 if step == 3 else 1
        column -= 2 if step == 2 else 1
        count += 1
    return best, path[:count][::-1].copy(), cosines[:count][::-1].copy()
