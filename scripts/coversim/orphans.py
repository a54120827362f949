"""SLURM jobs that outlived the Snakemake process which submitted them.

They run on after `kill -9`, a lost login session or a crashed login node. The next run knows nothing of them
and submits the same jobs again: it has to end them first, or two jobs would write one output.
"""

import logging
import subprocess
import time
from pathlib import Path

from coversim.errors import CoversimError

PATIENCE = 120  # seconds; a job that ignores SIGTERM is killed after SLURM's KillWait, usually 30


def cancel_orphans(workdir: Path) -> None:
    """Cancel this user's SLURM jobs that a Snakemake which is no more submitted from `workdir`.

    To be called by the main process when it holds its lock and has submitted nothing: any such job is an
    orphan then, unless a second lock tells that another run is at work in the same folder.

    Raises
    ------
    CoversimError
        If the jobs do not end within two minutes.
    """
    orphans = _jobs_of(workdir)
    if orphans and len(list(workdir.glob(".snakemake/locks/*.output.lock"))) > 1:
        logging.warning("another run is at work in %s: its SLURM jobs are left alone", workdir)
    elif orphans:
        logging.warning("cancelling SLURM jobs of a run that was killed: %s", ", ".join(orphans))
        subprocess.run(["scancel", *orphans], check=True)
        deadline = time.monotonic() + PATIENCE
        while _jobs_of(workdir):
            if time.monotonic() > deadline:
                raise CoversimError(
                    f"SLURM jobs of a run that was killed do not end: {', '.join(orphans)}. "
                    "Remedy: wait until `squeue --me` does not list them, then run again"
                )
            time.sleep(1)


def _jobs_of(workdir: Path) -> list[str]:
    """Jobs, queued or running, whose output goes to Snakemake's folder in `workdir`."""
    squeue = ["squeue", "--me", "--noheader", "--Format=JobID:20,StdOut:4096"]
    lines = subprocess.run(squeue, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    logs = f"{workdir}/.snakemake/slurm_logs/"
    return [line[:20].strip() for line in lines if line[20:].startswith(logs)]
