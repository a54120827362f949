"""A cluster with accounting: only who has an account may submit, and it records who did what under which QOS."""

from dataclasses import replace

import pytest
import yaml

from cluster import cluster, missing, until
from cluster_run import QUICK, ROOT, jobs_of, outputs, remove
from test_sites import SNAKEFILE


@pytest.fixture(scope="module")
def accounted():
    """A cluster where this user may charge two accounts, usually `music`, and ask for two QOS beside `normal`."""
    if reason := missing(accounting=True):
        pytest.skip(reason)
    with cluster(accounting=True) as running:
        user = running.run("whoami").strip()
        for added in (
            ("qos", "long,urgent"),
            ("account", "music,art"),
            ("user", user, "account=music,art", "defaultaccount=music", "qos=normal,long,urgent"),
        ):
            running.run("sacctmgr", "--immediate", "add", *added)
        yield running


@pytest.fixture
def user(accounted, runs):
    """Snakemake, as a user of this cluster runs it."""
    return replace(runs, env={**accounted.env, "XDG_CONFIG_HOME": runs.env["XDG_CONFIG_HOME"]})


def recorded(accounted, directory):
    """Account and QOS of each rule of a finished run, once the accounting has all its jobs as completed."""
    submitted = {job["JobId"] for job in jobs_of(accounted, directory)}

    def completed():
        said = accounted.run(
            *("sacct", "--allocations", "--noheader", "--parsable2", "--state=COMPLETED"),
            *("--starttime=now-1days", "--endtime=now", "--format=JobID,Comment,Account,QOS"),
        )
        jobs = dict(line.split("|", 1) for line in said.splitlines())
        return submitted <= jobs.keys() and [jobs[number].split("|") for number in submitted]

    return {
        comment.removeprefix("rule_").split("_wildcards")[0]: (account, qos)
        for comment, account, qos in until(completed)
    }


def test_the_profile_is_right_as_it_is(accounted, user, undisturbed, again):
    remove(again, "evaluation/vector/1")
    user.run(again, "evaluation/vector/1/metrics.json", "--profile", "slurm", *QUICK)
    assert outputs(again) == outputs(undisturbed.directory)
    assert recorded(accounted, again) == {"evaluate": ("music", "normal")}


def test_an_account_and_a_qos_for_all_rules_or_for_one(accounted, user, tmp_path):
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    one, every = tmp_path / "one", tmp_path / "every"
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    profile["default-resources"]["slurm_account"] = "art"
    (tmp_path / "every.yaml").write_text(yaml.safe_dump(profile | {"slurm-qos": "long"}))
    profile["set-resources"]["evaluate"] = {"qos": "urgent"}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(profile))

    running = [
        user.start(
            directory,
            *("fft", "evaluate", "--profile", f"{directory}.yaml", *QUICK),
            snakefile=tmp_path / "Snakefile",
        )
        for directory in (one, every)
    ]
    for process, directory in zip(running, (one, every), strict=True):
        user.finish(process, directory)
    assert recorded(accounted, every) == {"fft": ("art", "long"), "evaluate": ("art", "long")}
    assert recorded(accounted, one) == {"fft": ("art", "normal"), "evaluate": ("art", "urgent")}


def test_a_limit_on_queued_jobs(accounted, user, tmp_path):
    limit = ("modify", "qos", "urgent", "set", "MaxSubmitJobsPerUser=1")
    accounted.run("sacctmgr", "--immediate", *limit)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    options = ("fft", "embed", "--profile", "slurm", *QUICK, "--slurm-qos", "urgent")
    process = user.start(tmp_path, *options, snakefile=tmp_path / "Snakefile")
    assert process.wait(600) != 0
    assert "SLURM sbatch failed" in (tmp_path / "snakemake.log").read_text()
    user.run(tmp_path, *options, "--jobs", "1", snakefile=tmp_path / "Snakefile")
    assert {job["JobState"] for job in jobs_of(accounted, tmp_path)} == {"COMPLETED"}
