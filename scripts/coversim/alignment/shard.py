"""Align a shard's queries with the songs of their collection, or with those that an embedding finds first."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from coversim.alignment import qmax
from coversim.alignment.candidates import nearest
from coversim.features.patches import sharpen
from coversim.progress import followed
from coversim.storage import distances, frames, tsv
from coversim.storage.embeddings import of_split


def align_shard(
    method: str,
    sharpness: list[float],
    shards: Sequence[Path],
    catalogues: Sequence[Path],
    collection: str,
    shard: str,
    output: Path,
    embeddings: Sequence[Path] = (),
    candidates: int = 0,
) -> None:
    """Write the distances of a shard's queries to the songs of their collection, or to their candidates.

    Parameters
    ----------
    method : a name in coversim.alignment.qmax.METHODS
    sharpness : of each feature, see coversim.features.patches
    shards : all shards of frames of all features, in their order
    catalogues : songs.tsv of each data set of the collection, with the split of each song
    embeddings : of the data sets; without any, all songs are compared, else the `candidates` that are found first
    """
    split = collection.partition("/")[0]
    members = {
        (song["work"], song["performance"])
        for catalogue in catalogues
        for song in tsv.read(catalogue)
        if song["split"] == split
    }
    songs_of_work = Counter(work for work, _ in members)
    with_cover = {(work, performance) for work, performance in members if songs_of_work[work] > 1}
    own_shard = [path for path in shards if Path(path).stem == shard]
    # songs of like length go together
    queries = sorted(frames.songs(own_shard, with_cover), key=lambda song: song.frames.shape[2])
    query_chroma = [_chroma(song, sharpness) for song in queries]
    if embeddings:
        embedded, found = _first_found(embeddings, collection, queries, candidates)
        places = _places(embedded, found)
        compared = np.full(found.shape, np.nan, np.float32)

    compare = qmax.METHODS[method]
    started = time.monotonic()
    pairs, names = 0, []
    columns: list[np.ndarray] = []
    for song in followed(frames.songs(shards, members), "songs", len(members)):
        name = (song.work, song.performance)
        names.append(name)
        if not embeddings:
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
    candidate = np.array([row[name] for name in embedded])[found] if embeddings else None
    distances.write(
        output,
        [work for work, _ in names],
        [performance for _, performance in names],
        np.array([row[song.work, song.performance] for song in queries], dtype=np.int64),
        np.array(columns, np.float32).reshape(len(names), len(queries)).T if candidate is None else compared,
        {
            "method": method,
            "frames": sorted({Path(path).parent.name for path in shards}),
            "sharpness": sharpness,
            "candidates": candidates,
        },
        candidate,
    )


def _chroma(song: frames.SongFrames, sharpness: list[float]) -> np.ndarray:
    """A song's frames (C, 12, T), sharpened."""
    return sharpen(torch.from_numpy(song.frames)[None], sharpness)[0].numpy()


def _first_found(
    embeddings: Sequence[Path], collection: str, queries: list[frames.SongFrames], candidates: int
) -> tuple[list[frames.Name], np.ndarray]:
    """The songs of the collection, and which of them each query finds first: (queries, candidates)."""
    songs = of_split(embeddings, collection)
    names = list(zip(songs.works.tolist(), songs.performances.tolist(), strict=True))
    row = {name: row for row, name in enumerate(names)}
    rows = np.array([row[song.work, song.performance] for song in queries], dtype=np.int64)
    return names, nearest(songs.embeddings, rows, candidates, songs.queries)


def _places(names: list[frames.Name], found: np.ndarray) -> dict[frames.Name, tuple[np.ndarray, ...]]:
    """Of each song that is found: the queries that find it, and its places among what they find."""
    order = found.ravel().argsort(kind="stable")
    songs, starts = np.unique(found.ravel()[order], return_index=True)
    return {
        names[song]: np.unravel_index(part, found.shape)
        for song, part in zip(songs.tolist(), np.split(order, starts)[1:], strict=True)
    }
