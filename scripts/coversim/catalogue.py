"""The catalogue of a data set: its songs, their shard and split, and one manifest per shard and feature.

Made in the main Snakemake process only, and written only where its content changed: a job on a cluster reads
it and never walks the data set. A shard's manifest is the declared input that stands for its song files: it
lists their sizes and times in nanoseconds, so that a replaced file makes its shard stale even with an older
time, and the workflow's graph stays as small as the number of shards. Each feature that is used has its own, so
that fetching another one makes nothing stale.

    songs.tsv                         work, performance, shard, split
    songs/<shard>.tsv                 the same rows, of one shard
    manifests/<feature>/<shard>.tsv   work, performance, path (below the root; empty without a file), size, mtime_ns
    problems.tsv                      work, performance, reason, remedy: what the walk could not use
    summary.json                      layout, features and counts
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coversim import tsv
from coversim.atomic import replacing
from coversim.errors import CoversimError
from coversim.layout import File, Layout, Problem, Song
from coversim.shards import shard_of, split_by_hash, split_first

SONG_COLUMNS = ("work", "performance", "shard", "split")
FILE_COLUMNS = ("work", "performance", "path", "size", "mtime_ns")
NO_FILE = File("", 0, 0)
PROBLEM_COLUMNS = ("work", "performance", "reason", "remedy")


def shard_name(shard: int) -> str:
    return f"{shard:04d}"


def split_works(works: Iterable[str], split: Mapping[str, Any]) -> dict[str, str]:
    """Split of each work, by the `split` section of the configuration."""
    if split["method"] == "first":
        return split_first(works, int(split["train"]), int(split["valid"]))
    return {work: split_by_hash(work, split["valid"], split["test"], split["seed"]) for work in works}


def write_catalogue(
    folder: Path,
    root: str,
    layout: Layout,
    metadata: Path | None,
    songs: list[Song],
    problems: list[Problem],
    split: Mapping[str, str],
    shards: int,
) -> dict[str, Any]:
    """Write the catalogue of `songs`, but for the manifests, and return its summary.

    `split` is that of each work, `metadata` the file with the songs' titles, if there is one.
    """
    shard_of_work = {work: shard_of(work, shards) for work in split}
    rows = [(song.work, song.performance, shard_of_work[song.work], split[song.work]) for song in songs]
    of_shard: dict[int, list[tuple]] = defaultdict(list)
    for row in rows:
        of_shard[row[2]].append(row)
    write_if_changed(folder / "songs.tsv", tsv.text(SONG_COLUMNS, rows))
    write_if_changed(folder / "problems.tsv", tsv.text(PROBLEM_COLUMNS, problems))
    for shard in range(shards):
        write_if_changed(
            folder / "songs" / f"{shard_name(shard)}.tsv", tsv.text(SONG_COLUMNS, of_shard[shard])
        )
    summary = summarise(root, layout, metadata, rows)
    write_if_changed(folder / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return summary


def write_manifests(folder: Path, songs: list[Song], features: Iterable[str], shards: int) -> None:
    """Write the manifests of these features."""
    shard_of_work = {work: shard_of(work, shards) for work in {song.work for song in songs}}
    of_shard: dict[int, list[Song]] = defaultdict(list)
    for song in songs:
        of_shard[shard_of_work[song.work]].append(song)
    for feature in features:
        for shard in range(shards):
            files = (
                (song.work, song.performance, *song.files.get(feature, NO_FILE)) for song in of_shard[shard]
            )
            path = folder / "manifests" / feature / f"{shard_name(shard)}.tsv"
            write_if_changed(path, tsv.text(FILE_COLUMNS, files))


def summarise(
    root: str, layout: Layout, metadata: Path | None, rows: list[tuple[str, str, int, str]]
) -> dict[str, Any]:
    """Counts of works and songs in all and by split; `shared` works are those left out of a benchmark."""
    size_of_work = Counter(row[0] for row in rows)
    split_of_work = {row[0]: row[3] for row in rows}
    splits = {
        name: {
            "works": sum(split == name for split in split_of_work.values()),
            "songs": sum(row[3] == name for row in rows),
            "queries": sum(
                size for work, size in size_of_work.items() if size > 1 and split_of_work[work] == name
            ),
        }
        for name in sorted(set(split_of_work.values()))
    }
    return {
        "root": root,
        "layout": layout.kind,
        "subset": layout.subset,
        "features": list(layout.features),
        "metadata": str(metadata) if metadata else None,
        "works": len(size_of_work),
        "songs": len(rows),
        "distractors": sum(size == 1 for size in size_of_work.values()),
        "split": splits,
    }


def check_split(summary: Mapping[str, Any], needed: Iterable[str]) -> None:
    """Raise CoversimError unless each needed split has a cover pair and a second work."""
    root = summary["root"]
    if not any(split["queries"] for split in summary["split"].values()):
        raise CoversimError(
            f"{root}: no work has two songs, so there is no cover pair to learn from or to find. Remedy: check "
            "datasets.*.root and the layout: songs of one work lie in one folder"
        )
    for name in needed:
        counts = summary["split"].get(name, {"works": 0, "songs": 0, "queries": 0})
        if counts["queries"] == 0 or counts["works"] < 2:
            raise CoversimError(
                f"{root}: the split '{name}' has {counts['works']} works and {counts['queries']} songs with a cover; "
                "it needs two works, one of them with two songs. Remedy: change `split`, or add works"
            )


def write_if_changed(path: Path, text: str) -> None:
    """Write `text`, unless it stands there already: a file's time tells when its content changed."""
    content = text.encode("utf-8", "surrogateescape")
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, recorded=False) as temporary:  # each run compares it with what it should be
        Path(temporary).write_bytes(content)
