"""Downsample one feature of a shard's songs: one song in memory at a time."""

import csv
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from coversim.dataset.features import Feature
from coversim.dataset.frame_rate import check_held, step
from coversim.dataset.paths import is_inside
from coversim.dataset.reader import read_feature
from coversim.errors import BadSong, CoversimError
from coversim.features.downsampling import downsample
from coversim.progress import followed
from coversim.storage import frames


def downsample_shard(
    manifest: Path,
    summary: Path,
    feature: Feature,
    output: Path,
    *,
    frame_rate: float,
    rate: float | None,
    length: int | None,
    on_bad_song: str = "set_aside",
) -> None:
    """Write the frames of the songs of a manifest, at `rate` Hz or in `length` frames each.

    Parameters
    ----------
    manifest : files of the shard's songs, see coversim.dataset.catalogue
    summary : summary.json of the catalogue, which names the root of the data set
    frame_rate : of the files; a song whose array shows another one cannot be used
    on_bad_song : `set_aside`, to list a song that cannot be used in the output; `fail`, to raise CoversimError
    """
    root = os.path.realpath(json.loads(summary.read_text(encoding="utf-8"))["root"])
    keep_freed_memory()
    songs = set_aside = repaired = 0
    with frames.writing(output, feature.name, feature.rows, rate or 0) as shard:
        for work, performance, path in followed(list(listed(manifest)), "songs"):
            try:
                # a song of a work that has another name (`same_works`) is called <work>/<performance>
                own = performance.split("/", 1) if "/" in performance else (work, performance)
                reading = read_feature(located(root, path, feature.name), feature.name, *own)
                check_held(reading.values, feature, frame_rate)
            except BadSong as bad:
                if on_bad_song == "fail":
                    raise CoversimError(
                        f"{root}: {work} {performance}: {bad}, or set on_bad_song: set_aside"
                    ) from bad
                logging.warning("%s %s set aside: %s", work, performance, bad)
                shard.set_aside(work, performance, bad)
                set_aside += 1
                continue
            values = downsample(
                reading.values,
                frame_rate,
                rate=rate,
                frames=length,
                hold=step(feature, frame_rate),
                non_negative=feature.non_negative,
            )
            shard.append(work, performance, values, reading.nan + reading.inf, reading.misnamed)
            songs += 1
            repaired += reading.nan + reading.inf
    logging.info(
        "%s: %d songs, %d set aside, %d values that were not finite interpolated",
        *(feature.name, songs, set_aside, repaired),
    )


def keep_freed_memory() -> None:
    """Have the memory of one song serve the next, which saves a tenth of the time.

    The C library returns freed memory to the system above a size that grows with the largest block ever freed.
    """
    np.empty(2**24, np.uint8)


def listed(manifest: Path) -> Iterator[tuple[str, str, str]]:
    """Each song of a manifest: work, performance, and the path of its file, empty without one.

    By csv and not by pandas, which takes a second to load.
    """
    try:
        with manifest.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.DictReader(file, dialect="excel-tab", strict=True)
            if not {"work", "performance", "path"} <= set(table.fieldnames or ()):
                raise ValueError("its columns are others")
            for row in table:
                song = row["work"], row["performance"], row["path"]
                if None in song:
                    raise ValueError("a row is too short")
                yield song
    except (csv.Error, ValueError) as error:
        raise CoversimError(
            f"{manifest}: not a manifest ({error}). Remedy: delete it and run again"
        ) from error


def located(root: str, path: str, feature: str) -> Path:
    """The song's file, which must lie inside the data set."""
    if not path:
        raise BadSong(f"no {feature} file", f"fetch it, or leave {feature} out of the config")
    located = Path(root, path)
    if not is_inside(root, located):
        raise BadSong(f"{path} leads out of the data set", "put the file itself in its place")
    return located
