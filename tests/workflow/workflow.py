"""Run the real Snakemake on small corpora, and see which jobs ran."""

import atexit
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml

import job_server

ROOT = Path(__file__).parents[2]

# the whole workflow in seconds: few works, few epochs, small networks
SMALL = {
    "name": "small",
    "demo_corpus": {"works": 30, "seed": 1},
    "shards": 2,
    "split": {"valid": 0.25, "test": 0.25},
    "pca": {"components": 16},
    "model": {"channels": 16, "motifs": 16, "embedding": 32},
    "train": {"epochs": 2},
    "evaluation": {"resamples": 200},
    "experiments": {"brief": {"fft": {"frames": 64}, "pca": {"components": 16}}},
}


def snakemake(directory, *arguments, config=SMALL, check=True):
    """Run Snakemake in `directory` with `config` as the user's file; the completed process, its text in stdout."""
    directory.mkdir(parents=True, exist_ok=True)
    configfile = directory.parent / f"{directory.name}.yaml"
    configfile.write_text(yaml.safe_dump(config, allow_unicode=True))
    options = ["--snakefile", ROOT / "Snakefile", "--configfile", configfile, "--cores", 2]
    return _run([*options, *arguments], directory, check)


def run(place, *arguments, check=True):
    """Run Snakemake in a place (see staleness.py), by `start`: the completed process."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output.txt")
        process = start(place, output, *arguments)
        process.join()
        done = subprocess.CompletedProcess(arguments, process.exitcode, output.read_text())
    assert not check or done.returncode == 0, done.stdout + logs(place / "run")
    return done


def plan(place, *arguments, check=True):
    """A dry run."""
    return run(place, *arguments, "-n", check=check)


def start(place, output, *arguments, python=None):
    """Start Snakemake, in a copy of a process that has imported it already; its text goes to the file `output`.

    Its jobs are copies too, of a process that has imported the heavy libraries, unless `python` is to run them.
    """
    words = [str(word) for word in (*_options(place), *arguments)]
    target = (words, str(place / "run"), str(output), python or job_server.stand_in())
    process = _SERVER.Process(target=_snakemake, args=target)
    process.start()
    return process


def _options(place):
    return "--snakefile", place / "clone" / "Snakefile", "--configfile", place / "run.yaml", "--cores", 2


def _run(arguments, directory, check):
    """Run Snakemake in a folder; the logs there explain a failure."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *map(str, arguments)],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + logs(directory)
    return done


def _snakemake(arguments, directory, output, python):
    import snakemake.cli

    sys.executable = python

    for module in [name for name in sys.modules if name.partition(".")[0] == "coversim"]:
        del sys.modules[module]  # the Snakefile imports that of its own clone
    os.chdir(directory)
    with Path(output).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        sys.exit(snakemake.cli.main(arguments))
    finally:
        atexit._run_exitfuncs()  # which a process of multiprocessing leaves out


_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["snakemake.cli", "pandas"])


def jobs(done):
    """How many jobs of each rule ran, or would run in a dry run."""
    return Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, flags=re.MULTILINE)) - Counter(["all"])


def logs(directory):
    """What the jobs of a run said, for a failed assertion's message."""
    return "".join(
        f"\n== {path}\n{path.read_text()}" for path in sorted(directory.glob("results/*/logs/**/*.log"))
    )
