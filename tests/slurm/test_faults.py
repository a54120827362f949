"""Faults of real sites: a run goes on, or profiles/README.md says what to do, and that works."""

import os
import shlex
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen

import pytest
import yaml

from cluster import Cluster, until
from cluster_run import QUICK, RESULTS, ROOT, Runs, hold, jobs_of, outputs, said
from test_disturbances import FFT, states

BUSY = "error: Socket timed out on send/recv operation"
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
WHY_PENDING = ["squeue", "--me", "-o", "%i %P %T %M %r %k"]
# a job ends when a test says so
SNAKEFILE = """\
rule fft:
    output: "fft"
    shell: "until [ -e end ]; do sleep 0.1; done; touch {output}"
rule other:
    output: "other"
    shell: "until [ -e end ]; do sleep 0.1; done; touch {output}"
rule train:
    output: "train"
    log: "train.log"
    shell: "echo 'error: no GPU. Remedy: train.device: cpu' > {log}; exit 1"
"""
SHARD = f"{FFT}/0000.h5"
SHARD_JOB = "rule_fft_wildcards_train_crema-4hz_0000"


@dataclass(frozen=True)
class Site:
    """A folder with jobs whose end a test decides, run with the profile."""

    slurm: Cluster
    runs: Runs
    directory: Path

    def start(self, *arguments: str, look_every: float = 2, **changes) -> Popen:
        """Start Snakemake with the profile, some of its top-level keys changed."""
        (self.directory / "profile.yaml").write_text(yaml.safe_dump(PROFILE | changes))
        (self.directory / "Snakefile").write_text(SNAKEFILE)
        options = ("--profile", "profile.yaml", *QUICK, *arguments)
        snakefile = self.directory / "Snakefile"
        return self.runs.start(self.directory, *options, snakefile=snakefile, look_every=look_every)

    def finish(self, process: Popen) -> None:
        """Let the jobs end, and wait for a Snakemake that is to succeed."""
        (self.directory / "end").touch()
        self.runs.finish(process, self.directory)

    def states(self) -> list[str]:
        """States of the jobs that were submitted, oldest first."""
        return [job["JobState"] for job in jobs_of(self.slurm, self.directory)]

    def said(self) -> str:
        """What Snakemake said."""
        return (self.directory / "snakemake.log").read_text()


@pytest.fixture
def site(slurm, runs, tmp_path):
    """A folder with jobs whose end a test decides; none runs on afterwards."""
    yield Site(slurm, runs, tmp_path)
    runs.kill()
    for job in jobs_of(slurm, tmp_path):
        slurm.run("scancel", job["JobId"])


def test_a_controller_too_busy_to_answer_is_asked_again(site):
    looks = str(PROFILE["max-status-checks-per-second"])
    process = site.start("fft", "--max-status-checks-per-second", looks)
    until(lambda: site.states() == ["RUNNING"])
    with site.slurm.failing("squeue", BUSY) as failures:
        until(failures.read_text)
        time.sleep(15)  # five failures within this made Snakemake forget its jobs, and wait for ever
    site.finish(process)
    assert site.states() == ["COMPLETED"]


def test_jobs_that_could_not_be_submitted_run_with_the_same_command(site):
    with site.slurm.failing("sbatch", BUSY) as failures:
        process = site.start("fft", "other", "--retries", "2")
        assert process.wait(600) != 0
    assert len(failures.read_text().splitlines()) == 2 * 3
    assert f"SLURM sbatch failed. The error message was '{BUSY}'" in site.said()
    site.finish(site.start("fft", "other"))
    assert site.states() == ["COMPLETED"] * 2


def test_a_submission_that_timed_out_has_arrived_all_the_same(slurm, runs, undisturbed, again):
    (again / RESULTS / SHARD).unlink()
    controller = int((slurm.folder / "slurmctld.pid").read_text())
    try:
        with slurm.first("sbatch", f"kill -STOP {controller}"):
            assert runs.start(again, SHARD, "--profile", "slurm", *QUICK).wait(600) != 0
    finally:
        os.kill(controller, signal.SIGCONT)
    until(lambda: len(states(slurm, again, SHARD_JOB)) == 3)  # as many jobs of one output as attempts
    runs.run(again, SHARD, "--profile", "slurm", *QUICK)
    assert outputs(again) == outputs(undisturbed.directory)


