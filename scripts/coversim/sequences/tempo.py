"""Vectors of a song at twice its tempo, from those at its own: songs of half the tempo of others are found by them.

At twice the tempo a patch lasts as long as two, and has every second frame. The patches that lie within it tell these
frames by least squares (Tikhonov), and the frames tell the patch. Both are linear, so it is one matrix, which the
projection alone decides. What a patch's unit length and its song's mean have taken away is not given back.
"""

from collections.abc import Sequence

import numpy as np

from coversim.sequences.distances import TEMPO
from coversim.sequences.distances import distances as distances_of
from coversim.sequences.matching import restored, stored
from coversim.sequences.patches import HOP, TAPER, WINDOW, section_counts, unit
from coversim.sequences.projection import Projection, as_complex, as_real, real_numbers
from coversim.sequences.songs import at_half_rate, likenesses
from coversim.sequences.storage import Sequences, StoredSequence, runs, together

COMPARED = ("all", "nearest", "none")  # which songs are compared at twice their tempo, too
APART = 4  # frames from a patch that counts to the next
WITHIN = np.arange(0, WINDOW + 1, APART) // HOP  # the patches within one at twice the tempo
RIDGE = 0.1  # of the mean square of what the patches see of white noise
TOGETHER = 2**13  # vectors that are made faster at a time, or one song of more: 8 MB


def doubling(projection: Projection) -> np.ndarray:
    """The matrix, (patches · size, size) float32, from the vectors of the patches within one at twice the tempo to its own."""
    every = np.eye(len(WITHIN) * projection.size, dtype=np.float32)
    orders = projection.orders
    seen = as_complex(every.reshape(-1, projection.size), orders).reshape(len(every), len(WITHIN), -1)
    found = np.empty((len(every), len(orders)), np.complex64)
    for order in np.unique(orders):
        own = orders == order
        found[:, own] = seen[:, :, own].reshape(len(every), -1) @ _of_order(projection, order).T
    return as_real(found, orders)


def _of_order(projection: Projection, order: int) -> np.ndarray:
    """The same of one order, (components, patches · components)."""
    components = projection.components[projection.orders == order].conj()
    seen = components.reshape(len(components), projection.channels, WINDOW) * TAPER
    frames = np.zeros((len(WITHIN), *seen.shape[:2], 2 * WINDOW), np.complex128)
    for patch, start in enumerate(HOP * WITHIN):
        frames[patch, :, :, start : start + WINDOW] = seen
    wanted = np.zeros(frames.shape[1:], np.complex128)
    wanted[:, :, ::2] = seen
    frames = frames.reshape(len(WITHIN) * len(seen), -1)
    gram = frames @ frames.conj().T
    gram += RIDGE * np.trace(gram).real / len(gram) * np.eye(len(gram))
    cross = frames @ wanted.reshape(len(seen), -1).conj().T
    return np.linalg.solve(gram, cross).conj().T


def doubled(vectors: np.ndarray, offsets: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Vectors (L, size) float32 of songs, whose is what by `offsets`, at twice their tempo, half of each rounded up, at unit length."""
    counts = (np.diff(offsets) + 1) // 2
    song = np.arange(len(counts)).repeat(counts)
    first = offsets[song] + 2 * (np.arange(len(song)) - (np.cumsum(counts) - counts)[song])
    within = first[:, None] + WITHIN
    silence = len(vectors)
    within[within >= offsets[song + 1][:, None]] = silence
    heard = np.concatenate([vectors, np.zeros((1, vectors.shape[1]), np.float32)])
    return unit(heard[within].reshape(len(song), -1) @ by)


def at_twice_the_tempo(songs: Sequences, by: np.ndarray) -> Sequences:
    """The songs at twice their tempo; each is as much of a hub."""
    size = real_numbers(songs.orders)
    lengths = (songs.lengths + 1) // 2
    vectors = [songs.vectors[:0]]
    for start, stop in runs(songs.offsets, TOGETHER):
        offsets = songs.offsets[start : stop + 1]
        own = restored(songs.vectors[offsets[0] : offsets[-1]], size)
        vectors.append(stored(doubled(own, offsets - offsets[0], by)))
    sections = np.cumsum([0, *section_counts(songs.lengths)])
    profiles = [songs.profiles[:0]]
    for place, fewer in enumerate(section_counts(lengths).tolist()):
        of_song = np.array_split(songs.profiles[sections[place] : sections[place + 1]], fewer)
        profiles.append(unit(np.stack([section.mean(axis=0) for section in of_song])))
    return songs._replace(
        offsets=np.cumsum([0, *lengths]),
        vectors=np.concatenate(vectors),
        profiles=np.concatenate(profiles),
    )


def at_tempi(
    queries: Sequence[StoredSequence],
    others: Sequences,
    by: np.ndarray | None = None,
    half_rate: bool = False,
) -> tuple[list[tuple[StoredSequence, ...]], list[Sequences]]:
    """Each query, and the others, at all tempi that they are compared at: their own and, with what `doubling` gives, twice that."""
    found = [(queries, others)]
    if by is not None:
        fast = [at_twice_the_tempo(together([query], others.orders), by).song(0) for query in queries]
        found.append((fast, at_twice_the_tempo(others, by)))
    if half_rate:
        found = [at_half_rate(*at_tempo) for at_tempo in found]
    return list(zip(*(own for own, _ in found), strict=True)), [others for _, others in found]


def distances(query: Sequence[StoredSequence], others: Sequence[Sequences]) -> np.ndarray:
    """Distances of songs from a query, (N,): both at their own tempo or the one of them at twice that, as they are nearest."""
    own, *fast = query
    likeness = likenesses(own, others[0])
    if fast:
        faster = np.maximum(likenesses(fast[0], others[0]), likenesses(own, others[1]))
        likeness = np.maximum(likeness, faster - TEMPO)
    return distances_of(likeness, own.hubness, others[0].hubness)
