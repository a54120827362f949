"""Count, mean and scatter of the patches of a shard's training songs, each recording of the shard once."""

import argparse
import json
from pathlib import Path

import torch

from coversim.cli import run
from coversim.features.patches import pad, representation
from coversim.features.pca import Moments
from coversim.progress import followed
from coversim.storage import frames, tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", nargs="+", required=True, help="the shard's frames, one file per feature")
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument(
        "--settings", type=Path, required=True, help="JSON file: features, fft, representation"
    )
    parser.add_argument("--output", type=Path, required=True, help="moments, .npz")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    training = {
        (song["work"], song["performance"]) for song in tsv.read(arguments.songs) if song["split"] == "train"
    }
    patches = representation(json.loads(arguments.settings.read_text(encoding="utf-8")))
    moments = Moments(patches.size)
    for song in followed(frames.once_each(frames.songs(arguments.frames, training)), "songs"):
        found, mask = patches(*pad([torch.from_numpy(song.frames)]))
        moments.add(found[mask].reshape(-1, patches.size).numpy())
    moments.save(arguments.output)


if __name__ == "__main__":
    run(main)
