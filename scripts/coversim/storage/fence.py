"""A fence around the results of a run: a job that outlived its run changes nothing there.

Each run writes a token into its claim, a file beside the results folder, and hands the token to its jobs. Whoever
puts an output in place compares the two: a job of an earlier run finds another token, or none.
"""

import os
from pathlib import Path

RUN = "COVERSIM_RUN"
"""Environment variable of every job: the token of its run, and the results folder."""


class Superseded(Exception):
    """Another run has begun on these results: what this job would write is not wanted any more."""


def claim_of(results: Path) -> Path:
    """The file that tells which run owns `results`; outside the folder, so that it stays when that is renamed."""
    return results.with_name(f".{results.name}.run")


def hand_on(token: str, results: Path) -> None:
    """Give the token and the folder to all jobs that this process starts."""
    os.environ[RUN] = f"{token} {results}"


def is_handed_on() -> bool:
    """Whether this process has begun a run, or is a job of one."""
    return RUN in os.environ


def results_of_job() -> Path:
    """The results folder of the run that this process is a job of: a job may start in any folder."""
    return Path(os.environ[RUN].split(" ", 1)[1])


def superseded() -> bool:
    """Whether the run that started this process is over; never true of a script that a person starts."""
    token, _, results = os.environ.get(RUN, "").partition(" ")
    if not token:
        return False
    try:
        return token not in claim_of(Path(results)).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return True
