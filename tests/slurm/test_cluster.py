"""The cluster that the tests start, and that goes away with them."""

import signal
import subprocess
import sys

import pytest

import cluster
from cluster import until


def test_a_job_on_the_gpu_node_sees_the_gpus_it_asked_for(slurm):
    visible = ["sh", "-c", "echo ${CUDA_VISIBLE_DEVICES:-none}"]
    assert slurm.run("srun", "--partition=cpu", *visible) == "none\n"
    assert slurm.run("srun", "--partition=gpu", "--gpus=1", *visible) == "0\n"
    assert slurm.run("srun", "--partition=gpu", "--gpus=2", *visible) == "0,1\n"


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_cluster_whose_owner_was_killed(slurm, ended_by, tmp_path):
    owner = subprocess.Popen([sys.executable, cluster.__file__], stdout=subprocess.PIPE, text=True)
    said = [owner.stdout.readline() for _ in range(3)]
    folder = cluster.Path(said[2].split("SLURM_CONF=")[1].split("/slurm.conf")[0])
    pids = [int(path.read_text()) for path in folder.glob("*.pid")]
    assert len(pids) == 5  # munged, slurmctld, three slurmd
    owner.send_signal(ended_by)
    owner.wait()
    until(lambda: not folder.exists())
    assert not any(_runs(pid) for pid in pids)


def _runs(pid):
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    status = cluster.Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