def test_after_a_long_stop_of_snakemake_the_same_command_goes_on(slurm, runs, undisturbed, again):
    (again / RESULTS / SHARD).unlink()
    process = runs.start(again, SHARD, "--profile", "slurm", *QUICK)
    [pid] = hold(again, "fft.py", ["0000.h5"]).values()
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    with slurm.setting("MinJobAge", 30):
        until(lambda: states(slurm, again, SHARD_JOB) == [])
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(10)  # more than two looks
    assert process.poll() is None  # it waits for ever for a job that SLURM has forgotten

    process.kill()
    process.wait()
    runs.run(again, SHARD, "--profile", "slurm", *QUICK)
    assert states(slurm, again, SHARD_JOB) == []  # nothing was lost, nothing done twice
    assert outputs(again) == outputs(undisturbed.directory)


def test_no_job_asks_for_more_time_than_the_site_allows(site):
    changes = {
        "default-resources": {**PROFILE["default-resources"], "slurm_partition": "short"},
        "resources": {"runtime": 15},  # the limit of the partition `short`
        "set-resources": {"fft": {"runtime": "attempt * 60"}},
    }
    process = site.start("fft", "other", **changes)
    until(lambda: site.states() == ["RUNNING"] * 2)  # the limit is one for each job
    assert {job["TimeLimit"] for job in jobs_of(site.slurm, site.directory)} == {"00:15:00"}
    site.finish(process)


def test_squeue_says_why_a_job_waits_that_will_never_run(site):
    assert shlex.join(WHY_PENDING).replace("'", '"') in (ROOT / "profiles/README.md").read_text()
    waits = {"set-resources": {"fft": {"runtime": 60, "slurm_partition": "short"}}}
    process = site.start("fft", look_every=30, **waits)
    until(lambda: "PartitionTimeLimit rule_fft" in site.slurm.run(*WHY_PENDING))
    process.send_signal(signal.SIGINT)
    assert process.wait(600) != 0
    assert site.states() == ["CANCELLED"]


def test_a_home_that_nodes_cannot_write_to(site, tmp_path_factory):
    with site.slurm.first("sbatch", "export HOME=/dev/null"):
        process = site.start("fft")
        assert process.wait(600) != 0
        assert "/dev/null/.cache" in site.said()
        cache = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
        elsewhere = replace(site, runs=replace(site.runs, env={**site.runs.env, **cache}))
        elsewhere.finish(elsewhere.start("fft"))


def test_the_remedy_of_a_failed_job_is_shown_on_the_terminal(site):
    process = site.start("train")
    assert process.wait(600) != 0
    assert "\nerror: no GPU. Remedy: train.device: cpu\n" in site.said()


def test_the_main_process_can_be_a_job(slurm, runs, undisturbed, again):
    (again / RESULTS / SHARD).unlink()
    snakemake = [
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        SHARD,
        "--configfile",
        "cluster.yaml",
    ]
    user = replace(slurm, env=runs.env)

    def submit() -> str:
        options = ("--mem=1000", "--time=60", f"--chdir={again}", f"--output={again}/snakemake.log")
        command = shlex.join([sys.executable, *snakemake, "--profile", "slurm", *QUICK])
        return user.run("sbatch", "--parsable", *options, "--wrap", f"exec {command}").strip()

    def ended(number: str) -> bool:
        return slurm.run("squeue", "--noheader", "--jobs", number, "--states=PD,R,CG") == ""

    # as Ctrl-C: its jobs are cancelled
    main = submit()
    hold(again, "fft.py", ["0000.h5"])
    slurm.run("scancel", "--signal=INT", "--full", main)
    until(lambda: ended(main))
    until(lambda: states(slurm, again, SHARD_JOB) == ["CANCELLED"])

    # as its time limit, or a plain scancel: its jobs run on, and the same command goes on
    main = submit()
    hold(again, "fft.py", ["0000.h5"])
    slurm.run("scancel", main)
    until(lambda: ended(main))
    assert states(slurm, again, SHARD_JOB) == ["CANCELLED", "RUNNING"]
    main = submit()
    until(lambda: ended(main))
    assert outputs(again) == outputs(undisturbed.directory), said(again)
