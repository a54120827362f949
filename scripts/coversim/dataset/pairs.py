"""Pair tables: every cover pair of a collection and as many non-cover pairs.

Labels as in Hadsell, Chopra & LeCun (2006): 0 = cover, 1 = non-cover.
"""

import hashlib
from itertools import combinations, groupby
from operator import itemgetter

import numpy as np
import pandas as pd

from coversim.dataset.labels import COVER, NON_COVER

POINTS = 8  # places of one song on the hash ring: more make the draw more even

Name = tuple[str, str]  # (work, performance)


def cover_pairs(songs: list[Name]) -> list[tuple[Name, Name]]:
    """All pairs of songs of the same work, in the order of work and performance."""
    return [pair for _, group in groupby(sorted(songs), key=itemgetter(0)) for pair in combinations(group, 2)]


def non_cover_pairs(songs: list[Name], covers: list[tuple[Name, Name]], seed: int) -> list[tuple[Name, Name]]:
    """For each cover pair, one of its two songs with a song of another work.

    The partner is the next song of another work on a ring of hashes (consistent hashing, Karger et al.,
    1997): adding a work leaves every other draw as it was, but for those few whose next song is now one of
    the new work (an expected share of its songs among all songs). Where all songs are of one work, there are none.
    """
    if not covers or len({work for work, _ in songs}) < 2:
        return []
    ordered = sorted(songs)
    points = np.concatenate([_points(seed, "song", *song) for song in ordered])
    around = np.argsort(points, kind="stable")
    points, owners = points[around], np.repeat(np.arange(len(ordered)), POINTS)[around]
    pairs = []
    for cover in covers:
        draw = _points(seed, "pair", *cover[0], *cover[1])
        anchor = cover[int(draw[0] & 1)]
        place = int(np.searchsorted(points, draw[1]))
        while (partner := ordered[owners[place % len(owners)]])[0] == anchor[0]:
            place += 1
        pairs.append((anchor, partner))
    return pairs


def pair_table(songs: list[Name], seed: int) -> pd.DataFrame:
    """Cover pairs, then non-cover pairs: columns work_a, performance_a, work_b, performance_b, label."""
    covers = cover_pairs(songs)
    non_covers = non_cover_pairs(songs, covers, seed)
    columns = ["work_a", "performance_a", "work_b", "performance_b"]
    table = pd.DataFrame([(*a, *b) for a, b in covers + non_covers], columns=columns, dtype=str)
    labels = np.array([COVER, NON_COVER], np.int8)
    return table.assign(label=np.repeat(labels, [len(covers), len(non_covers)]))


def _points(*parts: object) -> np.ndarray:
    """(POINTS,) uint64 places on the ring."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogateescape")
    return np.frombuffer(hashlib.blake2b(text, digest_size=8 * POINTS).digest(), dtype="<u8")
