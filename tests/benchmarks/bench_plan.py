"""Time and memory of Snakemake's plan on made-up catalogues: bench_plan.py [SONGS:SHARDS …]

A data set of empty files, two songs a work, is written to a folder in memory (/dev/shm). Measured are a dry run
that plans everything, one with nothing to do, and a run with nothing to do; beside them the walk alone.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", default=["10000:64"], help="SONGS:SHARDS")
    parser.add_argument("--runs", type=int, default=3, help="the median of so many")
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    arguments = parser.parse_args()
    print(f"{'songs':>9} {'shards':>6}  {'what':<28} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}")
    for size in arguments.sizes:
        songs, shards = map(int, size.split(":"))
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            folder = Path(name)
            data_set(folder / "data", songs)
            snakemake = configured(folder, shards)
            for what, command in {
                "the walk alone": walk(folder / "data"),
                "dry run, everything to do": [*snakemake, "--dry-run"],
                "dry run, nothing to do": [*snakemake, "--dry-run"],
                "run, nothing to do": snakemake,
            }.items():
                if what == "dry run, nothing to do":
                    make_outputs(snakemake, folder / "run")
                runs = sorted(measured(command) for _ in range(arguments.runs))
                wall, cpu, peak = runs[arguments.runs // 2]
                print(f"{songs:9,} {shards:6}  {what:<28} {wall:7.1f} {cpu:7.1f} {peak:8.0f}", flush=True)


def data_set(root: Path, songs: int) -> None:
    """Empty files in the layout of Da-TACOS."""
    for work in range(songs // 2):
        folder = root / "da-tacos_any_subset_crema" / f"W_{work}_crema"
        folder.mkdir(parents=True)
        for song in range(2):
            (folder / f"P_{2 * work + song}_crema.h5").touch()


def configured(folder: Path, shards: int) -> list[str]:
    """The command that runs the workflow on the data set."""
    config = {
        "name": "plan",
        "datasets": {"train": {"root": str(folder / "data")}},
        "shards": shards,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1"),
        *("--directory", str(folder / "run"), "--configfile", str(folder / "run.yaml"), "--quiet", "all"),
    ]


def walk(root: Path) -> list[str]:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from coversim.dataset.da_tacos import recognise, walk; "
    )
    program += "walk(sys.argv[2], recognise(sys.argv[2]))"
    return [sys.executable, "-c", program, str(ROOT / "scripts"), str(root)]


def make_outputs(snakemake: list[str], directory: Path) -> None:
    """Make all outputs, empty, and have Snakemake take them for finished."""
    summary = subprocess.run([*snakemake, "--summary"], check=True, capture_output=True, text=True).stdout
    for row in csv.DictReader(summary.splitlines(), dialect="excel-tab"):
        path = directory / row["output_file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    subprocess.run([*snakemake, "--touch"], check=True, capture_output=True)
    done = subprocess.run([*snakemake[:-2], "--dry-run"], check=True, capture_output=True, text=True)
    assert "Nothing to be done" in done.stdout + done.stderr


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall time and CPU time in s, and peak memory in MB, of one call."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
