"""One run at a time on a results folder, and nothing of a killed one beside it."""

import fcntl
import os
import signal
import socket
import time
from pathlib import Path
from typing import TextIO

from coversim.errors import CoversimError

MARK = "COVERSIM_RESULTS"
"""Environment variable of every job: the results folder that it works on."""

_held: list[TextIO] = []  # open until this process ends; the system then gives the lock back


def claim(results: Path) -> None:
    """Hold `results` until this process ends, however it ends.

    Snakemake's own lock is for the files of one working directory, and looks at it only after the Snakefile
    has brought the catalogue up to date: a second run, even a dry one, would change it under the first.

    Raises
    ------
    CoversimError
        If another process holds it, or it cannot be written to.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        lock = (results / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise CoversimError(
            f"{results}: {error.strerror}. Remedy: make it a folder that can be written to"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CoversimError(
            f"{results}: another Snakemake is at work here ({lock.read().strip()}). "
            "Remedy: wait until it ends, or give this run another `name`"
        ) from None
    except OSError:
        pass  # a file system without locks: Snakemake's own has to do
    else:
        _remove_stale_locks(results)
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    lock.flush()
    _held.append(lock)


def forget_what_is_not_recorded(results: Path) -> None:
    """Have every job run again where Snakemake's records are lost: nobody knows what the outputs were made from.

    Without them it takes outputs that are newer than their inputs for what the present code and configuration
    would make. The catalogue, from which everything is made, becomes newer.
    """
    if not any(Path(".snakemake", "metadata").glob("*")):
        for path in (results / "catalogue").rglob("*.tsv"):
            path.touch()


def end_orphans(results: Path) -> None:
    """Kill the jobs on `results` that a Snakemake which is no more left running on this computer.

    To be called by the process that holds `results`, before it starts a job: two must not write one output.
    """
    while orphans := _jobs_on(results):
        for process in orphans:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def _remove_stale_locks(results: Path) -> None:
    """Remove the locks on outputs in `results` that a killed Snakemake left in this working directory."""
    for lock in Path(".snakemake", "locks").glob("*.lock"):
        if f"{results}/" in lock.read_text(encoding="utf-8", errors="replace"):
            lock.unlink()


def _jobs_on(results: Path) -> list[int]:
    """This user's processes that carry the mark of `results`; none where there is no /proc."""
    mark = f"{MARK}={results.resolve()}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return [process for process in found if process != os.getpid()]
