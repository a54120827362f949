"""Vectors of a song at twice its tempo, from those at its own: songs of half the tempo of others are found by them.

At twice the tempo a patch lasts as long as two, and has every second frame. The patches that lie within it tell these
frames by least squares (Tikhonov), and the frames tell the patch. Both are linear, so of each order it is one matrix
that the projection alone decides. What a patch's unit length and its song's mean have taken away is not given back.
"""

import numpy as np

from coversim.sequences.matching import restored, stored
from coversim.sequences.patches import HOP, TAPER, WINDOW, section_counts, unit
from coversim.sequences.projection import Projection, as_complex, as_real, real_numbers
from coversim.sequences.storage import Sequences, StoredSequence

APART = 4  # frames from a patch that counts to the next
RIDGE = 0.1  # of the mean square of what the patches see of white noise

Doubling = dict[int, np.ndarray]


def doubling(projection: Projection) -> Doubling:
    """For each order the matrix, (components, patches · components), from the patches within one at twice the tempo to it."""
    starts = range(0, WINDOW + 1, APART)
    found = {}
    for order in np.unique(projection.orders):
        components = projection.components[projection.orders == order].conj()
        seen = components.reshape(len(components), projection.channels, WINDOW) * TAPER
        frames = np.zeros((len(starts), *seen.shape[:2], 2 * WINDOW), np.complex128)
        for patch, start in enumerate(starts):
            frames[patch, :, :, start : start + WINDOW] = seen
        wanted = np.zeros(frames.shape[1:], np.complex128)
        wanted[:, :, ::2] = seen
        frames = frames.reshape(len(starts) * len(seen), -1)
        gram = frames @ frames.conj().T
        gram += RIDGE * np.trace(gram).real / len(gram) * np.eye(len(gram))
        cross = frames @ wanted.reshape(len(seen), -1).conj().T
        found[int(order)] = np.linalg.solve(gram, cross).conj().T
    return found


def doubled(vectors: np.ndarray, orders: np.ndarray, by: Doubling) -> np.ndarray:
    """Vectors (L, size) of the same song at twice its tempo, (L / 2, size) rounded up, at unit length."""
    values = as_complex(vectors, orders)
    rows = 2 * np.arange((len(vectors) + 1) // 2)[:, None] + np.arange(0, WINDOW + 1, APART) // HOP
    beyond = np.concatenate([values, np.zeros((WINDOW // HOP + 1, len(orders)), np.complex64)])
    within = beyond[rows]
    found = np.empty((len(rows), len(orders)), np.complex64)
    for order, matrix in by.items():
        own = orders == order
        found[:, own] = within[:, :, own].reshape(len(rows), -1) @ matrix.T
    return unit(as_real(found, orders)).astype(np.float32)


def song_at_twice_the_tempo(song: StoredSequence, orders: np.ndarray, by: Doubling) -> StoredSequence:
    """The song at twice its tempo; it is as much of a hub."""
    vectors = stored(doubled(restored(song.vectors, real_numbers(orders)), orders, by))
    sections = np.array_split(song.profiles, int(section_counts(np.array(len(vectors)))))
    profiles = np.stack([unit(section.mean(axis=0)) for section in sections])
    return song._replace(vectors=vectors, profiles=profiles)


def at_twice_the_tempo(songs: Sequences, by: Doubling) -> Sequences:
    """The same of all songs."""
    found = [
        song_at_twice_the_tempo(songs.song(place), songs.orders, by) for place in range(len(songs.works))
    ]
    return songs._replace(
        offsets=np.cumsum([0, *(len(song.vectors) for song in found)]),
        vectors=np.concatenate([songs.vectors[:0], *(song.vectors for song in found)]),
        profiles=np.concatenate([songs.profiles[:0], *(song.profiles for song in found)]),
    )
