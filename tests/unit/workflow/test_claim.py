"""One run at a time on a results folder; a job of an earlier run changes nothing there."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from coversim.errors import CoversimError
from coversim.storage import fence
from coversim.storage.atomic import remove_leftovers, replacing
from coversim.workflow.claim import (
    HOLDER,
    LOCKS,
    _touch_what_is_from_the_future,
    begin,
    clear_dead_lock,
    doubt_unrecorded,
    owner,
)

SCRIPTS = Path(__file__).parents[3] / "scripts"
PROGRAM = f"""
import sys; sys.path.insert(0, {str(SCRIPTS)!r})
from pathlib import Path
from coversim.workflow.claim import _take
_take(Path(sys.argv[1])); print("held", flush=True); input()
"""


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty results folder; what this process claims is forgotten after the test."""
    monkeypatch.setenv(fence.RUN, "")
    (tmp_path / "results" / "x").mkdir(parents=True)
    return tmp_path / "results" / "x"


@pytest.fixture
def holder(results):
    """A process that owns the results."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, results], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def job(rule="fft", output=("x",), **attributes):
    return SimpleNamespace(rule=SimpleNamespace(name=rule), output=list(output), **attributes)


def graph(*jobs, forced=()):
    return SimpleNamespace(
        needrun_jobs=lambda: jobs,
        jobs=jobs,
        reason=lambda job: SimpleNamespace(forced=job.rule.name in forced),
    )


def plan(unreachable=""):
    return SimpleNamespace(unreachable=unreachable, write=lambda results: None)


def start(results, *jobs, **options):
    begin(results, plan(), graph(*(jobs or [job()]), **options))


def test_a_second_process_is_refused_and_told_of_the_first(holder, results):
    refused = (
        rf"another Snakemake is at work here \(process {holder.pid} on .*Remedy: wait.*rm -r '.*/\.x\.run'"
    )
    with pytest.raises(CoversimError, match=refused):
        start(results)


def test_a_run_owns_the_folder_under_its_present_name(holder, results):
    """Snakemake keeps its records by the path it began with: after a renaming both would write there."""
    results.rename(results.with_name("old"))
    results.mkdir()
    with pytest.raises(CoversimError, match="another Snakemake"):
        start(results)


def test_a_killed_process_holds_nothing_and_its_lock_is_cleared(holder, results):
    clear_dead_lock(results)
    assert (results / LOCKS).exists()
    holder.kill()
    holder.wait()
    clear_dead_lock(results)
    assert not (results / LOCKS).exists()
    start(results)


def test_the_lock_of_a_killed_process_is_cleared_in_a_copy_and_that_of_a_living_one_stays(holder, results):
    lock = Path(shutil.copytree(results, results.with_name("copy"))) / LOCKS
    clear_dead_lock(results.with_name("copy"))
    assert lock.exists()
    holder.kill()
    holder.wait()
    clear_dead_lock(results.with_name("copy"))
    assert not lock.exists()


def test_a_lock_is_cleared_whose_process_was_killed_before_its_claim(results):
    (results / LOCKS).mkdir(parents=True)
    (results / LOCKS / "0.output.lock").write_text("metrics.tsv")
    clear_dead_lock(results)
    assert not (results / LOCKS).exists()


def test_a_process_that_ended_leaves_no_claim(holder, results):
    holder.communicate(b"\n")
    assert owner(results) == ""
    assert not fence.claim_of(results).exists()


def test_the_number_of_a_dead_process_may_be_that_of_another(holder, results):
    claim = fence.claim_of(results)
    host, process, started, token = claim.read_text().split()
    claim.write_text(f"{host} {process} {float(started) - 100} {token}\n")
    assert owner(results) == "dead"


def test_a_process_on_another_host_may_be_alive(results):
    fence.claim_of(results).write_text("login2 77 1.0 0123\n")
    with pytest.raises(CoversimError, match="process 77 on login2"):
        start(results)


def test_to_look_takes_nothing(holder, results):
    before = fence.claim_of(results).read_text()
    start(results, job("verify", output=()))
    assert fence.claim_of(results).read_text() == before


def test_an_output_of_a_run_that_is_over_is_left_alone(results):
    """On whatever node the job runs: it ends well, since after an error Snakemake would delete the output."""
    start(results)
    late = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    start_of_another_run(results)
    (results / "model.pt").write_text("new")
    program = (
        "import sys; from coversim import cli; from coversim.storage.atomic import replacing\n"
        "def main():\n  with replacing(sys.argv[1]) as t: t.write_text('old')\n"
        "cli.run(main)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, results / "model.pt"], env=late, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "another run has begun" in done.stderr
    assert (results / "model.pt").read_text() == "new"
    assert {path.name for path in results.iterdir()} == {"model.pt", ".snakemake"}


def start_of_another_run(results):
    fence.claim_of(results).unlink()
    start(results)


def test_a_job_is_not_wanted_once_the_claim_is_gone_or_anothers(results, monkeypatch):
    start(results)
    assert not fence.superseded()
    assert fence.results_of_job() == results
    late = os.environ[fence.RUN]
    start_of_another_run(results)
    assert not fence.superseded()
    monkeypatch.setenv(fence.RUN, late)
    assert fence.superseded()
    fence.claim_of(results).unlink()
    assert fence.superseded()


def test_a_script_that_a_person_starts_is_never_superseded(monkeypatch):
    monkeypatch.delenv(fence.RUN, raising=False)
    assert not fence.superseded()


def test_what_is_newer_than_now_is_touched_and_nothing_else(results):
    (results / "fft").mkdir()
    for name, time_ in (("future", time.time() + 600), ("past", 1)):
        (results / "fft" / name).touch()
        os.utime(results / "fft" / name, (time_, time_))
    start(results)
    assert (results / "fft" / "future").stat().st_mtime <= time.time()
    assert (results / "fft" / "past").stat().st_mtime == 1


def test_a_training_that_is_forced_is_forgotten_and_no_other(results):
    states = [f"training_state/{name}/1" for name in ("vector", "other")]
    for state in states:
        (results / state / "key").mkdir(parents=True)
    jobs = [job("train", params=SimpleNamespace(state=states[0])), job()]
    start(results, *jobs)
    assert (results / states[0]).exists()
    fence.claim_of(results).unlink()
    start(results, *jobs, forced=["train"])
    assert not (results / states[0]).exists()
    assert (results / states[1]).exists()


def test_songs_are_not_read_from_a_data_set_that_is_gone(results):
    for reader in (job("fft"), job("catalogue", output=())):
        with pytest.raises(CoversimError, match="no such data set"):
            begin(results, plan("no such data set"), graph(reader))
    begin(results, plan("no such data set"), graph(job("report", benchmark=None)))


def test_the_catalogue_to_search_is_brought_up_to_date_by_one_process_at_a_time(holder, results):
    with pytest.raises(CoversimError, match="another Snakemake is at work here"):
        start(results, job("catalogue", output=()))
    start(results, job("verify", output=()))


def test_outputs_without_a_record_are_marked_incomplete(results, monkeypatch):
    monkeypatch.chdir(results)
    for name in ("fft/0000.h5", "logs/fft.log", "notes.txt"):
        (results / name).parent.mkdir(exist_ok=True)
        (results / name).touch()
    doubt_unrecorded(results, is_output=lambda path: path.endswith(".h5"))
    marks = [path for path in (results / ".snakemake" / "incomplete").rglob("*") if path.is_file()]
    assert len(marks) == 1


def test_beside_a_living_run_nothing_is_marked(holder, results, monkeypatch):
    monkeypatch.chdir(results)
    (results / "a.h5").touch()
    doubt_unrecorded(results, is_output=lambda path: True)
    assert not (results / ".snakemake" / "incomplete").exists()


def test_a_full_disk_at_the_start_is_one_clear_message(results):
    def write(results):
        raise OSError(28, "No space left on device")

    crowded = SimpleNamespace(unreachable="", write=write)
    with pytest.raises(CoversimError, match=r"x: No space left on device\. Remedy: make room"):
        begin(results, crowded, graph(job()))


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    program = "import os, sys; from coversim.storage.atomic import replacing\nwith replacing(sys.argv[1]): os.kill(os.getpid(), 9)"
    program = program.replace("): os", ") as t: t.touch(); os")
    output = tmp_path / "fft" / "0000.h5"
    with replacing(output) as temporary:
        temporary.write_text("whole")
    killed = subprocess.run(
        [sys.executable, "-c", program, output], env={"PYTHONPATH": str(SCRIPTS)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(output.parent.iterdir())) == 3
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in output.parent.iterdir()) == [".0000.h5.sha256", "0000.h5"]


@pytest.mark.parametrize("left", ["", "host 12"])
def test_a_claim_that_a_crash_left_unfinished_is_that_of_nobody(results, left):
    claim = fence.claim_of(results)
    claim.write_text(left)
    assert owner(results) == "dead"
    (results / LOCKS).mkdir(parents=True)
    shutil.copy(claim, results / HOLDER)
    clear_dead_lock(results)
    assert not (results / LOCKS).exists()


def test_who_was_superseded_leaves_the_claim_of_the_next_run_alone(results, holder):
    fence.claim_of(results).write_text("elsewhere 1 2.0 another-token\n")
    holder.communicate(b"\n")
    assert fence.claim_of(results).read_text().endswith("another-token\n")


def test_a_link_in_the_results_that_leads_nowhere_stops_no_run(results):
    (results / "old.html").symlink_to("nowhere")
    _touch_what_is_from_the_future(results)
