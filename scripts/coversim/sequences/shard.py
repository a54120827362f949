"""Match a shard's queries with the songs of their collection."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from coversim.progress import followed
from coversim.sequences import storage
from coversim.sequences.distances import distances as distances_of
from coversim.sequences.songs import likenesses
from coversim.sequences.storage import Sequences, Song
from coversim.storage import distances, frames, hdf5
from coversim.storage.songs import members


def match_shard(
    songs: Path,
    catalogues: Sequence[Path],
    copies: Sequence[Path],
    collection: str,
    shard: str,
    output: Path,
    candidates: Path | None = None,
) -> None:
    """Write the distances of a shard's queries to all songs of their collection, or to their candidates.

    Its queries are in memory, and some of the others at a time.

    Parameters
    ----------
    songs : sequences of the collection, `…/<features>/<projection>/collections/<collection>.h5`
    catalogues, copies : of each data set of the collection, see coversim.storage.songs
    candidates : which songs each query is compared with, see coversim.alignment.candidates; None: with all
    """
    songs_of_work = Counter(work for work, _ in members(catalogues, copies, collection))
    queries = [
        own.song(place)
        for own, shards in storage.blocks(songs)
        for place, work in enumerate(own.works)
        if shards[place] == shard and songs_of_work[str(work)] > 1
    ]
    embedded: list[frames.Name] = []
    if candidates:
        embedded, kept, found = distances.candidates(
            candidates, [(query.work, query.performance) for query in queries]
        )
        queries = [queries[number] for number in kept]
        compared = np.full(found.shape, np.nan, np.float32)
    embedded_row = {name: row for row, name in enumerate(embedded)}
    started = time.monotonic()
    names, pairs = [], 0
    blocks = [np.empty((len(queries), 0), np.float32)]
    for others, _ in followed(storage.blocks(songs), "blocks of songs"):
        names += others.names
        if not candidates:
            block = [_distances(query, others) for query in queries]
            blocks.append(np.array(block, np.float32).reshape(len(queries), len(others.works)))
            pairs += blocks[-1].size
            continue
        rows = np.array([embedded_row.get(name, -1) for name in others.names])
        for query, wanted, row in zip(queries, found, compared, strict=True):
            among = np.isin(rows, wanted)
            if among.any():
                order = wanted.argsort()
                row[order[np.searchsorted(wanted, rows[among], sorter=order)]] = _distances(
                    query, others.of(among)
                )
                pairs += int(among.sum())
    logging.info(
        "%d queries, %d songs, %d pairs in %.1f s, compilation included",
        *(len(queries), len(names), pairs, time.monotonic() - started),
    )
    row_of = {name: row for row, name in enumerate(names)}
    distances.write(
        output,
        [work for work, _ in names],
        [performance for _, performance in names],
        np.array([row_of[query.work, query.performance] for query in queries], dtype=np.int64),
        compared if candidates else np.concatenate(blocks, axis=1),
        {
            "method": "sequences",
            "sequences": "/".join(songs.parts[songs.parts.index("collections") - 2 :][:2]),
            "candidates": hdf5.read_settings(candidates)["candidates"] if candidates else 0,
        },
        np.array([row_of[name] for name in embedded])[found] if candidates else None,
    )


def _distances(query: Song, others: Sequences) -> np.ndarray:
    return distances_of(likenesses(query, others), query.hubness, others.hubness)
