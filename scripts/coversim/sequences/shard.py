"""Match a shard's queries with the songs of their collection.

If asked, at half the rate, and the nearest of them again; and each of two songs at twice its tempo, too, or of the nearest alone.
"""

import logging
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from coversim.progress import followed
from coversim.sequences import storage
from coversim.sequences.projection import Projection
from coversim.sequences.storage import Sequences, StoredSequence
from coversim.sequences.tempo import at_tempi, doubling
from coversim.sequences.tempo import distances as distances_at
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
    double_tempo: str = "none",
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
    double_tempo : whose songs are compared at twice their tempo, too: "none", "nearest" (where they are compared again) or "all"
    projection : of these sequences, by which songs are made faster; needed but for "none"
    """
    by = doubling(Projection.load(projection)) if projection and double_tempo != "none" else None
    by_first = by if double_tempo == "all" else None
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
        names, compared = _with_some(songs, queries, row_in, chosen.found, refine > 0, by_first)
    else:
        names, compared = _with_all(songs, queries, refine > 0, by_first)
    if refine and queries:
        _refine(songs, queries, names, compared, chosen, refine, by)
    logging.info(
        "%d queries, %d songs, %d pairs in %.1f s, compilation included",
        *(len(queries), len(names), compared.size, time.monotonic() - started),
    )
    of = "/".join(songs.parts[songs.parts.index("collections") - 2 :][:2])
    settings = {"method": "sequences", "sequences": of, "refine": refine, "double_tempo": double_tempo}
    distances.write_compared(output, names, [query.name for query in queries], compared, settings, chosen)


def _refine(
    songs: Path,
    queries: Sequence[StoredSequence],
    names: Sequence[frames.Name],
    compared: np.ndarray,
    chosen: distances.Candidates | None,
    refine: int,
    by: np.ndarray | None,
) -> None:
    """Compare each query once more, as it is, with the songs that are nearest to it; `compared` is changed in place."""
    row_of = {name: row for row, name in enumerate(names)}
    own = np.array([row_of[query.name] for query in queries])
    rows = distances.rows_among(names, chosen.songs)[chosen.found] if chosen else np.arange(len(names))[None]
    rows = np.broadcast_to(rows, compared.shape)
    nearest = np.array(
        [  # query by query, in little memory
            np.argsort(np.where(of_query == one, np.inf, row), kind="stable")[:refine]
            for one, of_query, row in zip(own, rows, compared, strict=True)
        ]
    )
    again = np.take_along_axis(rows, nearest, axis=1)
    np.put_along_axis(compared, nearest, _with_some(songs, queries, row_of, again, False, by)[1], axis=1)


def _with_all(
    songs: Path, queries: Sequence[StoredSequence], half_rate: bool, by: np.ndarray | None
) -> tuple[list[frames.Name], np.ndarray]:
    """The songs of a collection, and their distances (queries, songs)."""
    names = []
    blocks = [np.empty((len(queries), 0), np.float32)]
    for of_block, own, others in _compared(songs, queries, half_rate, by):
        names += of_block
        block = [distances_at(query, others) for query in own]
        blocks.append(np.array(block, np.float32).reshape(len(queries), len(others[0].works)))
    return names, np.concatenate(blocks, axis=1)


def _with_some(
    songs: Path,
    queries: Sequence[StoredSequence],
    row_in: Mapping[frames.Name, int],
    wanted: np.ndarray,
    half_rate: bool,
    by: np.ndarray | None,
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
                row[places] = distances_at(query, [at_tempo.of(among) for at_tempo in others])
    return names, compared


def _compared(
    songs: Path,
    queries: Sequence[StoredSequence],
    half_rate: bool,
    by: np.ndarray | None,
    some: Container[frames.Name] | None = None,
) -> Iterator[tuple[list[frames.Name], list[tuple[StoredSequence, ...]], list[Sequences]]]:
    """Names of some songs of the collection at a time; the queries, and these songs, or of these but `some`: as in `at_tempi`."""
    for others, _ in followed(storage.blocks(songs), "blocks of songs"):
        names = others.names
        if some is not None:
            others = others.of(np.array([name in some for name in names], dtype=bool))
        yield names, *at_tempi(queries, others, by, half_rate)
