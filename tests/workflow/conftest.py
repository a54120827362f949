import shutil
from pathlib import Path

import pytest

from place import make_place
from workflow import run


@pytest.fixture(scope="session")
def finished_place(once) -> Path:
    """A finished run of a small real corpus (see place.py), which no test may change."""

    def make(folder: Path) -> None:
        make_place(folder / "place")
        run(folder / "place")

    return once("finished", make) / "place"


@pytest.fixture
def place(finished_place, tmp_path) -> Path:
    """A copy of the finished run."""
    return shutil.copytree(finished_place, tmp_path / "place", symlinks=True)
