import shutil
from pathlib import Path

import pytest

from staleness import make_place
from workflow import run


@pytest.fixture(scope="session")
def finished_place(tmp_path_factory) -> Path:
    """A finished run of a small real corpus (see staleness.py), which no test may change."""
    place = tmp_path_factory.mktemp("finished") / "place"
    make_place(place)
    run(place)
    return place


@pytest.fixture
def place(finished_place, tmp_path) -> Path:
    """A copy of the finished run."""
    return shutil.copytree(finished_place, tmp_path / "place", symlinks=True)
