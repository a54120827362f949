"""The profiles fit the rules, and the conda files fit the lock file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from workflow import ROOT, SMALL, snakemake

PROFILES = [ROOT / "profiles" / name / "profile.yaml" for name in ("local", "slurm")]
NETWORK_OF_SEQUENCES = {"sequence_train"}  # which the small run lacks
GPU_RULES = {"train", "embed"} | NETWORK_OF_SEQUENCES
RULES = dict(
    re.findall(
        r"^rule (\w+):\n(.*?)(?=^rule |\Z)",
        "".join(path.read_text() for path in sorted(ROOT.glob("rules/*.smk"))),
        flags=re.MULTILINE | re.DOTALL,
    )
)


def read(profile):
    return yaml.safe_load(profile.read_text())


def shell(*command, cwd=ROOT, env=os.environ):
    """What a command says, which is to succeed."""
    done = subprocess.run(
        command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def make_profile(folder):
    """`make profile`, for a user whose configuration is in `folder`."""
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
    shell("make", "--assume-old=.venv/installed", f"BIN={binaries}", "profile", env=environment)
    return environment


def dry_run(directory, *arguments, env=os.environ):
    """Resources of the jobs that would run, by rule, as Snakemake says them."""
    configfile = directory / "mine.yaml"
    configfile.write_text(yaml.safe_dump(SMALL))
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    said = shell(*snakemake, "-n", *arguments, "--configfile", str(configfile), cwd=directory, env=env)
    found = re.findall(r"^rule (\w+):$.*?^    resources: (.*?)$", said, flags=re.MULTILINE | re.DOTALL)
    return {rule: dict(part.split("=", 1) for part in resources.split(", ")) for rule, resources in found}


def assert_routed(resources):
    """Every GPU rule asks for one GPU in the GPU partition, every other rule for the CPU partition."""
    assert set(resources) >= GPU_RULES - NETWORK_OF_SEQUENCES | {"fft", "pca_moments"}
    for rule, asked in resources.items():
        expected = ("gpu", "1") if rule in GPU_RULES else ("cpu", "0")
        assert (asked["slurm_partition"], asked.get("gpu", "0")) == expected, rule


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_names_only_rules_that_exist(profile):
    # Snakemake passes over a misspelt name without a word
    named = set(read(profile).get("set-resources", {})) | set(read(profile).get("set-threads", {}))
    assert named <= set(RULES)


def test_every_job_says_what_it_needs():
    for rule, body in RULES.items():
        if "output:" in body:
            assert re.search(r"resources:\n(.*\n)*? +mem_mb=.*\n(.*\n)*? +runtime=", body), rule


def test_what_goes_to_nodes_is_tried_again():
    for rule, body in RULES.items():
        if "output:" in body:
            assert ("retries: RETRIES" in body) != ("localrule: True" in body), rule


def test_a_job_that_could_not_be_submitted_is_tried_twice_more(tmp_path, monkeypatch):
    submitted = tmp_path / "submitted"
    (tmp_path / "sbatch").write_text(f"#!/bin/sh\necho >> '{submitted}'\nexit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    quick = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "0")
    profile = ("--profile", ROOT / "profiles/slurm", "--retries", "0", *quick)
    done = snakemake(tmp_path / "run", *profile, "--until", "demo_corpus", check=False, afresh=True)
    assert done.returncode != 0
    assert len(submitted.read_text()) == 3, done.stdout


def test_the_gpu_rules_ask_for_one_gpu_each():
    assert {rule for rule, body in RULES.items() if "gpu=1," in body} == GPU_RULES
    assert not any("gpus=" in body for body in RULES.values())  # sbatch would not see it


def test_the_gpu_rules_are_those_that_take_a_device():
    assert {rule for rule, body in RULES.items() if "--device" in body} == GPU_RULES


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.parent.name)
def test_profiles_default_which_wins_over_a_named_profile_says_nothing_else(profile):
    default = read(ROOT / "profiles/default/profile.yaml")
    assert default == {
        key: read(profile)[key] for key in ("rerun-incomplete", "max-checksum-file-size", "show-failed-logs")
    }


def test_the_slurm_profile_avoids_what_loses_data_or_hangs():
    profile = read(ROOT / "profiles/slurm/profile.yaml")
    assert profile["slurm-status-command"] == "squeue"
    assert not any("array" in key for key in profile)


def test_snakemake_profile_slurm_works_from_any_folder(tmp_path):
    environment = make_profile(tmp_path / "config")
    assert_routed(dry_run(tmp_path, "--profile", "slurm", env=environment))


@pytest.mark.parametrize(
    "arguments", [("--workflow-profile", "slurm"), ("--profile", str(ROOT / "profiles/slurm"))]
)
def test_the_slurm_profile_works_without_make_profile(tmp_path, arguments):
    assert_routed(dry_run(tmp_path, *arguments))


def test_make_profile_overwrites_nothing(tmp_path):
    mine = tmp_path / "snakemake/slurm/profile.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("jobs: 1\n")
    make_profile(tmp_path)
    make_profile(tmp_path)
    assert mine.read_text() == "jobs: 1\n"
    assert (tmp_path / "snakemake/local/profile.yaml").read_text() == (
        ROOT / "profiles/local/profile.yaml"
    ).read_text()


def test_a_dry_run_imports_no_torch_and_asks_no_slurm(tmp_path):
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "torch.py").write_text("raise SystemExit('torch was imported')\n")
    for command in ("sbatch", "srun", "squeue", "scancel"):
        (fake / command).write_text("#!/bin/sh\nkill $PPID\n")
        (fake / command).chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(fake), "PATH": f"{fake}:{os.environ['PATH']}"}
    assert_routed(dry_run(tmp_path, "--workflow-profile", "slurm", env=environment))


@pytest.mark.parametrize("conda_file", sorted(ROOT.glob("envs/*.yaml")), ids=lambda path: path.stem)
def test_conda_files_pin_what_the_lock_file_pins(conda_file):
    lock = dict(line.lower().split("==") for line in (ROOT / "requirements.lock").read_text().split())
    pins = dict(pin.split("=") for pin in yaml.safe_load(conda_file.read_text())["dependencies"])
    assert pins.pop("python") == "3.11"
    pip_names = {"pytorch": "torch"}  # where conda-forge has another name
    assert pins == {name: lock[pip_names.get(name, name)] for name in pins}
