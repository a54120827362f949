"""Run the real Snakemake on small corpora, and see which jobs ran."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml

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
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", directory]
    done = subprocess.run(
        [*map(str, command), "--configfile", str(configfile), "--cores", "2", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + logs(directory)
    return done


def jobs(done):
    """How many jobs of each rule ran, or would run in a dry run."""
    return Counter(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, flags=re.MULTILINE)) - Counter(["all"])


def logs(directory):
    """What the jobs of a run said, for a failed assertion's message."""
    return "".join(
        f"\n== {path}\n{path.read_text()}" for path in sorted(directory.glob("results/*/logs/**/*.log"))
    )
