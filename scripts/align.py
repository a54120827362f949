"""Compare a shard's queries with the songs of their collection, or with those that an embedding finds first."""

import argparse
import logging
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from coversim.alignment import qmax
from coversim.alignment.candidates import nearest
from coversim.cli import run
from coversim.features.patches import sharpen
from coversim.storage import distances, frames, tsv
from coversim.storage.embeddings import of_split

LOG_EVERY = 30  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=qmax.METHODS, required=True)
    parser.add_argument(
        "--sharpness",
        type=float,
        nargs="+",
        required=True,
        help="of each feature, see coversim.features.patches",
    )
    parser.add_argument(
        "--frames", nargs="+", required=True, help="all shards of all features, in their order"
    )
    parser.add_argument("--songs", type=Path, required=True, help="catalogue with the split of each song")
    parser.add_argument("--collection", required=True)
    parser.add_argument("--shard", required=True, help="whose songs are the queries")
    parser.add_argument(
        "--embeddings", type=Path, nargs="*", help="of the data set, HDF5; none: all songs are candidates"
    )
    parser.add_argument("--candidates", type=int, default=0, help="how many songs the embedding finds first")
    parser.add_argument("--output", type=Path, required=True, help="distances, HDF5")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    catalogue = [song for song in tsv.read(arguments.songs) if song["split"] == arguments.collection]
    collection = {song["performance"] for song in catalogue}
    songs_of_work = Counter(song["work"] for song in catalogue)
    with_cover = {song["performance"] for song in catalogue if songs_of_work[song["work"]] > 1}
    own_shard = [path for path in arguments.frames if Path(path).stem == arguments.shard]
    # songs of like length go together
    queries = sorted(frames.songs(own_shard, with_cover), key=lambda song: song.frames.shape[2])
    query_chroma = [chroma(song, arguments.sharpness) for song in queries]
    wanted = first_found(arguments, queries)

    compare = qmax.METHODS[arguments.method]
    started = logged = time.monotonic()
    pairs, names, columns = 0, [], []
    for song in frames.songs(arguments.frames, collection):
        column = np.full(len(queries), np.nan, np.float32)
        chosen = np.flatnonzero(wanted[song.performance]) if wanted else np.arange(len(queries))
        if len(chosen):
            column[chosen] = compare(
                chroma(song, arguments.sharpness), [query_chroma[place] for place in chosen]
            )
        pairs += len(chosen)
        names.append((song.work, song.performance))
        columns.append(column)
        if time.monotonic() - logged > LOG_EVERY:
            logged = time.monotonic()
            logging.info("%d of %d songs, %d pairs", len(names), len(collection), pairs)
    seconds = time.monotonic() - started
    logging.info(
        "%d queries, %d songs, %d pairs: %.2f ms per pair, %.3f s per query",
        *(len(queries), len(names), pairs, 1000 * seconds / max(1, pairs), seconds / max(1, len(queries))),
    )
    row = {performance: row for row, (_, performance) in enumerate(names)}
    distances.write(
        arguments.output,
        [work for work, _ in names],
        [performance for _, performance in names],
        np.array([row[song.performance] for song in queries], dtype=np.int64),
        np.array(columns, np.float32).reshape(len(names), len(queries)).T,
        {
            "method": arguments.method,
            "frames": sorted({Path(path).parent.name for path in arguments.frames}),
            "sharpness": arguments.sharpness,
            "candidates": arguments.candidates,
        },
    )


def chroma(song: frames.Song, sharpness: list[float]) -> np.ndarray:
    """A song's frames (C, 12, T), sharpened."""
    return sharpen(torch.from_numpy(song.frames)[None], sharpness)[0].numpy()


def first_found(arguments: argparse.Namespace, queries: list[frames.Song]) -> dict[str, np.ndarray] | None:
    """Which queries find a song among the first, (queries,) for each performance; None without an embedding."""
    if not arguments.embeddings:
        return None
    songs = of_split(arguments.embeddings, arguments.collection)
    row = {name: row for row, name in enumerate(songs.performances.tolist())}
    rows = np.array([row[song.performance] for song in queries], dtype=np.int64)
    found = nearest(songs.embeddings, rows, arguments.candidates, songs.queries)
    return dict(zip(songs.performances.tolist(), found.T, strict=True))


if __name__ == "__main__":
    run(main)
