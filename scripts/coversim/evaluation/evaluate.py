"""The figures of one experiment and seed on each collection, from its comparison of songs and the pair tables."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from coversim.dataset.labels import COVER, NON_COVER
from coversim.evaluation import bootstrap, pair_metrics
from coversim.evaluation.comparison import Comparison
from coversim.evaluation.retrieval import Ranking
from coversim.storage import parquet

THRESHOLD_FROM = "valid"  # the collection whose pairs the threshold is fitted on
BINS = 50
RETRIEVAL_FIGURES = {  # figure → what it is the mean of
    "map": "average_precision",
    "mr1": "first_rank",
    "mrr": "reciprocal_rank",
    "p_at_10": "precision_at_10",
    "hit_at_1": "hit_at_1",
    "hit_at_10": "hit_at_10",
}
RERANKED_FIGURES = {  # the same, of songs of which the first were ordered anew
    f"{figure}_reranked": RETRIEVAL_FIGURES[figure] for figure in ("map", "mrr", "hit_at_1")
}
CURVE_FIGURES = ("roc_auc", "eer", "average_precision")  # as pair_metrics.curve_figures gives them

Figures = dict[str, Any]  # None where a collection has no query or no pair to make the figure of


class Pairs(NamedTuple):
    """A pair table, by the rows of the songs; arrays of one length."""

    first: np.ndarray
    second: np.ndarray
    label: np.ndarray  # 0 = cover, 1 = non-cover
    distance: np.ndarray


def evaluate(
    compare: Callable[[str], Comparison], pairs: Sequence[Path], resamples: int, seed: int
) -> tuple[dict[str, Figures], pa.Table]:
    """Figures of each collection, and one row per query of any.

    Parameters
    ----------
    compare : collection → comparison of its songs
    pairs : pair table of each collection to evaluate, named like it
    resamples, seed : of the bootstrap over works
    """
    threshold = math.nan
    figures, ranks = {}, []
    for path in sorted(pairs, key=lambda path: path.stem != THRESHOLD_FROM):  # the threshold comes first
        collection = path.stem
        songs = compare(collection)
        found, missing = _pairs(path, songs)
        thresholds = threshold
        if collection == THRESHOLD_FROM:
            threshold = pair_metrics.fit_threshold(found.distance, found.label)
            thresholds = pair_metrics.cross_fitted_thresholds(
                found.distance, found.label, songs.works[found.first], songs.works[found.second]
            )
        figures[collection] = (
            {"works": len(np.unique(songs.works)), "songs": len(songs.works)}
            | {"queries": len(songs.ranking.query)}
            | retrieval_figures(RETRIEVAL_FIGURES, songs.ranking, songs.works, resamples, seed)
            | pair_figures(found, songs.ranking, songs.works, thresholds, resamples, seed)
            | {"threshold": _number(threshold), "missing_pairs": missing, "histogram": _histogram(found)}
        )
        if songs.reranked:
            figures[collection] |= {"candidates_reranked": songs.candidates} | retrieval_figures(
                RERANKED_FIGURES, songs.reranked, songs.works, resamples, seed
            )
        ranks.append(_ranks(collection, songs))
        _log(collection, figures[collection])
    return figures, pa.concat_tables(ranks)


def retrieval_figures(
    names: dict[str, str], ranking: Ranking, works: np.ndarray, resamples: int, seed: int
) -> Figures:
    """Means over the queries of what `names` names, with their intervals; `works` is that of each song."""
    if not len(ranking.query):
        return _undefined(names)
    values = np.stack([getattr(ranking, column) for column in names.values()], axis=1)
    return _named(names, *bootstrap.intervals(values, works[ranking.query], resamples, seed))


def pair_figures(
    pairs: Pairs,
    ranking: Ranking,
    works: np.ndarray,
    thresholds: float | np.ndarray,
    resamples: int,
    seed: int,
) -> Figures:
    """Figures of the pairs, with their intervals; `works` is that of each song.

    For `roc_auc_nearest` the negatives are hard: each of the two songs of each cover pair with the non-cover
    that is nearest to it in the whole collection.
    """
    figures: Figures = {"pairs": len(pairs.label)}
    covers = pairs.label == COVER
    if covers.all() or not covers.any():
        return figures | _undefined([*CURVE_FIGURES, "roc_auc_nearest", "accuracy"])

    work_a, work_b = works[pairs.first], works[pairs.second]
    curve = pair_metrics.curve_figures(pairs.distance, pairs.label)
    accuracy = pair_metrics.accuracy(pair_metrics.judge(pairs.distance, pairs.label, thresholds))
    estimate = pair_metrics.estimate(
        lambda weights: np.concatenate([curve(weights), accuracy(weights)], axis=1),
        *(work_a, work_b, resamples, seed),
    )
    figures |= _named(CURVE_FIGURES, *(values[:-1] for values in estimate))

    nearest = np.full(len(works), np.nan)
    nearest[ranking.query] = ranking.nearest_non_cover
    queries = np.concatenate([pairs.first[covers], pairs.second[covers]])
    hard = pair_metrics.roc_auc(
        np.concatenate([pairs.distance[covers], nearest[queries]]),
        np.repeat([COVER, NON_COVER], [covers.sum(), len(queries)]),
    )
    work = np.concatenate([work_a[covers], works[queries]])  # a hard negative counts with its query's work
    figures |= _named(["roc_auc_nearest"], *pair_metrics.estimate(hard, work, work, resamples, seed))
    return figures | _named(["accuracy"], *(values[-1:] for values in estimate))


def _pairs(path: Path, songs: Comparison) -> tuple[Pairs, int]:
    """The pairs of which both songs were compared, and how many others there are."""
    row = {song: row for row, song in enumerate(zip(songs.works, songs.performances, strict=True))}
    columns = parquet.read(path).to_pydict()

    def rows(side: str) -> np.ndarray:
        names = zip(columns[f"work_{side}"], columns[f"performance_{side}"], strict=True)
        return np.array([row.get(song, -1) for song in names], dtype=np.int64)

    first, second, label = rows("a"), rows("b"), np.array(columns["label"], dtype=np.int8)
    there = (first >= 0) & (second >= 0)
    first, second, label = first[there], second[there], label[there]
    return Pairs(first, second, label, songs.distances(first, second)), int((~there).sum())


def _ranks(collection: str, songs: Comparison) -> pa.Table:
    """One row per query."""
    figures = songs.ranking._asdict()
    query = figures.pop("query")
    if songs.reranked:
        figures |= {f"{name}_reranked": getattr(songs.reranked, name) for name in RERANKED_FIGURES.values()}
    names = {
        "collection": [collection] * len(query),
        "work": songs.works[query],
        "performance": songs.performances[query],
    }
    kinds = dict.fromkeys(names, pa.string()) | {"relevant": pa.int64()}
    return pa.table(
        {name: pa.array(values, kinds.get(name, pa.float64())) for name, values in (names | figures).items()}
    )


def _histogram(pairs: Pairs) -> dict[str, list[float]] | None:
    """Numbers of cover and non-cover pairs by distance."""
    if not len(pairs.label):
        return None
    edges = np.linspace(0, pairs.distance.max() or 1, BINS + 1)
    counts = {
        name: np.histogram(pairs.distance[pairs.label == label], edges)[0].tolist()
        for name, label in (("cover", COVER), ("non_cover", NON_COVER))
    }
    return {"edges": edges.tolist()} | counts


def _named(names: Iterable[str], *estimates: Sequence[float]) -> Figures:
    """Values, low and high ends by name, name_low and name_high; None where not finite."""
    return {
        name + end: _number(value)
        for name, *values in zip(names, *estimates, strict=True)
        for end, value in zip(("", "_low", "_high"), values, strict=True)
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _undefined(names: Iterable[str]) -> Figures:
    return {name + end: None for name in names for end in ("", "_low", "_high")}


def _log(collection: str, figures: Figures) -> None:
    logging.info(
        "%s: %d songs of %d works, %d queries, MAP %s; %d pairs, ROC-AUC %s",
        collection,
        *(figures[name] for name in ("songs", "works", "queries", "map", "pairs", "roc_auc")),
    )
    if figures.get("map_reranked") is not None:
        first, reranked = figures["candidates_reranked"], figures["map_reranked"]
        logging.info("%s: MAP %s with the first %d re-ranked", collection, reranked, first)
    if not figures["queries"]:
        logging.warning("%s: no song has a cover here, so there are no retrieval figures", collection)
    if figures["roc_auc"] is None:
        logging.warning("%s: cover or non-cover pairs are missing, so there are no pair figures", collection)
    elif figures["threshold"] is None:
        logging.warning(
            "%s: no accuracy, for lack of %s pairs to fit a threshold on", collection, THRESHOLD_FROM
        )
    if figures["missing_pairs"]:
        logging.warning("%s: %d pairs have a song that is missing", collection, figures["missing_pairs"])
