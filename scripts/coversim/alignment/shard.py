"""Align a shard's queries with the songs of their collection, or with those that an embedding finds first."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from coversim.alignment import qmax
from coversim.progress import followed
from coversim.storage import distances, frames
from coversim.storage.songs import listed, members

Chroma = Callable[[frames.SongFrames], np.ndarray]  # of a song
Compare = Callable[[np.ndarray, list[np.ndarray]], np.ndarray]  # a song with queries


def align_shard(
    method: str,
    transpositions: int,
    sharpness: list[float],
    shards: Sequence[Path],
    catalogues: Sequence[Path],
    copies: Sequence[Path],
    collection: str,
    shard: str,
    output: Path,
    candidates: Path | None = None,
) -> None:
    """Write the distances of a shard's queries to the songs of their collection, or to their candidates.

    Parameters
    ----------
    method : a name in coversim.alignment.qmax.METHODS
    transpositions : in which Qmax aligns two songs
    sharpness : of each feature, see coversim.features.patches
    shards : all shards of frames of all features, in their order
    catalogues, copies : of each data set of the collection, see coversim.storage.songs
    candidates : which songs each query is compared with, see coversim.alignment.candidates; None: with all
    """
    wanted, left_out = members(catalogues, copies, collection), listed(copies)
    songs_of_work = Counter(work for work, _ in wanted)
    with_cover = {(work, performance) for work, performance in wanted if songs_of_work[work] > 1}
    own_shard = [path for path in shards if Path(path).stem == shard]
    # songs of like length go together
    queries = sorted(frames.songs(own_shard, with_cover, left_out), key=lambda song: song.frames.shape[2])
    chosen = distances.candidates(candidates, [song.name for song in queries]) if candidates else None
    if chosen:
        queries = [queries[number] for number in chosen.queries]

    compare = partial(qmax.METHODS[method], transpositions=transpositions)
    chroma = partial(_chroma, sharpness=sharpness)
    songs = followed(frames.songs(shards, wanted, left_out), "songs", len(wanted))
    started = time.monotonic()
    if chosen:
        names, compared = _with_candidates(songs, list(map(chroma, queries)), chosen, chroma, compare)
    else:
        names, compared = _with_all(songs, list(map(chroma, queries)), chroma, compare)
    seconds, pairs = time.monotonic() - started, int(np.count_nonzero(~np.isnan(compared)))
    logging.info(
        "%d queries, %d songs, %d pairs: %.2f ms per pair, %.3f s per query",
        *(len(queries), len(names), pairs, 1000 * seconds / max(1, pairs), seconds / max(1, len(queries))),
    )
    settings = {
        "method": method,
        "transpositions": transpositions,
        "frames": sorted({Path(path).parent.name for path in shards}),
        "sharpness": sharpness,
    }
    distances.write_compared(output, names, [song.name for song in queries], compared, settings, chosen)


def _with_all(
    songs: Iterable[frames.SongFrames], queries: list[np.ndarray], chroma: Chroma, compare: Compare
) -> tuple[list[frames.Name], np.ndarray]:
    """Names of the songs, and the distances (queries, songs) between queries and songs."""
    names: list[frames.Name] = []
    columns = []
    for song in songs:
        names.append(song.name)
        columns.append(compare(chroma(song), queries) if queries else np.empty(0))
    return names, np.array(columns, np.float32).reshape(len(names), len(queries)).T


def _with_candidates(
    songs: Iterable[frames.SongFrames],
    queries: list[np.ndarray],
    chosen: distances.Candidates,
    chroma: Chroma,
    compare: Compare,
) -> tuple[list[frames.Name], np.ndarray]:
    """Names of the songs, and the distances (queries, candidates) between queries and what was chosen for them."""
    places = _places(chosen)
    names: list[frames.Name] = []
    compared = np.full(chosen.found.shape, np.nan, np.float32)
    for song in songs:
        names.append(song.name)
        if song.name in places:
            query, place = places[song.name]
            compared[query, place] = compare(chroma(song), [queries[one] for one in query])
    return names, compared


def _chroma(song: frames.SongFrames, sharpness: list[float]) -> np.ndarray:
    """A song's frames (C, 12, T), sharpened as coversim.features.patches does it, here without torch."""
    factor = np.array(sharpness, np.float32)[:, None, None]
    loudest = song.frames.max(axis=1, keepdims=True)
    sharp = np.exp(factor * (song.frames / np.maximum(loudest, np.finfo(np.float32).tiny) - 1))
    sharp *= (loudest > 0) / sharp.sum(axis=1, keepdims=True)
    return np.where(factor > 0, sharp, song.frames)


def _places(chosen: distances.Candidates) -> dict[frames.Name, tuple[np.ndarray, ...]]:
    """Of each song that is found: the queries that find it, and its places among what they find."""
    order = chosen.found.ravel().argsort(kind="stable")
    songs, starts = np.unique(chosen.found.ravel()[order], return_index=True)
    return {
        chosen.songs[song]: np.unravel_index(part, chosen.found.shape)
        for song, part in zip(songs.tolist(), np.split(order, starts)[1:], strict=True)
    }
