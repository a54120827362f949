"""Fuzz the readers of song files: python tests/fuzz_reading.py [libFuzzer's options] (needs atheris).

Whatever a file holds, it is read, with finite values, or refused as a BadSong; libFuzzer ends the run at a
crash, at an input that takes more than ten seconds, and at 1 GB of memory.
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["coversim"]):
    from coversim.dataset import reader
    from coversim.errors import BadSong

import numpy as np  # noqa: E402

import corpus  # noqa: E402

READERS = (
    lambda path: reader.read_feature(path, "crema", "W_1", "P_1").values,
    lambda path: reader.read_feature(path, "hpcp").values,
)


def read_all(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        file.write(content)
        file.flush()
        for reader in READERS:
            with suppress(BadSong):
                found = reader(file.name)
                assert not isinstance(found, np.ndarray) or np.isfinite(found).all()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for seed, damage in enumerate([None, *corpus.DAMAGES.values()]):
            song = corpus.song_arrays(seed, seconds=0.5)
            [path] = corpus.write_song(Path(folder), "W_1", f"P_{seed}", song, layout="single")
            if damage:
                damage(path)
        seeds = Path(folder, "da-tacos_toy_subset_single_files", "W_1")
        atheris.Setup(
            [*sys.argv, "-rss_limit_mb=1000", "-timeout=10", "-max_len=65536", str(seeds)], read_all
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
