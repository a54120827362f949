"""What differs from site to site: the lines of the table in profiles/README.md, on the cluster."""

from dataclasses import replace

import pytest
import yaml

from cluster_run import QUICK, ROOT, jobs_of, outputs, remove

# the rules' names are those that the profile knows; each leaves the environment in which it ran
RULES = ("fft", "train", "embed", "evaluate")
SNAKEFILE = f"rule all:\n    input: {[*RULES]}\n" + "".join(
    f'rule {rule}:\n    output: "{rule}"\n    shell: "env > {{output}}"\n' for rule in RULES
)


@pytest.fixture(scope="module")
def site(slurm, runs, tmp_path_factory):
    """SLURM's record of a job of each rule, and its environment, by a profile edited as the table says."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    profile["default-resources"] |= {
        "slurm_account": "'2024'",
        "slurm_partition": "'all'",
        "slurm_extra": "--exclude=n1",
    }
    profile["set-resources"] = {
        "train": {"slurm_partition": "gpu", "gpu": 0, "gres": "gpu:1"},
        "embed": {"slurm_partition": "gpu", "gpu": 1, "gpu_model": "h100"},
        "evaluate": {"slurm_partition": "cpu", "qos": "long"},
    }
    directory = tmp_path_factory.mktemp("site")
    (directory / "Snakefile").write_text(SNAKEFILE)
    (directory / "profile.yaml").write_text(yaml.safe_dump(profile))
    module = replace(runs, env={**runs.env, "LOADED_MODULE": "cuda/12"})
    module.run(directory, "--profile", "profile.yaml", *QUICK, snakefile=directory / "Snakefile")
    records = {job["Comment"].removeprefix("rule_"): job for job in jobs_of(slurm, directory)}
    environments = {
        rule: dict(line.split("=", 1) for line in (directory / rule).read_text().splitlines() if "=" in line)
        for rule in RULES
    }
    return records, environments


def test_an_account(site):
    assert {job["Account"] for job in site[0].values()} == {"2024"}


def test_a_partition_of_another_name_and_other_options_of_sbatch(site):
    assert (site[0]["fft"]["Partition"], site[0]["fft"]["NodeList"]) == ("all", "n2")


def test_gres_instead_of_gpus(site):
    record, environment = site[0]["train"], site[1]["train"]
    assert record["TresPerNode"] == "gres:gpu:1"
    assert environment["CUDA_VISIBLE_DEVICES"] in ("0", "1")


def test_a_model_of_gpu(site):
    record, environment = site[0]["embed"], site[1]["embed"]
    assert record["TresPerJob"] == "gres:gpu:h100:1"
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"


def test_no_gpu(site):
    assert site[0]["evaluate"]["Partition"] == "cpu"
    assert "CUDA_VISIBLE_DEVICES" not in site[1]["evaluate"]


def test_jobs_get_the_environment_of_the_shell_that_submits_them(site):
    # what `module load` changes is the environment
    assert {environment["LOADED_MODULE"] for environment in site[1].values()} == {"cuda/12"}


def test_a_network_is_trained_and_embeds_in_one_job(slurm, runs, undisturbed, again):
    remove(again, "models/vector/1", "embeddings/vector/1")
    runs.run(
        again,
        "embeddings/vector/1/train.h5",
        "--profile",
        "slurm",
        *QUICK,
        "--groups",
        "train=network",
        "embed=network",
    )
    (job,) = jobs_of(slurm, again)
    assert (job["JobState"], job["TresPerJob"]) == ("COMPLETED", "gres:gpu:1")
    assert outputs(again) == outputs(undisturbed.directory)
