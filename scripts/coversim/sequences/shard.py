"""Match a shard's queries with the songs of their collection.

If asked, at half the rate, and the nearest of them again; and each of two songs at twice its tempo, too.
"""

import logging
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from coversim.progress import followed
from coversim.sequences import storage
from coversim.sequences.distances import TEMPO
from coversim.sequences.distances import distances as distances_of
from coversim.sequences.projection import Projection
from coversim.sequences.songs import at_half_rate, likenesses
from coversim.sequences.storage import Sequences, StoredSequence
from coversim.sequences.tempo import Doubling, at_twice_the_tempo, doubling, song_at_twice_the_tempo
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
    projection: Path | None = None,
) -> None:
    """Write the distances of a shard's queries to all songs of their collection, or to their candidates.

    Its queries are in memory, and some of the others at a time.

    Parameters
    ----------
    songs : sequences of the collection, `…/<features>/<projection>/collections/<collection>.h5`
    catalogues, copies : of each data set of the collection, see coversim.storage.songs
    candidates : which songs each query is compared with, see coversim.alignment.candidates; None: with all
    refine : all are compared at half the rate, and those so many again that are nearest to a query; 0: all as they are
    projection : of these sequences, by which songs at twice their tempo are compared as well; None: they are not
    """
    by = doubling(Projection.load(projection)) if projection else None
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
        names, compared = _with_some(songs, queries, row_in, chosen.found, refine > 0, by)
    else:
        names, compared = _with_all(songs, queries, refine > 0, by)
    if refine and queries:
        _refine(songs, queries, names, compared, chosen, refine, by)
    logging.info(
        "%d queries, %d songs, %d pairs in %.1f s, compilation included",
        *(len(queries), len(names), compared.size, time.monotonic() - started),
    )
    of = "/".join(songs.parts[songs.parts.index("collections") - 2 :][:2])
    settings = {"method": "sequences", "sequences": of, "refine": refine, "double_tempo": by is not None}
    distances.write_compared(output, names, [query.name for query in queries], compared, settings, chosen)


def _refine(
    songs: Path,
    queries: Sequence[StoredSequence],
    names: Sequence[frames.Name],
    compared: np.ndarray,
    chosen: distances.Candidates | None,
    refine: int,
    by: Doubling | None,
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
    np.put_along_axis(compared, nearest, _with_some(songs, queries, row_of, again, False, by)[1], axis=1)


def _with_all(
    songs: Path, queries: Sequence[StoredSequence], half_rate: bool, by: Doubling | None
) -> tuple[list[frames.Name], np.ndarray]:
    """The songs of a collection, and their distances (queries, songs)."""
    names = []
    blocks = [np.empty((len(queries), 0), np.float32)]
    for of_block, own, others in _compared(songs, queries, half_rate, by):
        names += of_block
        block = [_distances(query, others) for query in own]
        blocks.append(np.array(block, np.float32).reshape(len(queries), len(others[0].works)))
    return names, np.concatenate(blocks, axis=1)


def _with_some(
    songs: Path,
    queries: Sequence[StoredSequence],
    row_in: Mapping[frames.Name, int],
    wanted: np.ndarray,
    half_rate: bool,
    by: Doubling | None,
) -> tuple[list[frames.Name], np.ndarray]:
    """The songs of a collection, and the distances of some of them, those of the rows `wanted` (queries, some): as many."""
    names = []
    compared = np.full(wanted.shape, np.nan, np.float32)
    somewhere = set(np.unique(wanted).tolist())
    some = {name for name, row in row_in.items() if row in somewhere}
    for of_block, own, others in _compared(songs, queries, half_rate, by, some):
        names += of_block
        rows = np.array([row_in.get(name, -1) for name in others[0].names])
        for query, of_query, row in zip(own, wanted, compared, strict=True):
            among = np.isin(rows, of_query)
            if among.any():
                order = of_query.argsort()
                places = order[np.searchsorted(of_query, rows[among], sorter=order)]
                row[places] = _distances(query, [at_tempo.of(among) for at_tempo in others])
    return names, compared


def _compared(
    songs: Path,
    queries: Sequence[StoredSequence],
    half_rate: bool,
    by: Doubling | None,
    some: Container[frames.Name] | None = None,
) -> Iterator[tuple[list[frames.Name], list[tuple[StoredSequence, ...]], list[Sequences]]]:
    """Names of some songs of the collection at a time, and beside them the queries, as they are or at half their rate.

    Each query, and these songs, or of these but `some`: at their own tempo and, if asked, at twice that.
    """
    fast: list[StoredSequence] = []
    for others, _ in followed(storage.blocks(songs), "blocks of songs"):
        names = others.names
        if some is not None:
            others = others.of(np.array([name in some for name in names], dtype=bool))
        at_tempi = [(queries, others)]
        if by is not None:
            fast = fast or [song_at_twice_the_tempo(query, others.orders, by) for query in queries]
            at_tempi.append((fast, at_twice_the_tempo(others, by)))
        if half_rate:
            at_tempi = [at_half_rate(*songs_at_tempo) for songs_at_tempo in at_tempi]
        yield (
            names,
            list(zip(*(own for own, _ in at_tempi), strict=True)),
            [others for _, others in at_tempi],
        )


def _distances(query: Sequence[StoredSequence], others: Sequence[Sequences]) -> np.ndarray:
    """Distances of the songs from a query, both at their own tempo or the one of them at twice that, as they are nearest."""
    own, *fast = query
    likeness = likenesses(own, others[0])
    if fast:
        faster = np.maximum(likenesses(fast[0], others[0]), likenesses(own, others[1]))
        likeness = np.maximum(likeness, faster - TEMPO)
    return distances_of(likeness, own.hubness, others[0].hubness)
