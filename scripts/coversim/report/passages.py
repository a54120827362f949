"""In which key and at which tempo one cover plays what it has in common with the other: measured, where nobody tells."""

import numpy as np
import pandas as pd

from coversim.report.songs import Songs
from coversim.sequences import patches
from coversim.sequences.matching import Match
from coversim.sequences.passages import longest, untrained

PAIRS = 500  # that are looked at: some 10 ms each
LEAST = 20.0  # seconds of both songs that a passage lasts: what is shorter may be by chance


def in_common(covers: pd.DataFrame, known: Songs) -> pd.DataFrame:
    """Of cover pairs, PAIRS at most, by work and performance of both songs: `semitones` 0 to 6, and `tempo` from 1 on.

    That is how far apart the keys are, and how many times as fast the faster one plays. NaN for a pair without a passage.
    Nothing where the frames are not those that passages are sought in, 4 per second.
    """
    songs = [[f"work_{side}", f"performance_{side}"] for side in "ab"]
    chosen = (
        covers.iloc[np.unique(np.linspace(0, len(covers) - 1, PAIRS).astype(int))] if len(covers) else covers
    )
    index = pd.MultiIndex.from_frame(chosen[[*songs[0], *songs[1]]])
    found = pd.DataFrame(np.nan, index, ["semitones", "tempo"])
    if known.rate != patches.RATE:
        return found[:0]
    there = []
    for place, pair in enumerate(index):
        frames, others = known.frames(pair[:2]), known.frames(pair[2:])
        if frames is None or others is None:
            continue
        there.append(place)
        passage = longest(frames[None], others[None], untrained(1))
        if passage is not None and _lasts(passage):
            found.iloc[place] = passage.transposition % 12, passage.tempo()
    found["semitones"] = np.minimum(found.semitones, 12 - found.semitones)
    found["tempo"] = np.maximum(found.tempo, 1 / found.tempo)
    return found.iloc[there]


def _lasts(passage: Match) -> bool:
    seconds = passage.seconds()
    return bool((seconds[:, 1] - seconds[:, 0] >= LEAST).all())
