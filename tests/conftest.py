import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # several processes share the cores; jobs have what their rules say

import hypothesis
from xdist.scheduler import LoadFileScheduling

# machines differ in speed and a gate must not flake: no deadlines, the same examples each time
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True)
hypothesis.settings.load_profile("gate")


class OneSlurm(LoadFileScheduling):
    """For `pytest -n 3`: one process has all tests on the SLURM, which wait most of their time; the others take files."""

    def _split_scope(self, nodeid):
        return "tests/slurm" if "tests/slurm/" in nodeid else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return OneSlurm(config, log)
