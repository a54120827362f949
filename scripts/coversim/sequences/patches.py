"""A song as a sequence of patches that keep pitch: short windows of chroma, Fourier-transformed along pitch only.

Transposing a song turns the phases of its patches, by an angle that the order of the transform alone decides.
So whatever mixes the values of one order, but never two orders, commutes with transposition (see projection).
"""

from itertools import pairwise

import numpy as np

RATE = 4  # frames per second that the sizes below are meant for, Hz
WINDOW = 16  # frames of a patch
HOP = 2  # frames from a patch to the next
SECTION = 120  # patches within which a song is taken to keep its key
POWER = 1.4  # of the frames; acoss's 2-D Fourier features have 1.96
ORDERS = 7  # of the real Fourier transform of 12 pitch classes
# weights of the frames of a patch, the square root of a sine: the middle counts most
TAPER = np.sqrt(np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW))
STILL = 1e-3  # length of a patch below which a song does not move; a frame has length 1


def patches(frames: np.ndarray) -> np.ndarray:
    """Patches (L, 7, C · 16), complex64, of a song's frames (C, 12, T), C being the features.

    A song shorter than a window is filled up with silence. What a song's patches have in common, their mean, says
    more about key and sound than about the music, and is taken away; silence and what never changes are zero.
    """
    sharp = _sharpened(frames)
    sharp = np.pad(sharp, ((0, 0), (0, 0), (0, max(0, WINDOW - sharp.shape[2]))))
    windows = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW, axis=2)[:, :, ::HOP]  # (C, 12, L, 16)
    orders = np.fft.rfft(windows, axis=1) * (TAPER / np.sqrt(12 * (TAPER**2).sum() * len(frames)))
    found = np.ascontiguousarray(orders.transpose(2, 1, 0, 3)).reshape(orders.shape[2], ORDERS, -1)
    heard = np.abs(found).max(axis=(1, 2)) > 0
    found[heard] -= found.sum(axis=0) / max(1, heard.sum())
    found[np.linalg.norm(found, axis=(1, 2)) < STILL] = 0
    return found.astype(np.complex64)


def transpose(patches: np.ndarray, semitones: int) -> np.ndarray:
    """Patches (L, 7, F) of the song played `semitones` higher."""
    return patches * phases(np.arange(ORDERS), semitones)[:, None]


def phases(orders: np.ndarray, semitones: int | np.ndarray) -> np.ndarray:
    """What to multiply values of these orders by to play them `semitones` higher, (orders,) complex64; of several, (S, orders)."""
    return np.exp(-2j * np.pi * np.multiply.outer(semitones, orders) / 12).astype(np.complex64)


def section_counts(lengths: np.ndarray, apart: int = 1) -> np.ndarray:
    """How many sections songs of so many patches have, or vectors that are 2 patches `apart`: each is about a minute."""
    pairs = -(-np.asarray(lengths) * apart // 2)  # so that a song has as many at half its rate
    return np.maximum(1, np.rint(pairs / (SECTION // 2))).astype(np.int64)


def sections(length: int, apart: int = 1) -> np.ndarray:
    """Where the sections of a song of so many patches begin, and the last one ends; they are of like size."""
    count = int(section_counts(np.array(length), apart))
    return np.arange(count + 1) * length // count


def profiles(frames: np.ndarray) -> np.ndarray:
    """The mean of a song's frames (C, 12, T) in each section, (sections, C, 12), each feature at unit length.

    Of silence, zero. Medleys and songs that modulate have their keys in their sections.
    """
    bounds = HOP * sections(max(0, frames.shape[2] - WINDOW) // HOP + 1)
    bounds[-1] = frames.shape[2]
    return np.stack(
        [unit(frames[:, :, start:stop].mean(axis=2, dtype=np.float64)) for start, stop in pairwise(bounds)]
    ).astype(np.float32)


def _sharpened(frames: np.ndarray) -> np.ndarray:
    """Frames at unit length whose strong pitch classes stand out more; silence is zero."""
    return unit(unit(frames, axis=1) ** POWER, axis=1)


def unit(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Values at unit length along an axis; zero stays zero."""
    length = np.linalg.norm(values, axis=axis, keepdims=True)
    return values / np.maximum(length, np.finfo(np.float32).tiny)
