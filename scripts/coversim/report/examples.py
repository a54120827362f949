"""The covers that were missed by most, and the songs that looked most like covers and are none, with their pictures."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coversim.dataset.labels import COVER
from coversim.evaluation.probability import Calibration
from coversim.report.pictures import Picture, shades
from coversim.report.songs import Name, Songs

SHOWN = 4
CONTEXT = 4.0  # seconds of a moment that is compared
SIDE = 160  # moments of a song in the picture, at most


@dataclass
class Pair:
    """Two songs, and what they look like."""

    songs: tuple[Name, Name]
    titles: tuple[str, str]
    distance: float
    probability: float  # at even odds; NaN without a calibration
    seconds: tuple[float, float] | None = None
    semitones: int = 0  # by which the second is rotated in the pictures
    chromagrams: tuple[Picture, Picture] | None = None
    similarity: Picture | None = None


def missed(pairs: pd.DataFrame, songs: Songs, calibration: Calibration | None) -> list[Pair]:
    """The cover pairs with the largest distances, one of a work; `pairs` has the columns of pairs.parquet."""
    covers = pairs[pairs.label == COVER].sort_values(
        ["distance", "work_a", "performance_a", "performance_b"], ascending=[False, True, True, True]
    )
    first = covers.drop_duplicates("work_a").head(SHOWN)
    columns = first[["work_a", "performance_a", "work_b", "performance_b", "distance"]]
    return _pairs(columns.itertuples(index=False, name=None), songs, calibration)


def convincing(found: pd.DataFrame, songs: Songs, calibration: Calibration | None) -> list[Pair]:
    """The songs of other works that were found at the smallest distances; `found` has the columns of found.parquet."""
    false = found[~found.is_cover].sort_values(["distance", "work", "performance", "found_performance"])
    rows, seen = [], set()
    for row in false[["work", "performance", "found_work", "found_performance", "distance"]].itertuples(
        index=False, name=None
    ):
        if (works := frozenset((row[0], row[2]))) not in seen:
            seen.add(works)
            rows.append(row)
        if len(rows) == SHOWN:
            break
    return _pairs(rows, songs, calibration)


def _pairs(rows: Iterable[tuple], songs: Songs, calibration: Calibration | None) -> list[Pair]:
    pairs = []
    for work_a, performance_a, work_b, performance_b, distance in rows:
        a, b = (work_a, performance_a), (work_b, performance_b)
        probability = calibration.probability(distance) if calibration else float("nan")
        pair = Pair((a, b), (songs.title(a), songs.title(b)), distance, probability)
        _draw(pair, songs)
        pairs.append(pair)
    return pairs


def _draw(pair: Pair, songs: Songs) -> None:
    a, b = map(songs.frames, pair.songs)
    if a is None or b is None:
        return
    means = a.mean(axis=1), b.mean(axis=1)
    pair.semitones = int(np.argmax([means[0] @ np.roll(means[1], shift) for shift in range(12)]))
    b = np.roll(b, pair.semitones, axis=0)
    pair.semitones -= 12 * (pair.semitones > 6)
    pair.seconds = a.shape[1] / songs.rate, b.shape[1] / songs.rate
    pair.chromagrams = (
        shades(a, f"Chromagram of {pair.titles[0]}"),
        shades(b, f"Chromagram of {pair.titles[1]}"),
    )
    moments = [_moments(frames, max(1, round(CONTEXT * songs.rate))) for frames in (a, b)]
    pair.similarity = shades(
        np.clip(moments[1] @ moments[0].T, 0, 1) ** 8,
        f"How alike the moments of {pair.titles[0]}, from left to right, and of {pair.titles[1]}, upwards, are",
    )


def _moments(frames: np.ndarray, context: int) -> np.ndarray:
    """Windows of so many of the frames (12, T), SIDE at most, at unit length: (moments, 12 · context)."""
    if frames.shape[1] < context:
        frames = np.pad(frames, ((0, 0), (0, context - frames.shape[1])))
    windows = np.lib.stride_tricks.sliding_window_view(frames, context, axis=1)  # (12, moments, context)
    chosen = np.unique(np.linspace(0, windows.shape[1] - 1, SIDE).astype(int))
    moments = windows[:, chosen].transpose(1, 0, 2).reshape(len(chosen), -1)
    return moments / np.maximum(np.linalg.norm(moments, axis=1, keepdims=True), 1e-12)
