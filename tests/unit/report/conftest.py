import pytest

from coversim.report.page import write_report
from page import Page
from simulated_run import EXPERIMENTS, simulate


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of two trained experiments and two baselines; no test may change its files."""
    return simulate(tmp_path_factory.mktemp("run"), EXPERIMENTS, songs=True)


@pytest.fixture(scope="session")
def page(run):
    write_report(**run)
    return Page(run["output"])
