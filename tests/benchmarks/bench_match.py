"""How long it takes to compare two songs, as sequences and by Qmax: python tests/benchmarks/bench_match.py RESULTS SOURCE

Of a finished run with `sequence`. One thread, CPU time, medians of ROUNDS rounds in turn: songs of SOURCE as they are, and
of four minutes, joined from these. A query meets SONGS as sequences, as four experiments of config/sequence.yaml compare them (the time
to make songs of half the rate, and of twice the tempo, apart), and ALIGNED by Qmax, in two transpositions and in one.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from coversim.alignment.qmax import qmax_distances  # noqa: E402
from coversim.sequences import storage  # noqa: E402
from coversim.sequences.projection import Projection  # noqa: E402
from coversim.sequences.songs import at_half_rate, sequence_of  # noqa: E402
from coversim.sequences.tempo import at_tempi, at_twice_the_tempo, distances, doubling  # noqa: E402
from coversim.storage import frames  # noqa: E402

SONGS = 1000
ALIGNED = 20
REFINED = 40
ROUNDS = 5
MINUTES = 4 * 60 * 4  # frames


def main() -> None:
    results, source = Path(sys.argv[1]), sys.argv[2]
    [features] = sorted((results / "sequences").iterdir())
    projection = Projection.load(features / "lda" / "projection.npz")
    songs = list(frames.songs(sorted(results.glob(f"fft/{source}/*-4hz/*.h5"))))
    for name, chosen in (("as they are", songs[:SONGS]), ("four minutes", joined(songs))):
        print(f"songs {name}: {np.mean([song.frames.shape[2] for song in chosen]) / 4:.0f} s")
        measure(chosen, projection)


def measure(songs: list[frames.SongFrames], projection: Projection) -> None:
    """Print the times of all ways to compare the first song with these."""
    made = [sequence_of(song, "test", projection) for song in songs]
    with TemporaryDirectory() as folder:
        storage.write(Path(folder) / "songs.h5", made, projection)
        others = storage.read(Path(folder) / "songs.h5")
    kept = others.vectors.nbytes + others.profiles.nbytes + others.hubness.nbytes
    query, first = made[0], np.arange(len(made)) < REFINED
    by = doubling(projection)

    def compared(double_tempo: str, refined: bool) -> Callable[[], object]:
        """With songs that are made already."""
        [own], songs = at_tempi([query], others, None if double_tempo == "none" else by)
        if not refined:
            return partial(distances, own, songs)
        [own_half], songs_half = at_tempi(
            [query], others, by if double_tempo == "all" else None, half_rate=True
        )

        def coarsely_then_finely() -> None:
            distances(own_half, songs_half)
            distances(own, [at_tempo.of(first) for at_tempo in songs])

        return coarsely_then_finely

    chroma = [song.frames for song in songs[:ALIGNED]]
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "sequence": (compared("all", refined=True), len(made)),
        "sequence_fast": (compared("nearest", refined=True), len(made)),
        "sequence_whole": (compared("all", refined=False), len(made)),
        "sequence_own_tempo": (compared("none", refined=False), len(made)),
        "to make songs of half the rate": (partial(at_half_rate, [], others), len(made)),
        "to make songs of twice the tempo": (partial(at_twice_the_tempo, others, by), len(made)),
        "qmax, two transpositions": (partial(qmax_distances, chroma[0], chroma, 2), ALIGNED),
        "qmax, one": (partial(qmax_distances, chroma[0], chroma, 1), ALIGNED),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name, (way, _) in cycle(ways.items()):
        started = time.process_time()
        way()
        seconds[name].append(time.process_time() - started)
        if all(len(found) > ROUNDS for found in seconds.values()):  # the first compiles
            break
    times = {name: float(np.median(found[1:])) / ways[name][1] for name, found in seconds.items()}
    print(f"  {kept / len(made) / 1000:.1f} kB a song; load {os.getloadavg()[0]:.1f}")
    for name, found in times.items():
        print(f"  {name:34}{1e6 * found:10.1f} µs   1/{times['qmax, two transpositions'] / found:.0f}")


def joined(songs: list[frames.SongFrames]) -> list[frames.SongFrames]:
    """Songs of four minutes, of several songs each."""
    parts = cycle(songs)
    made = []
    for number in range(SONGS):
        arrays = [next(parts).frames]
        while sum(array.shape[2] for array in arrays) < MINUTES:
            arrays.append(next(parts).frames)
        whole = np.concatenate(arrays, axis=2)[:, :, :MINUTES]
        made.append(songs[0]._replace(performance=str(number), frames=whole))
    return made


if __name__ == "__main__":
    main()
