"""Patches of covers that the same music makes: those that the alignment of two covers brings together.

What is found is as good as the projection that it is found in; a better one, fitted to it, finds better ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coversim.sequences import patches
from coversim.sequences.matching import THRESHOLD, best_transpositions, match
from coversim.sequences.projection import PatchEncoder, Projection, SecondMoments
from coversim.storage import frames
from coversim.storage.songs import members

TRANSPOSITIONS = 3  # that are tried
FEWEST = 8  # patches on a path that is trusted


class SongPatches(NamedTuple):
    """A song to learn from, as its patches."""

    patches: np.ndarray  # (L, 7, F)
    profiles: np.ndarray  # (sections, C, 12)


class Aligned(NamedTuple):
    """Which patches of two covers, by their places among those of a work, are the same music."""

    song: int
    other: int
    places: np.ndarray  # (N, 2) patches of the song and of the other
    transposition: int  # semitones by which the other is to be played higher


def aligned(covers: Sequence[SongPatches], encoder: PatchEncoder) -> Iterator[Aligned]:
    """The pairs of a work's covers of which enough patches align closely."""
    vectors = [encoder(song.patches) for song in covers]
    return aligned_vectors(vectors, [song.profiles for song in covers], encoder.orders)


def aligned_vectors(
    vectors: Sequence[np.ndarray], profiles: Sequence[np.ndarray], orders: np.ndarray
) -> Iterator[Aligned]:
    """The same, of the vectors of covers."""
    means = [of_song.mean(axis=0) for of_song in profiles]
    for song, other in combinations(range(len(vectors)), 2):
        keys = best_transpositions(means[song][None], means[other][None], TRANSPOSITIONS)[0, 0]
        found = match(vectors[song], vectors[other], keys, orders)
        if found is not None:
            close = found.cosines > THRESHOLD
            if close.sum() >= FEWEST:
                yield Aligned(song, other, found.path[close], found.transposition)


def differences_of_shard(
    shards: Sequence[Path], catalogue: Path, copies: Path, projection: Projection
) -> SecondMoments:
    """`difference_moments` of the works of a shard to train with; `shards` are its frames, a file of each feature.

    One work in memory at a time: the songs of a work follow each other.
    """
    training = frames.songs(shards, members([catalogue], [copies], "train"))
    works = groupby(training, key=lambda song: song.work)
    covers = (
        [SongPatches(patches.patches(song.frames), patches.profiles(song.frames)) for song in work]
        for _, work in works
    )
    return difference_moments(covers, projection)


def difference_moments(works: Iterable[Sequence[SongPatches]], projection: Projection) -> SecondMoments:
    """Moments of the differences, over √2, of the aligned patches of all covers of works: see `discriminants`.

    A work of many covers has many pairs that are much alike: each weighs 1 / √pairs.
    """
    moments = SecondMoments(projection.components.shape[1])
    for covers in works:
        pairs = list(aligned(covers, projection))
        for pair in pairs:
            there = covers[pair.song].patches[pair.places[:, 0]]
            here = covers[pair.other].patches[pair.places[:, 1]]
            difference = there - patches.transpose(here, pair.transposition)
            moments.add(difference / np.sqrt(np.float32(2)), weight=len(pairs) ** -0.5)
    return moments
