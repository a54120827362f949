"""A run may be killed at any moment, and the next one ends as if nothing had happened.

COVERSIM_KILLS sets how many moments are tried (12 by default), COVERSIM_KILLS_SEED which.
"""

import csv
import hashlib
import itertools
import os
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from job_server import KILLED
from place import RESULTS
from workflow import jobs, plan, run, running_jobs, start, wait_for_jobs

KILLS = int(os.environ.get("COVERSIM_KILLS", 12))
SEED = int(os.environ.get("COVERSIM_KILLS_SEED", 0))
LATEST = 6.0  # seconds after the start of a run: less than one takes, so that it absorbs several kills
KINDS = (
    *("fft", "copies", "pairs", "pca_moments", "set_aside", "pca"),
    *("train", "embed", "evaluate", "metrics", "report"),
)
OUTPUTS = (
    *("fft", "copies", "pca", "pairs", "models", "embeddings", "evaluation"),
    *("metrics.tsv", "set_aside.tsv"),
)
LARGER_THAN_THE_LIMIT = (
    *(
        "fft/*/*/0000.h5",
        "pca/*/moments/*/0000.npz",
        "models/network/1/model.pt",
        "embeddings/network/1/train.h5",
    ),
    *("evaluation/network/1/metrics.json", "report.html"),
)


def contents(place: Path) -> dict[str, str]:
    """Digest of each output but the report, which tells times; of histories without their column of seconds."""
    digests = {}
    for name in OUTPUTS:
        top = place / RESULTS / name
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                content = path.read_bytes()
                if path.name == "history.tsv":
                    rows = csv.DictReader(content.decode().splitlines(), dialect="excel-tab")
                    content = repr([{**row, "seconds": ""} for row in rows]).encode()
                digests[str(path.relative_to(place / RESULTS))] = hashlib.sha256(content).hexdigest()
    return digests


def data_set(place: Path) -> dict[Path, tuple[int, str]]:
    files = [path for path in (place / "data").rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files}


def left_over(place: Path) -> list[Path]:
    """Temporary files, locks and marks that a run should not leave."""
    snakemake = place / RESULTS / ".snakemake"
    found = [*(place / RESULTS).rglob("*.partial"), *(place / RESULTS).rglob("state.pt")]
    found += [*(snakemake / "locks").glob("*"), *(snakemake / "incomplete").rglob("*")]
    return [path for path in found if path.is_file()]


@pytest.fixture
def unfinished_place(place) -> Path:
    """A place that nothing was run in yet."""
    start_over(place)
    return place


def start_over(place: Path) -> None:
    shutil.rmtree(place / "run")
    (place / "run").mkdir()


def seconds_of(kind: str, place: Path) -> float:
    """How long the longest job of a kind took in a finished run."""
    times = []
    for path in (place / RESULTS / "benchmarks" / kind).rglob("*.tsv"):
        with path.open(newline="") as file:
            times += [float(row["s"]) for row in csv.DictReader(file, dialect="excel-tab")]
    return max(times)


def killed_at_a_random_moment(
    kind: str, place: Path, output: Path, finished_place: Path, rng: random.Random
) -> bool:
    """Run Snakemake, and kill it, or a job of some kind; False if the run had ended well before that."""
    if kind == "main process":
        process = start(place, output)
        process.join(rng.uniform(0, LATEST))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
    else:
        moment = rng.uniform(0, seconds_of(kind, finished_place))
        process = start(place, output, environment={KILLED: f"{kind} {moment:.6f}"})
    process.join()
    return process.exitcode != 0


def test_killed_at_any_moment_a_run_ends_as_an_undisturbed_one(unfinished_place, finished_place, tmp_path):
    place, rng = unfinished_place, random.Random(SEED)
    expected, untouched = contents(finished_place), data_set(place)
    killed, kinds, output = Counter(), itertools.cycle(KINDS), tmp_path / "output.txt"
    while killed.total() < KILLS:
        kind = "main process" if killed.total() % 3 == 0 else next(kinds)
        if killed_at_a_random_moment(kind, place, output, finished_place, rng):
            assert kind == "main process" or "Error in rule " in output.read_text(), output.read_text()
            killed[kind] += 1
        else:
            assert contents(place) == expected
            assert not left_over(place)
            start_over(place)
    print(f"{killed.total()} kills: {dict(killed.most_common())}")
    run(place)
    wait_for_jobs(place)
    assert contents(place) == expected
    assert not left_over(place)
    assert data_set(place) == untouched
    assert not jobs(plan(place))
    run(place, "verify")
    assert len(killed) > len(KINDS) / 2, "the main process, and most kinds of job"


