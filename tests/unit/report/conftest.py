import pytest

from simulated_run import EXPERIMENTS, simulate


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of two trained experiments and two baselines; no test may change its files."""
    return simulate(tmp_path_factory.mktemp("run"), EXPERIMENTS, songs=True)
