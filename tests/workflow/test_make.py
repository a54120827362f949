"""What `make` says where the environment cannot be made."""

import os
import shutil
import subprocess
import sys

import pytest

from workflow import ROOT


@pytest.mark.parametrize(
    ("python", "error", "remedy"),
    [
        ("/no/such/python", "/no/such/python: no such program", "make PYTHON=/path/to/python3.11 demo"),
        ("./old", "./old is older than 3.11", "make PYTHON=/path/to/python3.11 demo"),
        (sys.executable, "the packages were not installed", "say again: make demo"),
    ],
    ids=["no such Python", "an old Python", "no network"],
)
def test_make_demo_says_what_is_missing_and_what_to_do(tmp_path, python, error, remedy):
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "old").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "old").chmod(0o755)
    no_network = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "0"}
    done = subprocess.run(
        ["make", "demo", f"PYTHON={python}"],
        cwd=tmp_path,
        env={**os.environ, **no_network, "PIP_NO_CACHE_DIR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"error: {error}" in done.stdout
    assert remedy in done.stdout
    assert not (tmp_path / ".venv" / "installed").exists()
