"""Run the workflow on a cluster, disturb it, and see what SLURM and the outputs tell of it."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from cluster import Cluster, until
from workflow import ROOT, SMALL

# Smaller still, and long enough in training to be interrupted. The cluster's GPUs are make-believe: hence `cpu`.
CONFIG = {
    **SMALL,
    "name": "cluster",
    "demo_corpus": {"works": 16, "seed": 1},
    "shards": 4,
    "representation": {"seconds": [3.0]},
    "model": {**SMALL["model"], "tempi": [1.0]},
    "train": {"device": "cpu", "epochs": 20, "patience": 20},
    "evaluation": {"resamples": 100},
    "seeds": [1, 2],
    "experiments": dict.fromkeys(("brief", "ftm2d", "pca", "sequence")),
}
# The profile is patient, as a busy cluster wants it; this one is not busy, and its disk is local. Pauses between two
# looks are as quick_snakemake.py says; the plugin asks sacct where MinJobAge is below three times the first number.
QUICK = [
    *("--slurm-init-seconds-before-status-checks", "9"),
    *("--max-status-checks-per-second", "1"),
    *("--latency-wait", "20"),
]
GPU_SCRIPTS = ("train.py", "embed.py")
RESULTS = Path(
    "results", "cluster"
)  # below the folder where Snakemake is started; targets are seen from there
# Outputs that tell times, and what is not an output.
TELL_TIMES = (".snakemake", "logs", "benchmarks", "training_state", "report.html", "history.tsv")


@dataclass(frozen=True)
class Runs:
    """Ways to run Snakemake as a user of the cluster does."""

    env: dict[str, str]
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(
        self,
        directory: Path,
        *arguments: str,
        config: dict = CONFIG,
        snakefile: Path = ROOT / "Snakefile",
        look_every: float = 2,
    ) -> subprocess.Popen:
        """Start `snakemake ARGUMENTS` in a working directory; what it says goes to snakemake.log there.

        While it looks at its jobs, every so many seconds, Ctrl-C does not cancel them: the plugin has them in hand.
        """
        directory.mkdir(parents=True, exist_ok=True)
        configfile = f"{config['name']}.yaml"
        (directory / configfile).write_text(yaml.safe_dump(config))
        # a shell that starts the tests in the background has Ctrl-C ignored in all that they start
        command = [
            "env",
            "--default-signal=INT",
            sys.executable,
            str(Path(__file__).with_name("quick_snakemake.py")),
            "--snakefile",
            str(snakefile),
        ]
        with (directory / "snakemake.log").open("a") as log:
            process = subprocess.Popen(
                [*command, *arguments, "--configfile", configfile],
                cwd=directory,
                env={**self.env, "COVERSIM_LOOK_EVERY": str(look_every)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def kill(self) -> None:
        """End every Snakemake that a failed test has left waiting."""
        for process in self.started:
            process.kill()

    def finish(self, process: subprocess.Popen, directory: Path, timeout: float = 600) -> None:
        """Wait for a Snakemake that is to succeed."""
        assert process.wait(timeout) == 0, said(directory)

    def run(self, directory: Path, *arguments: str, **options) -> None:
        """Run `snakemake ARGUMENTS`, started with these options, to its good end."""
        self.finish(self.start(directory, *arguments, **options), directory)


@dataclass(frozen=True)
class Undisturbed:
    """A whole run through SLURM: its folder, SLURM's records of its jobs, and the GPUs that they were given."""

    directory: Path
    jobs: list[dict[str, str]]
    granted: list[dict[str, tuple[str, str]]]
    """At each look: of each GPU job that ran, SLURM's number of its GPU, and its CUDA_VISIBLE_DEVICES."""


def jobs_of(slurm: Cluster, directory: Path) -> list[dict[str, str]]:
    """SLURM's records of the jobs that runs in a working directory submitted, oldest first."""
    return [job for job in slurm.jobs() if job.get("StdOut", "").startswith(f"{directory}/")]


def watch(slurm: Cluster, directory: Path, process: subprocess.Popen) -> list[dict[str, tuple[str, str]]]:
    """Look at the GPU jobs of a run until it ends."""
    looks = []
    while process.poll() is None:
        holders = [job for job in slurm.jobs() if "IDX:" in job.get("GRES", "")]
        gpu = {job["JobId"]: ",".join(re.findall(r"IDX:([^)]+)", job["GRES"])) for job in holders}
        seen = [environment(pid) for script in GPU_SCRIPTS for pid in processes(directory, script)]
        devices = {env.get("SLURM_JOB_ID"): env.get("CUDA_VISIBLE_DEVICES") for env in seen}
        looks.append({job: (gpu[job], devices[job]) for job in gpu.keys() & devices.keys()})
        time.sleep(0.5)
    return looks


def said(directory: Path) -> str:
    """All that Snakemake and the jobs of a run said, for a failed assertion's message."""
    logs = [directory / "snakemake.log", *sorted(directory.glob("results/*/logs/**/*.log"))]
    logs += sorted(directory.glob("results/*/.snakemake/slurm_logs/**/*.log"))
    return "".join(f"\n== {log}\n{log.read_text(errors='replace')[-4000:]}" for log in logs)


def outputs(directory: Path) -> dict[str, str]:
    """Digests of the outputs of a run, but of those that tell times."""
    results = directory / RESULTS
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and not set(TELL_TIMES) & {*path.parts}
    }


def remove(directory: Path, *made: str) -> None:
    """Remove files and folders of a run's results."""
    for path in (directory / RESULTS / name for name in made):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def processes(directory: Path, script: str, *words: str) -> list[int]:
    """Processes that run one of the workflow's scripts in a working directory, with `words` in its arguments."""
    return [pid for pid, arguments in _python_processes(directory) if _fits(arguments, script, words)]


def environment(pid: int) -> dict[str, str]:
    """Environment variables of a process; none if it has ended."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        return dict(variable.split("=", 1) for variable in text.split("\0") if "=" in variable)
    return {}


def hold(
    directory: Path, script: str, words: Sequence[str], ready: Callable[[str], bool] = lambda word: True
) -> dict[str, int]:
    """Stop (SIGSTOP) the processes that run a script, one for each word in its arguments, once they are ready."""
    held = {}

    def all_held() -> bool:
        for word in set(words) - held.keys():
            for pid in processes(directory, script, word):
                if ready(word):
                    os.kill(pid, signal.SIGSTOP)
                    held[word] = pid
        return len(held) == len(words)

    until(all_held, pause=0.02)
    return held


def _python_processes(directory: Path) -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "python" in arguments[0] and (folder / "cwd").readlink().is_relative_to(directory):
                yield int(folder.name), arguments


def _fits(arguments: list[str], script: str, words: tuple[str, ...]) -> bool:
    return arguments[1].endswith(f"/{script}") and all(
        any(word in argument for argument in arguments) for word in words
    )
