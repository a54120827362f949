"""Does length decide? MAP of songs as sequences, by the length of queries and of the songs: bench_length.py RESULTS [SOURCE …]

From a finished run with the experiment `sequence`: the test songs of its data sets (or of those that are named). A query
is a fragment from the middle of a song. The songs that it is to find its covers among last as long as is said: each
begins and ends with others, training songs of its data set that do not show hubs, and lies somewhere in between. So most
of a long one is other music. In the last row each lasts as long as chance has it, the logarithm being uniform. One thread.
"""

import argparse
import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from coversim.evaluation.retrieval import rank  # noqa: E402
from coversim.sequences import storage  # noqa: E402
from coversim.sequences.distances import hubness  # noqa: E402
from coversim.sequences.projection import Projection  # noqa: E402
from coversim.sequences.songs import likenesses, sequence_of  # noqa: E402
from coversim.sequences.tempo import at_tempi, distances, doubling  # noqa: E402
from coversim.storage import frames  # noqa: E402

RATE = 4
SONGS = ((0, 0), (120, 120), (600, 600), (1800, 1800), (60, 1800))  # seconds, from and to; 0: as they are
QUERIES = (0, 60, 30, 20, 10)
REFINED = 40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("sources", nargs="*")
    arguments = parser.parse_args()
    fitted = next(arguments.results.glob("sequences/*/lda"))
    projection, hubs = Projection.load(fitted / "projection.npz"), storage.read(fitted / "hubs.h5")
    sources = arguments.sources or sorted(path.name for path in (arguments.results / "fft").iterdir())
    print("songs, s   " + "".join(f"{f'query {query} s' if query else 'whole':>12}" for query in QUERIES))
    songs, others = read(arguments.results, sources, fitted.parent.name, set(hubs.names))
    works = np.array([song.work for song in songs])
    of_work = Counter(works.tolist())
    rows = np.array([row for row, work in enumerate(works) if of_work[work] > 1])
    queries = {
        length: [prepared(middle(songs[row], length), projection, hubs) for row in rows] for length in QUERIES
    }
    for shortest, longest in SONGS:
        random = np.random.default_rng(0)
        lengths = (
            np.exp(random.uniform(*np.log([shortest or 1, longest or 1]), len(songs))).round().astype(int)
        )
        long = [
            prepared(within(song, others, length, random), projection, hubs)
            for song, length in zip(songs, lengths, strict=True)
        ]
        with TemporaryDirectory() as folder:
            storage.write(Path(folder) / "songs.h5", long, projection)
            packed = storage.read(Path(folder) / "songs.h5")
        found = [
            rank(
                [(rows, table(queries[query], packed, doubling(projection)))], works
            ).average_precision.mean()
            for query in QUERIES
        ]
        name = "as is" if not longest else f"{shortest}" if shortest == longest else f"{shortest}-{longest}"
        print(f"{name:>8}   " + "".join(f"{value:12.3f}" for value in found), flush=True)


def read(
    results: Path, sources: list[str], features: str, hubs: set[frames.Name]
) -> tuple[list[frames.SongFrames], dict[str, Iterator[np.ndarray]]]:
    """Test songs of all sources, and of each source the frames of the training songs without `hubs`, again and again."""
    songs, others = [], {}
    for source in sources:
        with (results / "catalogue" / source / "songs.tsv").open(newline="") as file:
            split = {
                (row["work"], row["performance"]): row["split"]
                for row in csv.DictReader(file, dialect="excel-tab")
            }
        for song in frames.songs(sorted(results.glob(f"fft/{source}/{features}-4hz/*.h5")), split):
            if split[song.work, song.performance] == "test":
                songs.append(song._replace(work=f"{source}/{song.work}"))
            elif split[song.work, song.performance] == "train" and song[:2] not in hubs:
                others.setdefault(source, []).append(song.frames)
    return songs, {source: cycle(of_source) for source, of_source in others.items()}


def middle(song: frames.SongFrames, seconds: int) -> frames.SongFrames:
    """So many seconds from the middle of a song; 0: all of it."""
    length = song.frames.shape[2]
    start = max(0, length - RATE * seconds) // 2 if seconds else 0
    return song._replace(frames=song.frames[:, :, start : length - start])


def within(
    song: frames.SongFrames,
    others: dict[str, Iterator[np.ndarray]],
    seconds: int,
    random: np.random.Generator,
) -> frames.SongFrames:
    """The song somewhere in a recording of so many seconds; by itself where it lasts longer."""
    missing = RATE * seconds - song.frames.shape[2]
    if missing <= 0:
        return song
    before = int(random.integers(missing + 1))
    source = others[song.work.partition("/")[0]]
    parts = [filled(source, before), song.frames, filled(source, missing - before)]
    return song._replace(frames=np.concatenate(parts, axis=2))


def filled(others: Iterator[np.ndarray], length: int) -> np.ndarray:
    """The first so many frames of songs, one after the other."""
    parts = [next(others)]
    while sum(part.shape[2] for part in parts) < length:
        parts.append(next(others))
    return np.concatenate(parts, axis=2)[:, :, :length]


def prepared(
    song: frames.SongFrames, projection: Projection, hubs: storage.Sequences
) -> storage.StoredSequence:
    made = sequence_of(song, "test", projection)
    return made._replace(hubness=hubness(likenesses(made, hubs)))


def table(queries: list[storage.StoredSequence], songs: storage.Sequences, by: np.ndarray) -> np.ndarray:
    """Distances as `sequence` has them: at half the rate, and the nearest again."""
    own, whole = at_tempi(queries, songs, by)
    own_half, half = at_tempi(queries, songs, by, half_rate=True)
    found = []
    for query, query_half in zip(own, own_half, strict=True):
        row = distances(query_half, half)
        nearest = np.isin(np.arange(len(row)), np.argsort(row, kind="stable")[:REFINED])
        row[nearest] = distances(query, [at_tempo.of(nearest) for at_tempo in whole])
        found.append(row)
    return np.array(found)


if __name__ == "__main__":
    main()
