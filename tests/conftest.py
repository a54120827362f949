import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # several processes share the cores; jobs have what their rules say

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

# machines differ in speed and a gate must not flake: no deadlines, the same examples each time
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True)
hypothesis.settings.load_profile("gate")


# each test of these files is by itself: they share the finished run of tests/workflow/conftest.py, and nothing else
SPLIT = (
    "test_staleness.py",
    "test_options.py",
    "test_interruptions.py",
    "test_terminal.py",
    "test_damage.py",
)
SECOND_SLURM = ("test_faults.py", "test_disturbances.py")  # about half of what takes long
LATER = ("test_disturbances.py", "test_staleness.py")
"""The run that the first needs is made meanwhile; the many short tests end at about the same time in all processes."""


class TwoSlurms(LoadFileScheduling):
    """For `pytest -n 4`: two processes have the tests on a SLURM, which wait most of their time; the others take files."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        if "tests/slurm/" in file:
            return "second SLURM" if file.endswith(SECOND_SLURM) else "first SLURM"
        return nodeid if file.endswith(SPLIT) else file


def pytest_xdist_make_scheduler(config, log):
    return TwoSlurms(config, log)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name in LATER)


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Make what the tests share, in a folder of some name: the first process of `pytest -n` to need it makes it for all."""
    top = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        top = top.parent

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, finished = top / name, top / f"{name}.done"
        with (top / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not finished.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                finished.touch()
        return folder

    return made
