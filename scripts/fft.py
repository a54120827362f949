"""Downsample one feature of a shard's songs: the script of the rule `fft`."""

import argparse
import csv
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from coversim import cli
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.paths import is_inside
from coversim.dataset.reader import read_feature
from coversim.errors import BadSong, CoversimError
from coversim.features.downsampling import downsample
from coversim.storage import frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="files of the shard's songs")
    parser.add_argument("--summary", type=Path, required=True, help="summary.json, which names the root")
    parser.add_argument("--feature", choices=FEATURES, required=True)
    parser.add_argument("--rate", type=float, nargs="?", help="frames per second to keep")
    parser.add_argument(
        "--frames", type=int, nargs="?", help="instead: frames to keep of each song, whatever its length"
    )
    parser.add_argument("--on-bad-song", choices=("set_aside", "fail"), default="set_aside")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    if (arguments.rate is None) == (arguments.frames is None):
        parser.error("either --rate or --frames is needed")

    feature = FEATURES[arguments.feature]
    root = os.path.realpath(json.loads(arguments.summary.read_text(encoding="utf-8"))["root"])
    keep_freed_memory()
    songs = set_aside = repaired = renamed = 0
    with frames.writing(arguments.output, feature.name, feature.rows, arguments.rate or 0) as shard:
        for work, performance, path in listed(arguments.manifest):
            try:
                reading = read_feature(located(root, path, feature.name), feature.name, work, performance)
            except BadSong as bad:
                if arguments.on_bad_song == "fail":
                    raise CoversimError(
                        f"{root}: {work} {performance}: {bad}, or set on_bad_song: set_aside"
                    ) from bad
                logging.warning("%s %s set aside: %s", work, performance, bad)
                shard.set_aside(work, performance, bad)
                set_aside += 1
                continue
            values = downsample(
                reading.values,
                FRAME_RATE,
                rate=arguments.rate,
                frames=arguments.frames,
                hold=feature.hold,
                non_negative=feature.non_negative,
            )
            shard.append(work, performance, values, reading.nan + reading.inf)
            songs += 1
            repaired += reading.nan + reading.inf
            renamed += reading.renamed
    if renamed:
        logging.warning(
            "%d songs whose files name another work or performance: their folders and file names count",
            renamed,
        )
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
    """Each song of a manifest: work, performance, and the path of its file, empty without one."""
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


if __name__ == "__main__":
    cli.run(main)
