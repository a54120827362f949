"""One run at a time on a results folder, which is its working directory; what surrounds the jobs of a run.

Snakemake's own lock does not do alone: any other Snakemake command in the folder deletes it when it ends, and one
that was killed leaves it there.
"""

import atexit
import errno
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from coversim.errors import CoversimError
from coversim.storage.atomic import remove_leftovers
from coversim.storage.fence import claim_of, hand_on, is_handed_on
from coversim.workflow.plan import CONFIG, Plan

LOCKS = Path(".snakemake", "locks")
HOLDER = LOCKS / "holder"
"""A copy of the claim, which goes along with Snakemake's lock when the folder is renamed or copied."""
JOBS = Path("benchmarks", "jobs.txt")
"""The benchmark file of each job of the run: those of jobs that it no longer has lie beside them."""
NO_OUTPUTS = {"catalogue", "experiments", "patches", "logs", "benchmarks", "training_state"}  # folders
TRAININGS = {"train", "fit", "sequence_train"}  # rules, and …
READ_SONGS = {"fft", "catalogue"}  # … those that need the data sets themselves


def check_folder(results: Path) -> None:
    """Raise CoversimError unless `results` is a folder that can be written to, or can be made."""
    nearest = next(path for path in (results, *results.parents) if path.exists())
    if not nearest.is_dir():
        raise CoversimError(
            f"{nearest}: not a folder. Remedy: give the folder of results another place, or rename this file"
        )
    if not os.access(nearest, os.W_OK):
        raise CoversimError(
            f"{nearest}: not writable. Remedy: start Snakemake in a folder that you may write to"
        )


def clear_dead_lock(results: Path) -> None:
    """Remove Snakemake's lock where the process that took it was killed on this computer, or is unknown.

    It is unknown where a process was killed between Snakemake's lock and its claim.
    """
    if {owner(results), _holder(results / HOLDER)} <= {"", "dead"}:
        shutil.rmtree(results / LOCKS, ignore_errors=True)


def doubt_unrecorded(results: Path, is_output: Callable[[str], bool]) -> None:
    """Mark each output that Snakemake has no record of as incomplete: nobody knows what it was made from.

    Snakemake itself takes such an output for what the present code and configuration would make. Beside a living
    run nothing is marked: a job that has just ended is about to be recorded.
    """
    from snakemake.persistence.file import FilePersistence

    if owner(results) in ("", "dead"):
        records = FilePersistence(path=results / ".snakemake")
        for path in map(str, files_of(results)):
            recorded = Path(records._record_path(records._metadata_path, path)).exists()
            if not recorded and is_output(path):
                records._mark_incomplete(path, None)


def begin(results: Path, plan: Plan, dag: Any) -> None:
    """Begin a run in `results`, the working directory, while Snakemake (whose graph is `dag`) holds its lock.

    Raises
    ------
    CoversimError
        If another process is at work there, the data set is gone, or there is no room.
    """
    jobs = [job for job in dag.needrun_jobs() if job.output or job.rule.name in READ_SONGS]
    if not jobs:  # `verify` only reads
        return
    if plan.unreachable and any(job.rule.name in READ_SONGS for job in jobs):
        raise CoversimError(plan.unreachable)
    try:
        _take(results)
        remove_leftovers(results)
        _touch_what_is_from_the_future(results)
        for job in jobs:
            if job.rule.name in TRAININGS and dag.reason(job).forced:
                shutil.rmtree(results / job.params.state, ignore_errors=True)
        plan.write(results)
        if any(job.rule.name == "report" for job in jobs):
            (results / JOBS).parent.mkdir(exist_ok=True)
            (results / JOBS).write_text(
                "".join(f"{job.benchmark}\n" for job in dag.jobs if job.benchmark), encoding="utf-8"
            )
    except OSError as error:
        remedy = (
            "make room on its disk"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "make it a folder that can be written to"
        )
        raise CoversimError(f"{results}: {error.strerror}. Remedy: {remedy}") from error


def end(results: Path) -> bool:
    """Tidy up after the jobs, some of which may have been killed; whether this process has run any."""
    if is_handed_on():
        remove_leftovers(results)
    return is_handed_on()


def owner(results: Path) -> str:
    """The process that is at work in `results`; empty if none is, `dead` if it was killed on this computer."""
    return _holder(claim_of(results))


def _holder(claim: Path) -> str:
    try:
        host, process, started, _ = claim.read_text(encoding="utf-8").split()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ValueError:  # a computer that went down left it unfinished
        return "dead"
    if host == socket.gethostname():
        try:  # the number of a process is given to another one in time
            alive = abs(psutil.Process(int(process)).create_time() - float(started)) < 1
        except psutil.NoSuchProcess:
            alive = False
        if not alive:
            return "dead"
    return f"process {process} on {host}"


def files_of(results: Path) -> Iterator[Path]:
    """The files of a run below `results` that are not hidden, and lie in no folder of NO_OUTPUTS."""
    for folder, folders, files in os.walk(results):
        above = Path(folder).relative_to(results)
        folders[:] = [
            name for name in folders if not name.startswith(".") and str(above / name) not in NO_OUTPUTS
        ]
        yield from (above / name for name in files if not name.startswith("."))


def outputs_of(results: Path) -> Iterator[Path]:
    """Files below `results` that are outputs, unless somebody else put them there."""
    for path in files_of(results):
        of_corpus = path.parts[0] == "demo_corpus" and path.suffix != ".json"
        if not of_corpus and path != CONFIG:
            yield path


def _take(results: Path) -> None:
    """Own `results` until this process ends, so that jobs of an earlier run leave them alone (coversim.storage.fence)."""
    claim = claim_of(results)
    if (other := owner(results)) not in ("", "dead"):
        raise CoversimError(
            f"{results}: another Snakemake is at work here ({other}). Remedy: wait until it ends; if it is no more: "
            f"rm -r '{claim}' '{results / LOCKS}'"
        )
    token, process = secrets.token_hex(8), psutil.Process()
    temporary = claim.with_name(f"{claim.name}.{token}")
    temporary.write_text(
        f"{socket.gethostname()} {process.pid} {process.create_time():.2f} {token}\n", encoding="utf-8"
    )
    temporary.replace(claim)
    (results / LOCKS).mkdir(parents=True, exist_ok=True)
    shutil.copy(claim, results / HOLDER)
    atexit.register(_release, claim, token)
    hand_on(token, results)


def _release(claim: Path, token: str) -> None:
    """Give up the claim, unless another run has taken it since."""
    with suppress(OSError):
        if claim.read_text(encoding="utf-8").split()[-1:] == [token]:
            claim.unlink()


def _touch_what_is_from_the_future(results: Path) -> None:
    """What is made now must be newer than what was made before, also where that was by another clock."""
    now = time.time()
    for path in files_of(results):
        if not (results / path).is_symlink() and (results / path).stat().st_mtime > now:
            os.utime(results / path)
