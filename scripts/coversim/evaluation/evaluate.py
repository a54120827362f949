"""The metrics of one experiment and seed on each collection, from its comparison of songs and the pair tables."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from coversim.dataset.labels import COVER, NON_COVER
from coversim.evaluation import bootstrap, metric_names, pair_metrics, probability
from coversim.evaluation.calibration import calibrate
from coversim.evaluation.comparison import Comparison
from coversim.evaluation.found import first_songs
from coversim.evaluation.metric_names import Metric
from coversim.evaluation.probability import Calibration
from coversim.storage import parquet

FITTED_ON = "valid"  # the collection whose pairs threshold and probability are fitted to
BINS = 50
CURVE = ("roc_auc", "eer", "average_precision")  # as pair_metrics.curve_metrics gives them

Metrics = dict[str, Any]  # None where a collection has no query or no pair to make the metric of


class Evaluation(NamedTuple):
    """What was measured of all collections."""

    metrics: dict[str, Metrics]  # of each collection
    ranks: pd.DataFrame  # a row per query
    pairs: pd.DataFrame  # collection, both works and performances, label, distance: a row per pair
    found: Iterator[pd.DataFrame]
    """The songs that each query finds first, some queries at a time: see coversim.evaluation.found."""
    calibration: dict[str, Any]  # what calibration.json holds


def evaluate(
    compare: Callable[[str], Comparison], pairs: Mapping[str, Path], resamples: int, seed: int
) -> Evaluation:
    """Metrics of each collection, and what they are made of.

    Parameters
    ----------
    compare : collection → comparison of its songs
    pairs : pair table of each collection to evaluate
    resamples, seed : of the bootstrap over works
    """
    compared = {collection: compare(collection) for collection in pairs}
    known, missing = {}, {}
    for collection, path in pairs.items():
        known[collection], missing[collection] = _pairs(path, compared[collection])
    of_pairs = {name: (table.distance.to_numpy(), table.label.to_numpy()) for name, table in known.items()}
    calibration = calibrate(of_pairs, FITTED_ON)
    fitted = probability.read(calibration)
    threshold = fitted.thresholds["best_accuracy"] if fitted else None
    metrics, ranks = {}, {}
    for collection, songs in compared.items():
        ranks[collection] = _ranks(collection, songs)
        thresholds: float | np.ndarray = math.nan if threshold is None else threshold
        unseen = collection.partition("/")[0] != FITTED_ON
        if not unseen:
            thresholds = _cross_fitted_thresholds(known[collection], songs)
        sizes: Metrics = {"works": len(np.unique(songs.works)), "songs": len(songs.works)}
        metrics[collection] = (
            sizes
            | {"queries": len(ranks[collection])}
            | retrieval_metrics(metric_names.RETRIEVAL, ranks[collection], resamples, seed)
            | recall(ranks[collection], len(songs.works), resamples, seed)
            | metrics_of_pairs(known[collection], songs, thresholds, resamples, seed)
            | brier_score(known[collection], songs, fitted if unseen else None, resamples, seed)
            | {"threshold": threshold, "missing_pairs": missing[collection]}
            | {"histogram": _histogram(known[collection])}
        )
        if songs.corrected:
            metrics[collection] |= retrieval_metrics(metric_names.HUBS, ranks[collection], resamples, seed)
        if songs.reranked:
            candidates = {
                "candidates_reranked": songs.candidates,
                "candidates_reranked_share": songs.candidates / max(1, len(songs.works) - 1),
            }
            metrics[collection] |= candidates | retrieval_metrics(
                metric_names.RERANKED, ranks[collection], resamples, seed
            )
        _log(collection, metrics[collection])
    named = [
        pd.DataFrame(
            {
                "collection": collection,
                "work_a": songs.works[known[collection].a],
                "performance_a": songs.performances[known[collection].a],
                "work_b": songs.works[known[collection].b],
                "performance_b": songs.performances[known[collection].b],
                "label": known[collection].label.to_numpy(),
                "distance": known[collection].distance.to_numpy(),
            }
        )
        for collection, songs in compared.items()
    ]
    return Evaluation(
        metrics,
        pd.concat(ranks.values(), ignore_index=True),
        pd.concat(named, ignore_index=True),
        (table for collection, songs in compared.items() for table in first_songs(collection, songs, fitted)),
        calibration,
    )


def retrieval_metrics(names: Mapping[str, Metric], ranks: pd.DataFrame, resamples: int, seed: int) -> Metrics:
    """Means over the queries, one per row, with their intervals."""
    if ranks.empty:
        return _undefined(names)
    values = ranks[[metric.per_query for metric in names.values()]]
    return _named(names, *bootstrap.intervals(values, ranks.work, resamples, seed))


def recall(ranks: pd.DataFrame, songs: int, resamples: int, seed: int) -> Metrics:
    """Share of the covers among the first 100, 1,000, …, where there are more: the collection has so many songs."""
    names = {metric.per_query: metric for first, metric in metric_names.RECALL.items() if songs - 1 > first}
    return retrieval_metrics(names, ranks, resamples, seed) if names else {}


def metrics_of_pairs(
    pairs: pd.DataFrame, songs: Comparison, thresholds: float | np.ndarray, resamples: int, seed: int
) -> Metrics:
    """Metrics of the pairs, a table as `_pairs` makes it, with their intervals.

    For `roc_auc_nearest` the non-covers are hard: each of the two songs of each cover pair with the non-cover
    that is nearest to it in the whole collection.
    """
    metrics: Metrics = {"pairs": len(pairs)}
    if pairs.label.nunique() < 2:
        return metrics | _undefined([*CURVE, "roc_auc_nearest", "accuracy"])

    distances, labels = pairs.distance.to_numpy(), pairs.label.to_numpy()
    measured = pair_metrics.curve_metrics(distances, labels)
    right = pair_metrics.judge(distances, labels, thresholds)
    curve = pair_metrics.resampled_curve_metrics(distances, labels)
    accuracy = pair_metrics.resampled_accuracy(right)
    low, high = pair_metrics.interval(
        lambda weights: np.concatenate([curve(weights), accuracy(weights)], axis=1),
        *(songs.works[pairs.a], songs.works[pairs.b], resamples, seed),
    )
    metrics |= _named(CURVE, measured, low[:-1], high[:-1])

    covers = pairs[pairs.label == COVER]
    queries = np.concatenate([covers.a, covers.b])
    nearest = pd.Series(songs.ranking.nearest_non_cover, songs.ranking.query)[queries]
    distances = np.concatenate([covers.distance, nearest])
    labels = np.repeat([COVER, NON_COVER], [len(covers), len(queries)])
    work = songs.works[np.concatenate([covers.a, queries])]  # a hard non-cover counts with its query's work
    ends = pair_metrics.interval(
        pair_metrics.resampled_roc_auc(distances, labels), work, work, resamples, seed
    )
    metrics |= _named(["roc_auc_nearest"], [pair_metrics.roc_auc(distances, labels)], *ends)
    return metrics | _named(["accuracy"], [pair_metrics.accuracy(right)], low[-1:], high[-1:])


def brier_score(
    pairs: pd.DataFrame, songs: Comparison, calibration: Calibration | None, resamples: int, seed: int
) -> Metrics:
    """Mean square of what the probability of a cover is off, with its interval; undefined without a calibration."""
    if calibration is None or pairs.label.nunique() < 2:
        return _undefined(["brier"])
    said = calibration.probabilities(pairs.distance.to_numpy())
    off = np.square(said - (pairs.label == COVER))
    ends = pair_metrics.interval(
        pair_metrics.resampled_accuracy(off), songs.works[pairs.a], songs.works[pairs.b], resamples, seed
    )
    return _named(["brier"], [off.mean()], *ends)


def _pairs(path: Path, songs: Comparison) -> tuple[pd.DataFrame, int]:
    """Pairs of which both songs were compared: their rows a and b, label and distance; how many others there are."""
    table = parquet.read(path).to_pandas()
    rows = pd.MultiIndex.from_arrays([songs.works, songs.performances])
    pairs = table[["label"]].assign(
        **{
            side: rows.get_indexer(pd.MultiIndex.from_frame(table[[f"work_{side}", f"performance_{side}"]]))
            for side in ("a", "b")
        }
    )
    found = pairs[(pairs.a >= 0) & (pairs.b >= 0)]
    distance = songs.distances(found.a.to_numpy(), found.b.to_numpy())
    return found.assign(distance=distance), len(pairs) - len(found)


def _cross_fitted_thresholds(pairs: pd.DataFrame, songs: Comparison) -> np.ndarray:
    return pair_metrics.cross_fitted_thresholds(
        *(pairs.distance, pairs.label, songs.works[pairs.a], songs.works[pairs.b])
    )


def _ranks(collection: str, songs: Comparison) -> pd.DataFrame:
    """One row per query."""
    ranks = pd.DataFrame(songs.ranking._asdict(), dtype=float).astype({"relevant": int})
    for ranking, suffix, chosen in (
        (songs.corrected, "_hubs", metric_names.HUBS),
        (songs.reranked, "_reranked", metric_names.RERANKED),
    ):
        if ranking:
            anew = pd.DataFrame(ranking._asdict(), dtype=float).add_suffix(suffix)
            ranks = ranks.join(anew[[metric.per_query for metric in chosen.values()]])
    names = pd.DataFrame(
        {"collection": collection, "work": songs.works, "performance": songs.performances}, dtype=str
    )
    return names.iloc[songs.ranking.query].reset_index(drop=True).join(ranks.drop(columns="query"))


def _histogram(pairs: pd.DataFrame) -> dict[str, list[float]] | None:
    """Numbers of cover and non-cover pairs by distance."""
    if pairs.empty:
        return None
    edges = np.linspace(0, pairs.distance.max() or 1, BINS + 1)
    counts = {
        name: np.histogram(pairs.distance[pairs.label == label], edges)[0].tolist()
        for name, label in (("cover", COVER), ("non_cover", NON_COVER))
    }
    return {"edges": edges.tolist()} | counts


def _named(names: Iterable[str], *estimates: Sequence[float] | np.ndarray) -> Metrics:
    """Values, low and high ends by name, name_low and name_high; None where not finite."""
    return {
        name + end: _number(value)
        for name, *values in zip(names, *estimates, strict=True)
        for end, value in zip(("", "_low", "_high"), values, strict=True)
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _undefined(names: Iterable[str]) -> Metrics:
    return {name + end: None for name in names for end in ("", "_low", "_high")}


def _log(collection: str, metrics: Metrics) -> None:
    logging.info(
        "%s: %d songs of %d works, %d queries, MAP %s; %d pairs, ROC-AUC %s",
        collection,
        *(metrics[name] for name in ("songs", "works", "queries", "map", "pairs", "roc_auc")),
    )
    if metrics.get("map_reranked") is not None:
        logging.info(
            "%s: MAP %s with the first %d re-ranked, %.1f %% of the others",
            *(collection, metrics["map_reranked"], metrics["candidates_reranked"]),
            100 * metrics["candidates_reranked_share"],
        )
    if not metrics["queries"]:
        logging.warning("%s: no song has a cover here, so there are no retrieval metrics", collection)
    if metrics["roc_auc"] is None:
        logging.warning("%s: cover or non-cover pairs are missing, so there are no pair metrics", collection)
    elif metrics["threshold"] is None:
        logging.warning("%s: no accuracy, for lack of %s pairs to fit a threshold on", collection, FITTED_ON)
    if metrics["missing_pairs"]:
        logging.warning("%s: %d pairs have a song that is missing", collection, metrics["missing_pairs"])
