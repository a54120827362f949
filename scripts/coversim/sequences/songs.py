"""The sequences of songs, from their frames: those of a shard, and those of the songs that show hubs."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from coversim.progress import followed
from coversim.sequences import storage
from coversim.sequences.distances import hubness, likeness
from coversim.sequences.matching import best_transpositions, halved, restored, scores, stored
from coversim.sequences.patches import patches, profiles
from coversim.sequences.projection import PatchEncoder, real_numbers
from coversim.sequences.storage import Sequences, StoredSequence
from coversim.storage import frames
from coversim.storage.hashing import stable_hash
from coversim.storage.songs import counting, listed, members

HUBS = 100  # training songs by which it is told how well a song scores with everything


def write_hubs(
    shards: Sequence[Path],
    catalogues: Sequence[Path],
    copies: Sequence[Path],
    projection: PatchEncoder,
    output: Path,
) -> None:
    """Write the sequences of HUBS training songs, by stable hash, as many of each data set.

    Parameters
    ----------
    shards : frames of all shards of all training data sets, a file of each feature
    catalogues, copies : of each training data set, see coversim.storage.songs
    """
    chosen: set[frames.Name] = set()
    for catalogue, left_out in zip(catalogues, copies, strict=True):
        training = sorted(
            members([catalogue], [left_out], "train"), key=lambda song: (stable_hash("hub", *song), song)
        )
        chosen.update(training[: HUBS // len(catalogues)])
    songs = [sequence_of(song, "train", projection) for song in frames.songs(shards, chosen, listed(copies))]
    logging.info("%d songs", len(songs))
    storage.write(output, songs, projection)


def write_songs(
    shards: Sequence[Path],
    catalogue: Path,
    copies: Path,
    projection: PatchEncoder,
    hubs: Path,
    output: Path,
) -> None:
    """Write the sequences of a shard's songs that count, with their hubness.

    Parameters
    ----------
    shards : frames of the shard, a file of each feature
    catalogue, copies : of the shard's data set, see coversim.storage.songs
    hubs : what `write_hubs` wrote
    """
    split = counting([catalogue], [copies])
    others = storage.read(hubs)
    songs = []
    for found in followed(frames.songs(shards, split), "songs"):
        song = sequence_of(found, split[found.work, found.performance], projection)
        songs.append(song._replace(hubness=hubness(likenesses(song, others))))
    logging.info("%d songs, %d vectors", len(songs), sum(len(song.vectors) for song in songs))
    storage.write(output, songs, projection)


def likenesses(song: StoredSequence, others: Sequences) -> np.ndarray:
    """How like a song others are, (N,): see coversim.sequences.distances."""
    keys = best_transpositions(song.profiles, others.profiles)
    vectors = restored(song.vectors, real_numbers(others.orders))
    found = scores(vectors, others.vectors, others.offsets, keys, others.orders, apart=others.apart)
    return likeness(found, len(song.vectors), others.lengths, others.apart)


def at_half_rate(
    queries: Sequence[StoredSequence], others: Sequences
) -> tuple[list[StoredSequence], Sequences]:
    """The same songs with half as many vectors, see coversim.sequences.matching.halved."""
    size = real_numbers(others.orders)
    vectors, offsets = halved(others.vectors, others.offsets, size)
    fewer = [
        query._replace(vectors=halved(query.vectors, np.array([0, len(query.vectors)]), size)[0])
        for query in queries
    ]
    return fewer, others._replace(vectors=vectors, offsets=offsets, apart=2)


def sequence_of(song: frames.SongFrames, split: str, projection: PatchEncoder) -> StoredSequence:
    """A song of a split as what is stored of it; its hubness is not known yet."""
    vectors = stored(projection(patches(song.frames)))
    return StoredSequence(song.work, song.performance, split, vectors, profiles(song.frames))
