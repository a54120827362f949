"""The tutorials: each command and each piece of Python in them is run, in their order, on the run that they describe."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import job_server
from workflow import ROOT, snakemake

PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = f"""
import sys
sys.path[0] = {str(ROOT / "scripts")!r}
from coversim.metric.commands.main import main
sys.exit(main())
"""
ELSEWHERE = ("# Snakefile", "# Qdrant")  # what needs another workflow, or a server
DONE_ALREADY = ("make ", ".venv/bin/pip ", "export PATH", "snakemake ")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block; none where there is but output."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def commands(text: str) -> list[str]:
    """The lines of a block, those that are continued as one; without what the fixture has done."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith(DONE_ALREADY)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder in which the student's run was made, and in which `coversim` is a command."""
    folder = tmp_path_factory.mktemp("tutorial")
    [config] = [text for kind, text in blocks(ROOT / "docs/tutorials/student.md") if kind == "yaml"]
    snakemake(folder, "all", "bundles", config=yaml.safe_load(config))
    (folder / "tutorial.yaml").write_text(config, encoding="utf-8")
    program, command = folder / "bin" / "coversim.py", folder / "bin" / "coversim"
    command.parent.mkdir()
    program.write_text(PROGRAM)
    command.write_text(f'#!/bin/sh\nexec "{job_server.stand_in()}" "{program}" "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_everything_in_a_tutorial_works(page, finished):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "scripts"),
        "PATH": f"{finished / 'bin'}:{os.environ['PATH']}",
    }
    shell = ["set -eu"]
    for kind, text in blocks(page):
        if kind == "sh":
            shell += commands(text)
        elif kind == "python" and not text.startswith(ELSEWHERE):
            done = run([sys.executable, "-c", text], finished, environment)
            assert done.returncode == 0, done.stderr
    done = run(["bash", "-c", "\n".join(shell)], finished, environment)
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    for kind, text in blocks(page):
        if (
            not kind
        ):  # what a command said: its words stand in a row of what it says now, its figures may differ
            first = [word for word in text.split("\n")[0].split() if not re.search(r"\d\.\d|…", word)]
            assert any(set(first) <= set(words) for words in said), (first, done.stdout)


def test_the_command_that_makes_the_run_asks_for_what_is_there(finished):
    [line] = [
        line
        for kind, text in blocks(ROOT / "docs/tutorials/student.md")
        for line in text.splitlines()
        if kind == "sh" and line.startswith("snakemake ")
    ]
    words = shlex.split(line)[1:]
    done = run(
        [sys.executable, "-m", "snakemake", *words, "-n", "-s", str(ROOT / "Snakefile")], finished, os.environ
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr


def run(command, folder, environment):
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_there_is_a_tutorial_for_each_user():
    assert [page.stem for page in PAGES] == ["researcher", "rights-company", "student"]


def test_the_module_of_the_tutorial_is_the_one_that_is_tested():
    [snakefile] = [text for _, text in blocks(ROOT / "docs/tutorials/researcher.md") if "# Snakefile" in text]
    tested = (Path(__file__).parent / "test_module.py").read_text()
    for line in snakefile.splitlines()[2:]:
        if "snakefile:" not in line:
            assert line in tested
