"""The search in the page: of each query the songs that it finds first, in as few bytes as do."""

import base64
from typing import Any

import numpy as np
import pandas as pd

from coversim.report.songs import Songs

SHOWN = 10
QUERIES = 20_000
"""Queries that the page can hold: some 400 bytes each. Of more, those of every second work, third, …"""
LONGEST = 80  # characters of a title
THOUSANDTHS = 1000
UNKNOWN = 2**16 - 1  # in the place of a probability


def search_data(found: pd.DataFrame, songs: Songs) -> dict[str, Any] | None:
    """What the page's script searches: rows of the songs, as it finds them; None where there is no query.

    `found` has the columns of found.parquet, of one collection. In the result `works` and `performances` name the songs,
    `work` is the place of each song's work; the queries are the first songs, and of each `found` has the places of the
    songs that it finds (uint32, SHOWN each, its own place where there are fewer), and `probability` thousandths (uint16).
    """
    found = found[found["rank"] <= SHOWN]
    queries = found[["work", "performance"]].drop_duplicates()
    total = len(queries)
    if total > QUERIES:
        works = np.sort(queries.work.unique())
        kept = set(works[:: -(-total // QUERIES)])
        found = found[found.work.isin(kept)]
        queries = queries[queries.work.isin(kept)]
    if queries.empty:
        return None
    own = pd.MultiIndex.from_frame(queries.sort_values(["work", "performance"]))
    others = pd.MultiIndex.from_arrays([found.found_work, found.found_performance])
    names = own.append(others.difference(own)).set_names(["work", "performance"])
    query = own.get_indexer(pd.MultiIndex.from_frame(found[["work", "performance"]]))
    rank = found["rank"].to_numpy() - 1
    place = np.repeat(np.arange(len(own), dtype="<u4")[:, None], SHOWN, axis=1)
    place[query, rank] = names.get_indexer(others)
    probability = np.full(place.shape, UNKNOWN, dtype="<u2")
    known = found.probability.notna().to_numpy()
    probability[query[known], rank[known]] = np.rint(THOUSANDTHS * found.probability[known]).astype(int)
    works, work = np.unique(names.get_level_values(0).to_numpy(dtype=str), return_inverse=True)
    return {
        "total": total,
        "queries": len(own),
        "shown": SHOWN,
        "works": works.tolist(),
        "work": work.tolist(),
        "performances": names.get_level_values(1).tolist(),
        "titles": [songs.known_title(song)[:LONGEST] for song in names],
        "found": base64.b64encode(place.tobytes()).decode(),
        "probability": base64.b64encode(probability.tobytes()).decode(),
    }
