"""Run the real Snakemake on small corpora, and see which jobs ran."""

import atexit
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import yaml

import job_server
from coversim.storage.fence import RUN

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
    "experiments": {"brief": {"fft": {"frames": 64}, "pca": {"components": 16}}, "sequence": None},
}


def snakemake(directory, *arguments, config=SMALL, check=True, afresh=False):
    """Run Snakemake in `directory` with `config` as the user's file; the completed process, its text in stdout.

    With `afresh` all its processes start as a user's do; otherwise they are copies, as `start` says.
    """
    directory.mkdir(parents=True, exist_ok=True)
    configfile = directory.parent / f"{directory.name}.yaml"
    configfile.write_text(yaml.safe_dump(config, allow_unicode=True))
    options = ["--snakefile", ROOT / "Snakefile", "--configfile", configfile, "--cores", 2]
    run = _run_afresh if afresh else _run
    return run([*options, *arguments], directory, check)


def run(place, *arguments, check=True, environment=None):
    """Run Snakemake in a place (see place.py), with these variables in its environment: the completed process."""
    return _run([*_options(place), *arguments], place / "run", check, environment)


def run_in(directory, *arguments):
    """Run Snakemake as `snakemake ARGUMENTS` does in a folder that has a Snakefile: the completed process."""
    return _run(["--cores", 2, *arguments], directory, True)


def plan(place, *arguments, check=True):
    """A dry run."""
    return run(place, *arguments, "-n", check=check)


def start(place, output, *arguments, environment=None):
    """Start Snakemake, in a copy of a process that has imported it already; its text goes to the file `output`.

    Its jobs are copies too, of a process that has imported the heavy libraries.
    """
    return _start([*_options(place), *arguments], place / "run", output, environment)


def _start(arguments, directory, output, environment):
    target = (
        list(map(str, arguments)),
        str(directory),
        str(output),
        job_server.stand_in(),
        environment or {},
    )
    process = _SERVER.Process(target=_snakemake, args=target)
    process.start()
    return process


def _options(place):
    return "--snakefile", place / "clone" / "Snakefile", "--configfile", place / "run.yaml", "--cores", 2


def _run(arguments, directory, check, environment=None):
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output.txt")
        process = _start(arguments, directory, output, environment)
        process.join()
        done = subprocess.CompletedProcess(arguments, process.exitcode, output.read_text())
    return _checked(done, directory, check)


def _run_afresh(arguments, directory, check):
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return _checked(done, directory, check)


def _checked(done, directory, check):
    """A run that succeeded, where it was to; the logs in its folder explain a failure."""
    assert not check or done.returncode == 0, done.stdout + logs(directory)
    return done


def _snakemake(arguments, directory, output, python, environment):
    import snakemake.cli

    sys.executable = python
    os.environ.update(environment)

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
IMPORTED_AS_IT_STARTS = (
    *("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter"),
    *("graphlib", "jsonschema", "packaging.version", "pandas", "requests"),
)
_SERVER.set_forkserver_preload([*IMPORTED_AS_IT_STARTS])


def jobs(done):
    """How many jobs of each rule ran, or would run in a dry run."""
    return Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, flags=re.MULTILINE)) - Counter(["all"])


def running_jobs(place):
    """Processes that run jobs of a place: Snakemake's variable of the run tells."""
    mark = re.compile(rb"%s=\w+ %s/" % (RUN.encode(), re.escape(bytes(place.resolve()))))
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.search((process / "environ").read_bytes()):
                found.append(int(process.name))
    return found


def wait_for_jobs(place):
    """Jobs of killed runs go on for a while; what they make is not put in place."""
    while running_jobs(place):
        time.sleep(0.05)


def logs(directory):
    """What the jobs of a run said, for a failed assertion's message."""
    return "".join(
        f"\n== {path}\n{path.read_text()}" for path in sorted(directory.glob("results/*/logs/**/*.log"))
    )
