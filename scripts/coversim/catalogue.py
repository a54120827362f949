"""The catalogue of a data set: its songs, their shard and split, and one manifest per shard.

Made in the main Snakemake process only, and written only where its content changed: a job on a cluster reads
it and never walks the data set. A shard's manifest is the declared input that stands for its song files: it
lists their sizes and times in nanoseconds, so that a replaced file makes its shard stale even with an older
time, and the workflow's graph stays as small as the number of shards.

    songs.tsv               work, performance, shard, split
    songs/<shard>.tsv       the same rows, of one shard
    manifests/<shard>.tsv   work, performance, feature, path (below the root), size, mtime_ns
    problems.tsv            work, performance, reason, remedy: what the walk could not use
    summary.json            layout, features and counts
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coversim import tsv
from coversim.atomic import replacing
from coversim.errors import CoversimError
from coversim.layout import Layout, Problem, Song
from coversim.shards import shard_of, split_by_hash, split_first

SONG_COLUMNS = ("work", "performance", "shard", "split")
FILE_COLUMNS = ("work", "performance", "feature", "path", "size", "mtime_ns")
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
    """Write the catalogue of `songs`, whose works have the given `split`, and return its summary.

    `metadata` is the file with the songs' titles, if there is one.
    """
    rows = [(song.work, song.performance, shard_of(song.work, shards), split[song.work]) for song in songs]
    by_shard: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        by_shard[row[2]].append(place)
    write_if_changed(folder / "songs.tsv", tsv.text(SONG_COLUMNS, rows))
    write_if_changed(folder / "problems.tsv", tsv.text(PROBLEM_COLUMNS, problems))
    for shard in range(shards):
        places, name = by_shard[shard], f"{shard_name(shard)}.tsv"
        files = (
            (song.work, song.performance, feature, *file)
            for song in map(songs.__getitem__, places)
            for feature, file in sorted(song.files.items())
        )
        write_if_changed(folder / "songs" / name, tsv.text(SONG_COLUMNS, map(rows.__getitem__, places)))
        write_if_changed(folder / "manifests" / name, tsv.text(FILE_COLUMNS, files))
    summary = summarise(root, layout, metadata, rows)
    write_if_changed(folder / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return summary


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
    with replacing(path) as temporary:
        Path(temporary).write_bytes(content)
