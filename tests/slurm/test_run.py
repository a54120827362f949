"""The whole run through `snakemake --profile slurm`."""

from itertools import combinations

from cluster_run import CONFIG, outputs, said
from workflow import snakemake

CPU_RULES = ("fft", "pca_moments", "evaluate")
GPU_RULES = ("train", "embed")


def of_rule(run, *rules):
    """SLURM's records of the jobs of some rules."""
    return [job for job in run.jobs if job["Comment"].removeprefix("rule_").split("_wildcards")[0] in rules]


def test_every_job_succeeded_at_once(undisturbed):
    assert {job["JobState"] for job in undisturbed.jobs} == {"COMPLETED"}, said(undisturbed.directory)
    assert len({job["Comment"] for job in undisturbed.jobs}) == len(undisturbed.jobs)


def test_cpu_jobs_ran_on_cpu_nodes(undisturbed):
    jobs = of_rule(undisturbed, *CPU_RULES)
    assert len(jobs) == 10  # four shards, two seeds
    assert {job["NodeList"] for job in jobs} <= {"n1", "n2"}
    assert not any("gpu" in job["TRES"] for job in jobs)
    assert {job["MinMemoryNode"] for job in jobs} == {"600M", "767M", "1500M"}
    assert {job["TimeLimit"] for job in jobs} <= {"00:10:00", "00:11:00", "00:20:00"}


def test_gpu_jobs_ran_on_the_gpu_node_with_one_gpu_each(undisturbed):
    jobs = of_rule(undisturbed, *GPU_RULES)
    assert len(jobs) == 4  # two seeds
    assert {job["NodeList"] for job in jobs} == {"g1"}
    assert {job["TresPerJob"] for job in jobs} == {"gres:gpu:1"}


def test_no_two_jobs_shared_a_gpu(undisturbed):
    looks = [look for look in undisturbed.granted if look]
    assert {given for look in looks for given in look.values()} <= {("0", "0"), ("1", "1")}
    assert all(len(set(look.values())) == len(look) for look in looks)


def test_two_seeds_trained_at_the_same_time(undisturbed):
    one, two = of_rule(undisturbed, "train")
    assert max(one["StartTime"], two["StartTime"]) < min(one["EndTime"], two["EndTime"])
    assert any(len(look) == 2 for look in undisturbed.granted)


def test_never_more_gpu_jobs_at_once_than_gpus(undisturbed):
    for three in combinations(of_rule(undisturbed, *GPU_RULES), 3):
        assert max(job["StartTime"] for job in three) >= min(job["EndTime"] for job in three)


def test_the_results_are_those_of_a_local_run(undisturbed, tmp_path):
    snakemake(tmp_path / "run", config=CONFIG)
    expected = outputs(tmp_path / "run")
    assert len(expected) > 50
    assert outputs(undisturbed.directory) == expected
