"""Downsample one feature of a shard's songs: the script of the rule `fft`."""

import argparse
from pathlib import Path

from coversim import cli
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.features.shard import downsample_shard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="files of the shard's songs")
    parser.add_argument("--summary", type=Path, required=True, help="summary.json, which names the root")
    parser.add_argument("--feature", choices=FEATURES, required=True)
    parser.add_argument("--frame-rate", type=float, default=FRAME_RATE, help="frames per second of the files")
    parser.add_argument("--rate", type=float, nargs="?", help="frames per second to keep")
    parser.add_argument(
        "--frames", type=int, nargs="?", help="instead: frames to keep of each song, whatever its length"
    )
    parser.add_argument("--on-bad-song", choices=("set_aside", "fail"), default="set_aside")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    if (arguments.rate is None) == (arguments.frames is None):
        parser.error("either --rate or --frames is needed")

    downsample_shard(
        arguments.manifest,
        arguments.summary,
        FEATURES[arguments.feature],
        arguments.output,
        frame_rate=arguments.frame_rate,
        rate=arguments.rate,
        length=arguments.frames,
        on_bad_song=arguments.on_bad_song,
    )


if __name__ == "__main__":
    cli.run(main)
