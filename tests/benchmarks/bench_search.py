"""How long a catalogue of made-up songs takes to open and to search, and what memory: for embeddings.

python tests/benchmarks/bench_search.py FOLDER [--songs 1000000] [--size 448] [--index]
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests"), str(ROOT / "tests" / "workflow")]

from coversim.metric.catalogue import index  # noqa: E402
from coversim.metric.catalogue.catalogue import Catalogue  # noqa: E402
from coversim.metric.catalogue.changes import TOGETHER, remove  # noqa: E402
from coversim.metric.catalogue.parts import METRIC, Entry, points_of, write_part  # noqa: E402
from coversim.metric.kinds.points import Embedding  # noqa: E402
from coversim.metric.metric import Metric  # noqa: E402
from metric_files import write_model  # noqa: E402

WORK = 4  # songs around each centre
DECAY = 32  # components over which the variance falls by e: some 60 count, as in the embeddings of `vector` on folk tunes
QUERIES = 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the catalogue is, or is to be")
    parser.add_argument("--songs", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--index", action="store_true", help="search by an index, as beyond a million songs")
    arguments = parser.parse_args()
    if arguments.index:
        index.EXACT = 0
    if not arguments.folder.exists():
        write(arguments.folder, arguments.songs, arguments.size)
    if arguments.index and not (arguments.folder / "index.json").exists():
        started = time.perf_counter()
        remove(arguments.folder, lambda entry: False, print)
        print(f"to build the index: {time.perf_counter() - started:.0f} s, {peak()}")
        return

    started = time.perf_counter()
    many = Catalogue.load(arguments.folder)
    print(f"{len(many):,} songs, to open: {time.perf_counter() - started:.2f} s, {peak()}")
    rng = np.random.default_rng(1)
    seconds = []
    for _ in range(QUERIES):
        part = list(many.parts)[rng.integers(len(many.parts))]
        point = points_of(part)[7]
        query = Embedding(point, point[None])
        started = time.perf_counter()
        many.search(query)
        seconds.append(time.perf_counter() - started)
    print(
        f"first query: {1000 * seconds[0]:.0f} ms; median of the others: {1000 * np.median(seconds[1:]):.1f} ms, {peak()}"
    )


def write(folder: Path, songs: int, size: int) -> None:
    """A catalogue of songs that lie in works, in as many directions as those of real songs."""
    folder.mkdir(parents=True)
    model = write_model(folder / "model.pt")
    Metric.load(model).save(folder / METRIC)
    kind, rng = Metric.load(model).kind, np.random.default_rng(0)
    for start in range(0, songs, TOGETHER):
        numbers = range(start, min(start + TOGETHER, songs))
        centres = rng.standard_normal((-(-len(numbers) // WORK), size)).repeat(WORK, axis=0)[: len(numbers)]
        points = centres + 0.7 * rng.standard_normal((len(numbers), size))
        points *= np.exp(-np.arange(size) / (2 * DECAY))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        entries = [
            Entry(
                f"W_{n // WORK}",
                f"P_{n}",
                "a title of usual length",
                "an artist",
                f"/music/folder/W_{n}/P_{n}.h5",
                n,
                n,
            )
            for n in numbers
        ]
        write_part(folder, entries, kind, {"point": points.astype(np.float32)})


def peak() -> str:
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
