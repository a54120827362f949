"""The songs that each query finds first, by name, with the distance and the probability of a cover."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from coversim.evaluation.comparison import Comparison
from coversim.evaluation.probability import Calibration, prior_among

QUERIES_TOGETHER = 20_000  # whose first songs are named at a time: some 100 MB


def first_songs(
    collection: str, songs: Comparison, calibration: Calibration | None
) -> Iterator[pd.DataFrame]:
    """A row per song that a query finds first, of QUERIES_TOGETHER queries at a time.

    Its `probability` is that of its distance where one song of the collection is a cover before looking, or none; NaN
    without a calibration.
    """
    if songs.first is None:
        return
    queries, first = songs.first.queries, songs.first.songs
    for start in range(0, max(1, len(queries)), QUERIES_TOGETHER):
        found = first[start : start + QUERIES_TOGETHER]
        query = np.repeat(queries[start : start + QUERIES_TOGETHER], found.shape[1])
        song = found.ravel()
        distance = songs.distances(query, song) if len(query) else np.zeros(0)
        probability = np.full(len(query), np.nan)
        if calibration and len(query):
            probability = calibration.probabilities(distance, prior_among(len(songs.works) - 1))
        names = {
            "collection": np.full(len(query), collection),
            "work": songs.works[query],
            "performance": songs.performances[query],
            "found_work": songs.works[song],
            "found_performance": songs.performances[song],
        }
        yield pd.DataFrame(names, dtype=str).assign(
            rank=np.tile(np.arange(1, found.shape[1] + 1), len(found)),
            distance=distance.astype(np.float32),
            probability=probability.astype(np.float32),
            is_cover=songs.works[query] == songs.works[song],
        )
