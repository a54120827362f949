"""Align a shard's queries with the songs of their collection, or with those that an embedding finds first."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from coversim.alignment import qmax
from coversim.progress import followed
from coversim.storage import distances, frames, hdf5
from coversim.storage.songs import listed, members


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
    if candidates:
        embedded, kept, found = distances.candidates(
            candidates, [(song.work, song.performance) for song in queries]
        )
        queries = [queries[number] for number in kept]
        places = _places(embedded, found)
        compared = np.full(found.shape, np.nan, np.float32)
    query_chroma = [_chroma(song, sharpness) for song in queries]

    compare = partial(qmax.METHODS[method], transpositions=transpositions)
    started = time.monotonic()
    pairs, names = 0, []
    columns: list[np.ndarray] = []
    for song in followed(frames.songs(shards, wanted, left_out), "songs", len(wanted)):
        name = (song.work, song.performance)
        names.append(name)
        if not candidates:
            columns.append(compare(_chroma(song, sharpness), query_chroma) if queries else np.empty(0))
            pairs += len(queries)
        elif name in places:
            query, place = places[name]
            compared[query, place] = compare(_chroma(song, sharpness), [query_chroma[one] for one in query])
            pairs += len(query)
    seconds = time.monotonic() - started
    logging.info(
        "%d queries, %d songs, %d pairs: %.2f ms per pair, %.3f s per query",
        *(len(queries), len(names), pairs, 1000 * seconds / max(1, pairs), seconds / max(1, len(queries))),
    )
    row = {name: row for row, name in enumerate(names)}
    candidate = np.array([row[name] for name in embedded])[found] if candidates else None
    distances.write(
        output,
        [work for work, _ in names],
        [performance for _, performance in names],
        np.array([row[song.work, song.performance] for song in queries], dtype=np.int64),
        np.array(columns, np.float32).reshape(len(names), len(queries)).T if candidate is None else compared,
        {
            "method": method,
            "transpositions": transpositions,
            "frames": sorted({Path(path).parent.name for path in shards}),
            "sharpness": sharpness,
            "candidates": hdf5.read_settings(candidates)["candidates"] if candidates else 0,
        },
        candidate,
    )


def _chroma(song: frames.SongFrames, sharpness: list[float]) -> np.ndarray:
    """A song's frames (C, 12, T), sharpened as coversim.features.patches does it, here without torch."""
    factor = np.array(sharpness, np.float32)[:, None, None]
    loudest = song.frames.max(axis=1, keepdims=True)
    sharp = np.exp(factor * (song.frames / np.maximum(loudest, np.finfo(np.float32).tiny) - 1))
    sharp *= (loudest > 0) / sharp.sum(axis=1, keepdims=True)
    return np.where(factor > 0, sharp, song.frames)


def _places(names: list[frames.Name], found: np.ndarray) -> dict[frames.Name, tuple[np.ndarray, ...]]:
    """Of each song that is found: the queries that find it, and its places among what they find."""
    order = found.ravel().argsort(kind="stable")
    songs, starts = np.unique(found.ravel()[order], return_index=True)
    return {
        names[song]: np.unravel_index(part, found.shape)
        for song, part in zip(songs.tolist(), np.split(order, starts)[1:], strict=True)
    }
