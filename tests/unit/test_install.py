"""`pip install .` gives the package and its command."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.skipif(importlib.util.find_spec("setuptools") is None, reason="setuptools is not installed")
def test_the_installed_command_answers_from_any_folder(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scripts", source / "scripts", ignore=skipped)  # pip builds in the source's folder
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    done = subprocess.run(
        [sys.executable, target / "bin" / "coversim", "compare", "a", "b", "--metric", "gone.pt"],
        env=os.environ | {"PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: gone.pt: no such file. Remedy: ")
    packaged = {path.relative_to(target / "coversim") for path in (target / "coversim").rglob("*.*")}
    there = {
        path.relative_to(ROOT / "scripts" / "coversim")
        for path in (ROOT / "scripts" / "coversim").rglob("*.*")
    }
    assert {path for path in there if path.suffix != ".pyc"} <= packaged


def test_what_a_metric_needs_is_a_part_of_what_the_workflow_needs():
    names = [
        {re.split("[=<>]", name)[0] for name in listed}
        for listed in (PROJECT["project"]["dependencies"], PROJECT["dependency-groups"]["workflow"])
    ]
    assert names[0] <= names[1]
