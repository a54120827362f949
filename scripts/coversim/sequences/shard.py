"""Match a shard's queries with the songs of their collection."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from coversim.sequences import storage
from coversim.sequences.distances import distances as distances_of
from coversim.sequences.songs import likenesses
from coversim.storage import distances, tsv


def match_shard(shards: Sequence[Path], catalogue: Path, collection: str, shard: str, output: Path) -> None:
    """Write the distances of a shard's queries to all songs of their collection. One other shard in memory at a time.

    Parameters
    ----------
    shards : sequences of all shards, `…/<features>/<projection>/songs/<data set>/<shard>.h5`
    catalogue : songs.tsv, with the split of each song
    """
    listed = [song for song in tsv.read(catalogue) if song["split"] == collection]
    songs_of_work = Counter(song["work"] for song in listed)
    queries = [
        own.song(place)
        for own in (storage.read(path).of_split(collection) for path in shards if path.stem == shard)
        for place, work in enumerate(own.works)
        if songs_of_work[str(work)] > 1
    ]
    started = time.monotonic()
    works, performances, blocks = [], [], [np.empty((len(queries), 0), np.float32)]
    for path in shards:
        others = storage.read(path).of_split(collection)
        if not len(others.works):
            continue
        found = [distances_of(likenesses(query, others), query.hubness, others.hubness) for query in queries]
        blocks.append(np.array(found, np.float32).reshape(len(queries), len(others.works)))
        works += others.works.tolist()
        performances += others.performances.tolist()
    logging.info(
        "%d queries, %d songs, %d pairs in %.1f s, compilation included",
        *(len(queries), len(works), len(queries) * len(works), time.monotonic() - started),
    )
    row_of = {performance: row for row, performance in enumerate(performances)}
    distances.write(
        output,
        works,
        performances,
        np.array([row_of[query.performance] for query in queries], dtype=np.int64),
        np.concatenate(blocks, axis=1),
        {"method": "sequences", "sequences": sorted({"/".join(path.parts[-5:-3]) for path in shards})},
    )
