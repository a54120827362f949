import fcntl
import os
import shutil
from pathlib import Path

import pytest

from staleness import make_place
from workflow import run


@pytest.fixture(scope="session")
def finished_place(tmp_path_factory) -> Path:
    """A finished run of a small real corpus (see staleness.py), which no test may change.

    The first process of `pytest -n` to need it makes it for all.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    place, finished = folder / "finished" / "place", folder / "finished.done"
    with (folder / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(place, ignore_errors=True)
            make_place(place)
            run(place)
            finished.touch()
    return place


@pytest.fixture
def place(finished_place, tmp_path) -> Path:
    """A copy of the finished run."""
    return shutil.copytree(finished_place, tmp_path / "place", symlinks=True)
