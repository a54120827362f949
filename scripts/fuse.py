"""Join the embeddings of several experiments into one: late fusion."""

import argparse
import logging
from pathlib import Path

import torch

from coversim.cli import run
from coversim.siamese.fusion import fused
from coversim.storage import embeddings, hdf5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--embeddings", type=Path, nargs="+", required=True, help="of a data set, one file per experiment"
    )
    parser.add_argument(
        "--references",
        type=Path,
        nargs="+",
        required=True,
        help="of the training data sets, {experiment}/{seed}/{data set}.h5",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="embeddings, HDF5")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    parts = [embeddings.read(path) for path in arguments.embeddings]
    references = [
        embeddings.of_split([path for path in arguments.references if path.parent == part.parent], "valid")
        for part in arguments.embeddings
    ]
    songs = fused(parts, references)
    logging.info(
        "%d songs; of the experiments: %s",
        len(songs.works),
        ", ".join(str(len(part.works)) for part in parts),
    )
    settings = {"fuse": [hdf5.read_settings(path) for path in arguments.embeddings]}
    embeddings.write(
        arguments.output,
        songs.works,
        songs.performances,
        songs.splits,
        songs.embeddings,
        songs.queries,
        settings,
    )


if __name__ == "__main__":
    run(main)
