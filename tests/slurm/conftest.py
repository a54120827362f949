import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import cluster, missing
from cluster_run import QUICK, ROOT, Runs, Undisturbed, jobs_of, watch


@pytest.fixture(scope="session")
def slurm():
    """A cluster of two CPU nodes and a node with two GPUs."""
    if reason := missing():
        pytest.skip(reason)
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def runs(slurm, tmp_path_factory):
    """Snakemake, as a user of the cluster runs it who has done `make profile`."""
    env = {**slurm.env, "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config"))}
    make = ["make", "--assume-old=.venv/installed", f"BIN={Path(sys.executable).parent}", "profile"]
    subprocess.run(make, cwd=ROOT, env={**os.environ, **env}, check=True)
    found = Runs(env)
    yield found
    found.kill()


@pytest.fixture(scope="session")
def undisturbed(slurm, runs, once) -> Undisturbed:
    """The whole run through `snakemake --profile slurm`, of one of the clusters; no test may change its folder."""

    def make(folder: Path) -> None:
        directory = folder / "run"
        process = runs.start(directory, "--profile", "slurm", *QUICK)
        granted = watch(slurm, directory, process)
        runs.finish(process, directory)
        (folder / "seen.json").write_text(json.dumps([jobs_of(slurm, directory), granted]))

    folder = once("undisturbed", make)
    jobs, granted = json.loads((folder / "seen.json").read_text())
    return Undisturbed(
        folder / "run", jobs, [{job: tuple(given) for job, given in look.items()} for look in granted]
    )


@pytest.fixture
def again(slurm, runs, undisturbed, tmp_path):
    """A copy of the undisturbed run, to remove outputs from and to run again; nothing of it runs on afterwards."""
    yield shutil.copytree(undisturbed.directory, tmp_path / "again")
    runs.kill()
    for job in jobs_of(slurm, tmp_path / "again"):
        slurm.run("scancel", job["JobId"])
