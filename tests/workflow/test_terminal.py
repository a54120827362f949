"""What a person sees of a run on a terminal, and what Ctrl-C leaves; where there is none, Snakemake says all."""

import os
import pty
import re
import signal
import sys
import time

import pytest

from coversim.workflow.terminal import INTERRUPTED
from place import RESULTS
from workflow import plan, run

TRAIN = ("--forcerun", "train", "--until", "train")


def on_a_terminal(place, *arguments, typed_when=None, typed=b""):
    """Run Snakemake on a terminal, where something is typed once a log begins: exit status, and what it says.

    Colours are left out, and of a line that was written over what stood there is kept.
    """
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests that were started in the background ignore it
        os.chdir(place / "run")
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(place / "clone" / "Snakefile")]
        options = ["--configfile", str(place / "run.yaml"), "--cores", "2"]
        os.execv(sys.executable, [*snakemake, *options, *arguments])
    said = b""
    while block := _read(terminal):
        said += block
        if typed and b" now " in said:
            while not (typed_when.exists() and typed_when.stat().st_size):
                time.sleep(0.05)
            os.write(terminal, typed)
            typed = b""
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(terminal)
    return status, re.sub(r"\x1b\[[\d;]*[mK]", "", said.decode()).replace("\r\n", "\n").replace("\r", "\n")


def _read(terminal):
    try:
        return os.read(terminal, 2**16)
    except OSError:  # Linux: all that wrote to it have ended
        return b""


@pytest.fixture
def damaged(place):
    """A finished place in which a shard of frames is cut off, which jobs of the next run read."""
    shard = place / RESULTS / "fft" / "train" / "crema-4hz" / "0001.h5"
    shard.write_bytes(shard.read_bytes()[:-1000])
    return place


def test_one_line_counts_the_jobs_and_the_log_in_a_file_has_all(place):
    status, said = on_a_terminal(place, *TRAIN)
    assert status == 0, said
    assert re.search(r"^0 of 1 jobs \(0%\), 0.0 a minute · now 1 train$", said, flags=re.MULTILINE)
    assert re.search(r"^1 of 1 jobs \(100%\), [\d.]+ a minute$", said, flags=re.MULTILINE)
    assert "rule train:" not in said
    log = max((place / "run" / ".snakemake" / "log").iterdir(), key=os.path.getmtime).read_text()
    assert "rule train:" in log
    assert "1 of 6 steps" in log


@pytest.mark.parametrize("see", [on_a_terminal, run], ids=["terminal", "no terminal"])
def test_a_job_that_fails_shows_its_own_message(see, damaged):
    said = see(damaged)[1] if see == on_a_terminal else see(damaged, check=False).stdout
    assert "Error in rule " in said
    assert "0001.h5: damaged" in said
    assert "Remedy: delete it" in said
    if see == on_a_terminal:
        assert "CalledProcessError" not in said
        assert re.search(r"jobs \(\d+%\), [\d.]+ a minute · [1-9] failed", said)


def test_ctrl_c_says_in_the_last_line_that_nothing_is_lost_and_how_to_go_on(place):
    configuration = (place / "run.yaml").read_text()
    (place / "run.yaml").write_text(configuration.replace("epochs: 2", "epochs: 1000\n  patience: 1000"))
    [log] = (place / RESULTS / "logs" / "train").glob("network*.log")
    log.unlink()
    status, said = on_a_terminal(place, *TRAIN, typed_when=log, typed=b"\x03")
    assert status != 0
    assert said.strip().splitlines()[-1] == INTERRUPTED.strip()
    (place / "run.yaml").write_text(configuration)
    run(place)
    assert "Nothing to be done" in plan(place).stdout
