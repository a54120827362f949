"""Copies: songs with the same frames are one recording, whatever they are called.

Works that share a recording are one work under several names. If it was trained on, its other names must not validate,
and if it was seen at all, they must neither test nor be in a benchmark. Beyond that a recording counts once in each split
(a benchmark is one), as the first of the songs that have it; the other songs of both names stay songs of two works there,
since which name is right only the user knows. Test works and benchmarks may share: nothing was fitted to
either. Songs of a benchmark whose work was seen under its own name are listed, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

SEEN = {
    "train": "train",
    "valid": "validate",
}  # splits on which something is fitted or chosen, and their verbs


class RecordedSong(NamedTuple):
    """A song of a data set, and what tells its recording; empty where that is not known."""

    dataset: str
    work: str
    performance: str
    split: str
    recording: str


class Copy(NamedTuple):
    """A song that does not count, and why."""

    dataset: str
    work: str
    performance: str
    copy_of: str
    reason: str
    remedy: str


def copies(songs: Sequence[RecordedSong]) -> list[Copy]:
    """Those of the songs that do not count; of equal ones, the first does."""
    name_of = _names(songs)
    earliest: dict[str, RecordedSong] = {}  # of the songs of a work, under all its names
    for song in songs:
        first = earliest.setdefault(name_of[song.work], song)
        if _place(song) < _place(first):
            earliest[name_of[song.work]] = song
    counting: dict[tuple[str, str], RecordedSong] = {}
    found = []
    for song in songs:
        first = earliest[name_of[song.work]]
        if _place(first) < _place(song):
            found.append(_of_a_seen_work(song, first))
        elif song.recording and (own := counting.setdefault((song.split, song.recording), song)) is not song:
            found.append(_same_recording(song, own))
    return found


def _names(songs: Sequence[RecordedSong]) -> dict[str, str]:
    """One name for all works that are connected by shared recordings."""
    parent = {song.work: song.work for song in songs}

    def name(work: str) -> str:
        while parent[work] != work:
            parent[work] = work = parent[parent[work]]
        return work

    first: dict[str, str] = {}
    for song in songs:
        if song.recording:
            parent[name(song.work)] = name(first.setdefault(song.recording, song.work))
    return {work: name(work) for work in parent}


def _place(song: RecordedSong) -> int:
    """Place of the song's split: training, validation, all others."""
    return [*SEEN].index(song.split) if song.split in SEEN else len(SEEN)


def _same_recording(song: RecordedSong, other: RecordedSong) -> Copy:
    called = " ".join(other[:3])
    remedy = f"none is needed: {called} counts; delete the copy, or fetch what belongs there"
    if song.work != other.work:
        remedy = (
            f"{called} counts; if {song.work} is {other.work}, say so in datasets.{song.dataset}.same_works, or their other "
            "songs stay songs of two works; else fetch what belongs there"
        )
    return Copy(*song[:3], called, "a copy: the recording is listed already", remedy)


def _of_a_seen_work(song: RecordedSong, other: RecordedSong) -> Copy:
    remedy = f"none is needed: {' '.join(other[:2])} counts"
    if song.split in ("valid", "test"):  # no benchmark, which leaves such works out by their name too
        remedy += (
            f"; to keep both, say in datasets.{song.dataset}.same_works that {song.work} is {other.work}"
        )
    return Copy(
        *song[:3],
        " ".join(other[:3]),
        f"its work is one to {SEEN[other.split]} with, too"
        + ", under another name" * (song.work != other.work),
        remedy,
    )
