"""How long the rule `fft` takes per song, as a multiple of merely reading the same arrays with h5py.

python tests/benchmarks/bench_fft.py [SONGS]

Writes made-up corpora of genuine-looking files, of songs of one and of three minutes, and prints one line for
each feature: CPU milliseconds per song of both, their ratio (the median of several rounds, in which the two
take turns; the bound is 1.5), and the peak memory of a whole job in a process of its own (bound: 400 MB).
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import h5py

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import corpus
import fft
from coversim.dataset.da_tacos import recognise, walk
from coversim.dataset.features import FEATURES

ROUNDS = 9


def main() -> None:
    songs = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(f"{'seconds':>7} {'feature':>7} {'read ms':>8} {'fft ms':>7} {'ratio':>6} {'peak MB':>8}")
    for seconds in (60, 180):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "data")
            works = {f"W_{i}": [f"P_{i}"] for i in range(songs)}
            corpus.write_corpus(root, works, FEATURES, seconds=seconds)
            listed, _ = walk(root, recognise(root))
            for feature in FEATURES.values():
                paths = [root / song.files[feature.name].path for song in listed]
                options = job(Path(folder), listed, root, feature.name)
                rounds = [(timed(read, paths, feature.dataset), timed(run, options)) for _ in range(ROUNDS)]
                reading, whole = (
                    1000 * statistics.median(column) / songs for column in zip(*rounds, strict=True)
                )
                ratio = statistics.median(whole / reading for reading, whole in rounds)
                print(
                    f"{seconds:7} {feature.name:>7} {reading:8.2f} {whole:7.2f} {ratio:6.2f} {peak(options):8.0f}"
                )


def job(folder: Path, songs: list, root: Path, feature: str) -> list[str]:
    """Options of the script for these songs."""
    with (folder / "manifest.tsv").open("w", newline="") as file:
        table = csv.writer(file, dialect="excel-tab")
        table.writerow(["work", "performance", "path"])
        table.writerows((song.work, song.performance, song.files[feature].path) for song in songs)
    (folder / "summary.json").write_text(json.dumps({"root": str(root)}))
    options = {
        "--manifest": folder / "manifest.tsv",
        "--summary": folder / "summary.json",
        "--feature": feature,
        "--rate": 4,
        "--output": folder / "0000.h5",
    }
    return [str(part) for option in options.items() for part in option]


def read(paths: list[Path], dataset: str) -> None:
    for path in paths:
        with h5py.File(path, "r") as file:
            file[dataset][:]


def run(options: list[str]) -> None:
    with patch.object(sys, "argv", ["fft.py", *options]):
        fft.main()


def peak(options: list[str]) -> float:
    """Peak memory of the whole job, MB."""
    program = (
        "import resource, sys, fft; fft.main(); "
        "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )
    command = [sys.executable, "-c", program, *options]
    job = subprocess.run(command, cwd=Path(fft.__file__).parent, capture_output=True, text=True, check=True)
    return int(job.stderr) / 1024


def timed(function, *arguments) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    main()
