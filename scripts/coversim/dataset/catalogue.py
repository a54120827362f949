"""The catalogue of a data set: its songs, their shard and split, and one manifest per shard and feature.

Made in the main Snakemake process only: a job on a cluster reads it and never walks the data set. A shard's
manifest stands for its song files: it lists their sizes and times in nanoseconds, so that a replaced file makes
its shard stale even with an older time, and the workflow's graph stays as small as the number of shards. Each
feature that is used has its own, so that fetching another one makes nothing stale.

    songs.tsv                         work, performance, shard, split
    songs/<shard>.tsv                 the same rows, of one shard
    manifests/<feature>/<shard>.tsv   work, performance, path (below the root; empty without a file), size, mtime_ns
    problems.tsv                      work, performance, reason, remedy: what the walk could not use
    summary.json                      layout, features and counts
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coversim.dataset.da_tacos import File, Layout, Problem, SongFiles
from coversim.dataset.splits import shard_of, split_by_hash, split_first
from coversim.errors import CoversimError
from coversim.storage import tsv
from coversim.storage.atomic import replacing

SONG_COLUMNS = ("work", "performance", "shard", "split")
FILE_COLUMNS = ("work", "performance", "path", "size", "mtime_ns")
NO_FILE = File("", 0, 0)
PROBLEM_COLUMNS = ("work", "performance", "reason", "remedy")


def shard_name(shard: int) -> str:
    return f"{shard:04d}"


def split_works(works: Iterable[str], split: Mapping[str, Any]) -> dict[str, str]:
    """Split of each work, by the `split` section of the configuration."""
    if split["method"] == "first":
        works = set(works)
        if split["train"] >= len(works):
            raise CoversimError(
                f"split.train: the first {split['train']:,} works are to train, and there are {len(works):,} in all. "
                "Remedy: lower split.train, so that works remain to validate with"
            )
        return split_first(works, int(split["train"]), int(split["valid"]))
    return {work: split_by_hash(work, split["valid"], split["test"], split["seed"]) for work in works}


class Titles(NamedTuple):
    """The file with the titles of a data set's songs, as jobs see it, and the SHA-256 of what it holds."""

    path: str
    content: str


class DataSet(NamedTuple):
    """What one walk through a data set found, and how its works are divided."""

    root: str  # as jobs see it, from the results folder
    layout: Layout
    titles: Titles | None
    songs: list[SongFiles]
    problems: list[Problem]
    split: dict[str, str]  # of each work


def catalogue_files(
    data_set: DataSet, folder: Path, features: Iterable[str], shards: int
) -> Iterator[tuple[Path, str]]:
    """Path and text of each file of a catalogue in `folder`, with the manifests of these features."""
    shard_of_work = {work: shard_of(work, shards) for work in data_set.split}
    of_shard: list[list[SongFiles]] = [[] for _ in range(shards)]
    for song in data_set.songs:
        of_shard[shard_of_work[song.work]].append(song)

    def songs(chosen: Iterable[SongFiles]) -> str:
        rows = (
            (song.work, song.performance, shard_of_work[song.work], data_set.split[song.work])
            for song in chosen
        )
        return tsv.text(SONG_COLUMNS, rows)

    yield folder / "summary.json", json.dumps(summarise(data_set), indent=1, ensure_ascii=False) + "\n"
    yield folder / "problems.tsv", tsv.text(PROBLEM_COLUMNS, data_set.problems)
    yield folder / "songs.tsv", songs(data_set.songs)
    for shard, chosen in enumerate(of_shard):
        yield folder / "songs" / f"{shard_name(shard)}.tsv", songs(chosen)
        for feature in features:
            files = ((song.work, song.performance, *song.files.get(feature, NO_FILE)) for song in chosen)
            yield folder / "manifests" / feature / f"{shard_name(shard)}.tsv", tsv.text(FILE_COLUMNS, files)


def summarise(data_set: DataSet) -> dict[str, Any]:
    """Counts of works and songs in all and by split; `shared` works are those left out of a benchmark."""
    split_of_work = data_set.split
    size_of_work = Counter(song.work for song in data_set.songs)
    splits = {
        name: {
            "works": sum(split == name for split in split_of_work.values()),
            "songs": sum(size for work, size in size_of_work.items() if split_of_work[work] == name),
            "queries": sum(
                size for work, size in size_of_work.items() if size > 1 and split_of_work[work] == name
            ),
        }
        for name in sorted(set(split_of_work.values()))
    }
    return {
        "root": data_set.root,
        "layout": data_set.layout.kind,
        "subset": data_set.layout.subset,
        "features": list(data_set.layout.features),
        "titles": data_set.titles,
        "works": len(size_of_work),
        "songs": len(data_set.songs),
        "distractors": sum(size == 1 for size in size_of_work.values()),
        "split": splits,
    }


def check_splits(summaries: Sequence[Mapping[str, Any]], needed: Iterable[str]) -> None:
    """Raise CoversimError unless each data set has a cover pair, and one of them two works in each needed split.

    A data set to train with may be so small that it has none there: the others have. What is but evaluated needs none: a
    collection without covers has no retrieval metrics, and can be searched.
    """
    for summary in summaries:
        if not any(split["queries"] for split in summary["split"].values()):
            raise CoversimError(
                f"{summary['root']}: no work has two songs, so there is no cover pair to learn from or to find. Remedy: check "
                "datasets.*.root and the layout: songs of one work lie in one folder"
            )
    for name in needed:
        found = [summary["split"].get(name, {"works": 0, "songs": 0, "queries": 0}) for summary in summaries]
        if not any(counts["queries"] and counts["works"] > 1 for counts in found):
            roots = ", ".join(summary["root"] for summary in summaries)
            counted = ", ".join(
                f"{counts['works']} works and {counts['queries']} songs with a cover" for counts in found
            )
            raise CoversimError(
                f"{roots}: the split '{name}' has {counted}; it needs two works of one data set, one of them with two songs. "
                "Remedy: change `split`, or add works"
            )


def write_if_changed(path: Path, text: str) -> None:
    """Write `text`, unless it stands there already."""
    content = encoded(text)
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    with replacing(path, recorded=False) as temporary:  # each run compares it with what it should be
        temporary.write_bytes(content)


def encoded(text: str) -> bytes:
    """A file's content; names that are not UTF-8 are as they are on disk."""
    return text.encode("utf-8", "surrogateescape")
