"""Match a shard's queries with the songs of their collection; if asked, at half the rate, and the nearest of them again."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from coversim.progress import followed
from coversim.sequences import storage
from coversim.sequences.distances import distances as distances_of
from coversim.sequences.songs import at_half_rate, likenesses
from coversim.sequences.storage import Sequences, StoredSequence
from coversim.storage import distances, frames
from coversim.storage.songs import members


def match_shard(
    songs: Path,
    catalogues: Sequence[Path],
    copies: Sequence[Path],
    collection: str,
    shard: str,
    output: Path,
    candidates: Path | None = None,
    refine: int = 0,
) -> None:
    """Write the distances of a shard's queries to all songs of their collection, or to their candidates.

    Its queries are in memory, and some of the others at a time.

    Parameters
    ----------
    songs : sequences of the collection, `…/<features>/<projection>/collections/<collection>.h5`
    catalogues, copies : of each data set of the collection, see coversim.storage.songs
    candidates : which songs each query is compared with, see coversim.alignment.candidates; None: with all
    refine : all are compared at half the rate, and those so many again that are nearest to a query; 0: all as they are
    """
    songs_of_work = Counter(work for work, _ in members(catalogues, copies, collection))
    queries = [
        own.song(place)
        for own, shards in storage.blocks(songs)
        for place, work in enumerate(own.works)
        if shards[place] == shard and songs_of_work[str(work)] > 1
    ]
    started = time.monotonic()
    chosen = distances.candidates(candidates, [query.name for query in queries]) if candidates else None
    if chosen:
        queries = [queries[number] for number in chosen.queries]
        row_in = {name: row for row, name in enumerate(chosen.songs)}
        names, compared = _with_some(songs, queries, row_in, chosen.found, refine > 0)
    else:
        names, compared = _with_all(songs, queries, refine > 0)
    if refine and queries:
        _refine(songs, queries, names, compared, chosen, refine)
    logging.info(
        "%d queries, %d songs, %d pairs in %.1f s, compilation included",
        *(len(queries), len(names), compared.size, time.monotonic() - started),
    )
    projection = "/".join(songs.parts[songs.parts.index("collections") - 2 :][:2])
    settings = {"method": "sequences", "sequences": projection, "refine": refine}
    distances.write_compared(output, names, [query.name for query in queries], compared, settings, chosen)


def _refine(
    songs: Path,
    queries: Sequence[StoredSequence],
    names: Sequence[frames.Name],
    compared: np.ndarray,
    chosen: distances.Candidates | None,
    refine: int,
) -> None:
    """Compare each query once more, as it is, with the songs that are nearest to it; `compared` is changed in place."""
    row_of = {name: row for row, name in enumerate(names)}
    own = np.array([row_of[query.name] for query in queries])
    rows = (
        np.array([row_of[name] for name in chosen.songs])[chosen.found]
        if chosen
        else np.arange(len(names))[None]
    )
    others = np.where(rows == own[:, None], np.inf, compared)
    nearest = np.argsort(others, axis=1, kind="stable")[:, :refine]
    again = np.take_along_axis(np.broadcast_to(rows, compared.shape), nearest, axis=1)
    np.put_along_axis(compared, nearest, _with_some(songs, queries, row_of, again, False)[1], axis=1)


def _with_all(
    songs: Path, queries: Sequence[StoredSequence], half_rate: bool
) -> tuple[list[frames.Name], np.ndarray]:
    """The songs of a collection, and their distances (queries, songs)."""
    names = []
    blocks = [np.empty((len(queries), 0), np.float32)]
    for own, others in _compared(songs, queries, half_rate):
        names += others.names
        block = [_distances(query, others) for query in own]
        blocks.append(np.array(block, np.float32).reshape(len(queries), len(others.works)))
    return names, np.concatenate(blocks, axis=1)


def _with_some(
    songs: Path,
    queries: Sequence[StoredSequence],
    row_in: Mapping[frames.Name, int],
    wanted: np.ndarray,
    half_rate: bool,
) -> tuple[list[frames.Name], np.ndarray]:
    """The songs of a collection, and the distances of some of them, those of the rows `wanted` (queries, some): as many."""
    names = []
    compared = np.full(wanted.shape, np.nan, np.float32)
    for own, others in _compared(songs, queries, half_rate):
        names += others.names
        rows = np.array([row_in.get(name, -1) for name in others.names])
        for query, of_query, row in zip(own, wanted, compared, strict=True):
            among = np.isin(rows, of_query)
            if among.any():
                order = of_query.argsort()
                places = order[np.searchsorted(of_query, rows[among], sorter=order)]
                row[places] = _distances(query, others.of(among))
    return names, compared


def _compared(
    songs: Path, queries: Sequence[StoredSequence], half_rate: bool
) -> Iterator[tuple[Sequence[StoredSequence], Sequences]]:
    """The queries beside some songs of the collection at a time, both as they are or at half their rate."""
    for others, _ in followed(storage.blocks(songs), "blocks of songs"):
        yield at_half_rate(queries, others) if half_rate else (queries, others)


def _distances(query: StoredSequence, others: Sequences) -> np.ndarray:
    return distances_of(likenesses(query, others), query.hubness, others.hubness)
