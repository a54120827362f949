"""Match a shard's queries with the songs of their collection."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from coversim.progress import followed
from coversim.sequences import storage
from coversim.sequences.distances import distances as distances_of
from coversim.sequences.songs import likenesses
from coversim.sequences.storage import Sequences
from coversim.storage import distances, frames, tsv


def match_shard(
    shards: Sequence[Path], catalogues: Sequence[Path], collection: str, shard: str, output: Path
) -> None:
    """Write the distances of a shard's queries to all songs of their collection. One other shard in memory at a time.

    Parameters
    ----------
    shards : sequences of all shards, `…/<features>/<projection>/songs/<data set>/<shard>.h5`
    catalogues : songs.tsv of each data set of the collection, with the split of each song
    """
    split = collection.partition("/")[0]
    listed = {
        (song["work"], song["performance"])
        for catalogue in catalogues
        for song in tsv.read(catalogue)
        if song["split"] == split
    }
    songs_of_work = Counter(work for work, _ in listed)
    queries = [
        own.song(place)
        for own in _of_split([path for path in shards if path.stem == shard], split)
        for place, work in enumerate(own.works)
        if songs_of_work[str(work)] > 1
    ]
    started = time.monotonic()
    names, blocks = [], [np.empty((len(queries), 0), np.float32)]
    for others in followed(_of_split(shards, split), "shards", len(shards)):
        found = [distances_of(likenesses(query, others), query.hubness, others.hubness) for query in queries]
        blocks.append(np.array(found, np.float32).reshape(len(queries), len(others.works)))
        names += others.names
    logging.info(
        "%d queries, %d songs, %d pairs in %.1f s, compilation included",
        *(len(queries), len(names), len(queries) * len(names), time.monotonic() - started),
    )
    row_of = {name: row for row, name in enumerate(names)}
    distances.write(
        output,
        [work for work, _ in names],
        [performance for _, performance in names],
        np.array([row_of[query.work, query.performance] for query in queries], dtype=np.int64),
        np.concatenate(blocks, axis=1),
        {"method": "sequences", "sequences": sorted({"/".join(path.parts[-5:-3]) for path in shards})},
    )


def _of_split(shards: Sequence[Path], split: str) -> Iterator[Sequences]:
    """The songs of a split in each shard that has any; of a song that several data sets have, the first counts."""
    seen: set[frames.Name] = set()
    for path in shards:
        songs = storage.read(path)
        chosen = (songs.splits == split) & [name not in seen for name in songs.names]
        seen.update(songs.names)
        if chosen.any():
            yield songs.of(chosen)
