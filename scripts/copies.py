"""List the songs of a data set that do not count, since they are recordings or works under another name."""

import argparse
import logging
from pathlib import Path

from coversim import cli
from coversim.dataset.copies import Copy, RecordedSong, copies
from coversim.storage import frames, tsv
from coversim.storage.atomic import replacing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument(
        "--songs",
        type=Path,
        nargs="+",
        required=True,
        help="…/<dataset>/songs.tsv of those to train with and of this one, in their order",
    )
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="…/<dataset>/<frames>/<shard>.h5, one feature"
    )
    parser.add_argument("--output", type=Path, required=True, help="tab-separated table")
    arguments = parser.parse_args()
    recording = {
        (path.parent.parent.name, *song): digest
        for path in arguments.frames
        for shard in [frames.read(path)]
        for song, digest in zip(shard.songs, shard.digests, strict=True)
    }
    songs = [
        RecordedSong(path.parent.name, *name, row["split"], recording.get((path.parent.name, *name), ""))
        for path in arguments.songs
        for row in tsv.read(path)
        for name in [(row["work"], row["performance"])]
    ]
    found = [copy for copy in copies(songs) if copy.dataset == arguments.dataset]
    with replacing(arguments.output) as temporary:
        temporary.write_text(tsv.text(Copy._fields, found), encoding="utf-8", errors="surrogateescape")
    logging.info("%d songs do not count", len(found))


if __name__ == "__main__":
    cli.run(main)
