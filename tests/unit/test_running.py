"""One run at a time on a results folder, and nothing of a killed one beside it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coversim.atomic import remove_leftovers, replacing
from coversim.errors import CoversimError
from coversim.running import MARK, claim, end_orphans, forget_what_is_not_recorded

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def holder(tmp_path):
    """A process that holds tmp_path / "results" and says so."""
    program = (
        "import sys; from coversim.running import claim; from pathlib import Path; claim(Path(sys.argv[1]));"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program + "print('held', flush=True); input()", tmp_path / "results"],
        env={"PYTHONPATH": str(SCRIPTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_of_the_first(holder, tmp_path):
    with pytest.raises(CoversimError, match=rf"another Snakemake.*process {holder.pid} on .*Remedy: wait"):
        claim(tmp_path / "results")


def test_the_folder_is_the_same_through_a_link(holder, tmp_path):
    (tmp_path / "link").symlink_to("results")
    with pytest.raises(CoversimError, match="another Snakemake"):
        claim(tmp_path / "link")


def test_a_killed_process_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    claim(tmp_path / "results")


def test_a_lock_that_a_killed_snakemake_left_is_removed_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locks = Path(".snakemake", "locks")
    locks.mkdir(parents=True)
    for number, name in enumerate(("mine", "other")):
        (locks / f"{number}.output.lock").write_text(f"results/{name}/metrics.tsv\n")
    claim(Path("results", "mine"))
    assert [path.name for path in locks.iterdir()] == ["1.output.lock"]


def test_lost_records_make_the_catalogue_newer_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest, output = Path("results/x/catalogue/train/songs.tsv"), Path("results/x/metrics.tsv")
    for path in (manifest, output):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, ns=(1, 1))
    Path(".snakemake", "metadata").mkdir(parents=True)
    Path(".snakemake", "metadata", "record").touch()
    forget_what_is_not_recorded(Path("results/x"))
    assert manifest.stat().st_mtime_ns == 1
    Path(".snakemake", "metadata", "record").unlink()
    forget_what_is_not_recorded(Path("results/x"))
    assert manifest.stat().st_mtime_ns > 1
    assert output.stat().st_mtime_ns == 1


@pytest.mark.parametrize("name", ["file", "file/results"])
def test_a_results_folder_that_cannot_be_written_to_is_named(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(CoversimError, match=f"{name}: .*Remedy: make it a folder that can be written to"):
        claim(tmp_path / name)


def test_jobs_of_a_killed_run_are_ended_and_others_live(tmp_path):
    def job(results):
        return subprocess.Popen(["sleep", "600"], env=os.environ | {MARK: str(results)})

    orphan, other = job(tmp_path / "results"), job(tmp_path / "other")
    end_orphans(tmp_path / "results")
    assert orphan.wait(timeout=10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    program = "import os, sys; from coversim.atomic import replacing\nwith replacing(sys.argv[1]): os.kill(os.getpid(), 9)"
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
