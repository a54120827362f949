import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # several processes share the cores; jobs have what their rules say

import hypothesis
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


class OneSlurm(LoadFileScheduling):
    """For `pytest -n 3`: one process has all tests on the SLURM, which wait most of their time; the others take files."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        if "tests/slurm/" in file:
            return "tests/slurm"
        return nodeid if file.endswith(SPLIT) else file


def pytest_xdist_make_scheduler(config, log):
    return OneSlurm(config, log)


def pytest_collection_modifyitems(items):
    """Many short tests come last, for all processes to end at about the same time."""
    items.sort(key=lambda item: "test_staleness.py" in item.nodeid)
