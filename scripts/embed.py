"""Embed every song of a data set that counts; those of works that the model has seen do not."""

import argparse
from pathlib import Path

import torch

from coversim.cli import run
from coversim.device import choose_device, compute_reproducibly
from coversim.errors import CoversimError
from coversim.progress import followed
from coversim.siamese import encoder
from coversim.storage import embeddings, frames
from coversim.storage.songs import counting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.pt")
    parser.add_argument(
        "--frames", nargs="+", required=True, help="all shards of all features, in their order"
    )
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument(
        "--copies", type=Path, required=True, help="of the same data set, songs that do not count"
    )
    parser.add_argument(
        "--query-tempi",
        type=float,
        nargs="*",
        default=[],
        help="tempi at which a song is sought; none: by its embedding",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="embeddings, HDF5")
    arguments = parser.parse_args()

    compute_reproducibly(arguments.threads)
    device = choose_device(arguments.device)
    model = encoder.load(arguments.model, device)
    split = counting([arguments.songs], [arguments.copies])
    tempi = model.settings["model"]["tempi"]
    works, performances, found, queries = [], [], [], []
    songs = followed(frames.songs(arguments.frames, split), "songs", len(split))
    for block in encoder.in_batches(songs, lambda song: song.frames.shape[-1], encoder.BLOCK):
        works += [song.work for song in block]
        performances += [song.performance for song in block]
        songs_frames = [torch.from_numpy(song.frames) for song in block]
        played = encoder.embed_played(model, songs_frames, device, [*tempi, *arguments.query_tempi])
        found.append(encoder.mean_embedding([played[tempo] for tempo in tempi]))
        if arguments.query_tempi:
            queries.append(torch.stack([played[tempo] for tempo in arguments.query_tempi], dim=1))
    if not works:
        raise CoversimError(
            f"{arguments.songs}: no song of this data set can be used. Remedy: look into set_aside.tsv for the reasons"
        )
    embeddings.write(
        arguments.output,
        works,
        performances,
        [split[song] for song in zip(works, performances, strict=True)],
        torch.cat(found).numpy(),
        torch.cat(queries).numpy() if queries else None,
        model.settings | ({"query": {"tempi": arguments.query_tempi}} if arguments.query_tempi else {}),
    )


if __name__ == "__main__":
    run(main)