def send(number: signal.Signals, processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def test_a_second_run_is_refused_and_the_first_one_ends_well(unfinished_place, finished_place, tmp_path):
    place = unfinished_place
    output = tmp_path / "output.txt"
    process = start(place, output)
    while not (place / RESULTS / "logs" / "train" / "network-1.log").exists():
        assert process.is_alive(), output.read_text()
        time.sleep(0.05)
    held = running_jobs(place)
    send(signal.SIGSTOP, held)
    try:
        for arguments in (["verify"], ["--dry-run"], ["--summary"], ["--lint"], ["--report", "all.html"]):
            run(
                place, *arguments, check=arguments != ["--report", "all.html"]
            )  # to look is allowed, and deletes locks
        for arguments in ([], ["--directory", place / RESULTS]):
            second = run(place, *arguments, check=False)
            assert second.returncode != 0
            assert f"another Snakemake is at work here (process {process.pid} on " in second.stdout
            assert "Remedy: wait until it ends" in second.stdout
            assert "Traceback" not in second.stdout
    finally:
        send(signal.SIGCONT, held)
    process.join()
    assert process.exitcode == 0, output.read_text()
    assert contents(place) == contents(finished_place)


def test_a_lock_without_an_owner_holds_nothing_up(place):
    """As a run leaves it that is killed after Snakemake took its lock, and before the first job."""
    lock = place / RESULTS / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir()
    lock.write_text("set_aside.tsv\n")
    (place / RESULTS / "set_aside.tsv").unlink()
    run(place, "set_aside.tsv")
    assert (place / RESULTS / "set_aside.tsv").exists()
    assert not lock.parent.exists()


def test_on_a_full_disk_each_output_is_whole_or_absent(place, finished_place, tmp_path):
    """The limit on the size of a file, set for the shells of jobs alone, meets writers as a full disk does."""
    (tmp_path / "limit.sh").write_text("ulimit -f 2\n")  # blocks of 1,024 bytes
    for pattern in LARGER_THAN_THE_LIMIT:
        [path] = [path.relative_to(place / RESULTS) for path in (place / RESULTS).glob(pattern)]
        (place / RESULTS / path).unlink()
        shutil.rmtree(place / RESULTS / "training_state", ignore_errors=True)
        done = run(place, path, check=False, environment={"BASH_ENV": str(tmp_path / "limit.sh")})
        assert done.returncode != 0, path
        assert not (place / RESULTS / path).exists()
        log = newest_log(place).read_text()
        assert "File too large" in log, log
        assert "Traceback" not in log
        run(place, path)
    run(place)
    assert contents(place) == contents(finished_place)
    assert not left_over(place)


def newest_log(place: Path) -> Path:
    return max((place / RESULTS / "logs").rglob("*.log"), key=lambda path: path.stat().st_mtime_ns)


def test_a_data_set_that_may_only_be_read_is_enough(place):
    folders = [place / "data", *(path for path in (place / "data").rglob("*"))]
    before = data_set(place)
    for path in folders:
        path.chmod(0o555 if path.is_dir() else 0o444)
    start_over(place)
    run(place, "set_aside.tsv")
    assert data_set(place) == before


def test_results_that_are_no_folder_are_one_clear_message(place):
    shutil.rmtree(place / "run" / "results")
    (place / "run" / "results").write_text("a file in the place of the folder")
    done = run(place, check=False)
    assert done.returncode != 0
    assert (
        "results: not a folder. Remedy: give the folder of results another place, or rename this file"
        in done.stdout
    )
    assert "Traceback" not in done.stdout
