"""What a cluster does to jobs: after each disturbance the run ends as if nothing had happened."""

import os
import re
import shutil
import signal
from functools import partial

import yaml

from cluster import until
from cluster_run import CONFIG, QUICK, RESULTS, ROOT, hold, jobs_of, outputs, processes, remove
from coversim.storage import tsv

FFT = "fft/train/crema-4hz"
EPOCHS = CONFIG["train"]["epochs"]


def attempts(slurm, directory, comment):
    """SLURM's records of the jobs that a run submitted for one of its jobs, oldest first."""
    found = [job for job in jobs_of(slurm, directory) if job.get("Comment") == comment]
    return sorted(found, key=lambda job: int(job["JobId"]))


def states(slurm, directory, comment):
    return [job["JobState"] for job in attempts(slurm, directory, comment)]


def test_shards_are_done_again_that_were_killed_cancelled_over_memory_or_on_a_dead_node(
    slurm, runs, undisturbed, again
):
    shutil.rmtree(again / RESULTS / FFT)
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    # far too little for Snakemake alone: SLURM looks at the memory of its jobs once in a second
    too_little = "60 * 10 ** (attempt - 1) if wildcards.shard == '0003' else 1000"
    profile["set-resources"]["fft"] = {"mem_mb": too_little}
    (again / "profile.yaml").write_text(yaml.safe_dump(profile))
    shards = [f"{FFT}/{shard:04}.h5" for shard in range(CONFIG["shards"])]
    killed, cancelled, on_dead_node, over_memory = [
        f"rule_fft_wildcards_train_crema-4hz_{shard:04}" for shard in range(4)
    ]

    process = runs.start(again, *shards, "--profile", "profile.yaml", *QUICK)
    held = hold(again, "fft.py", [shard[-7:] for shard in shards[:3]])
    os.kill(held["0000.h5"], signal.SIGKILL)
    slurm.run("scancel", attempts(slurm, again, cancelled)[0]["JobId"])
    until(lambda: states(slurm, again, killed) == ["FAILED", "COMPLETED"])
    until(lambda: states(slurm, again, cancelled) == ["CANCELLED", "COMPLETED"])
    until(
        lambda: states(slurm, again, over_memory) in (["FAILED", "COMPLETED"], ["OUT_OF_MEMORY", "COMPLETED"])
    )
    assert [job["MinMemoryNode"] for job in attempts(slurm, again, over_memory)] == ["60M", "600M"]

    # the node is lost to the network: its job runs on there while SLURM starts it anew elsewhere
    node = attempts(slurm, again, on_dead_node)[0]["NodeList"]
    slurm.kill_node(node)
    until(lambda: states(slurm, again, on_dead_node) == ["PENDING"])
    run_now(slurm, again, on_dead_node)
    until(lambda: states(slurm, again, on_dead_node) == ["COMPLETED"])
    assert attempts(slurm, again, on_dead_node)[0]["NodeList"] != node
    os.kill(held["0002.h5"], signal.SIGCONT)
    until(lambda: not processes(again, "fft.py", "0002.h5"))
    slurm.start_node(node)
    runs.finish(process, again)
    assert outputs(again) == outputs(undisturbed.directory)


def test_training_goes_on_after_every_kind_of_end(slurm, runs, undisturbed, again):
    remove(again, "training_state", "models")
    arguments = ("models/vector/1/model.pt", "models/vector/2/model.pt", "--profile", "slurm", *QUICK)
    (again / RESULTS / "logs").rename(again / "logs")

    # Ctrl-C: the jobs are cancelled
    process = runs.start(again, *arguments, look_every=30)
    hold_training(again)
    process.send_signal(signal.SIGINT)
    assert process.wait(600) != 0
    until(lambda: [states(slurm, again, train(seed)) for seed in (1, 2)] == [["CANCELLED"]] * 2)

    # kill -9 of Snakemake: its jobs run on, and change nothing once the next Snakemake has begun
    process = runs.start(again, *arguments)
    orphans = hold_training(again)
    process.kill()
    process.wait()
    process = runs.start(again, *arguments)
    until(lambda: all(len(states(slurm, again, train(seed))) == 3 for seed in (1, 2)))
    for orphan in orphans:
        os.kill(orphan, signal.SIGCONT)
    # the scripts end well, and Snakemake around them misses their outputs
    until(lambda: [states(slurm, again, train(seed))[1] for seed in (1, 2)] == ["FAILED"] * 2)
    until(lambda: all("another run has begun" in training_log(again, seed) for seed in (1, 2)))

    # preemption by a job that needs one of the two GPUs, and the time limit: SIGTERM, then SIGKILL
    hold_training(again)
    urgent = ("--partition=urgent", "--gpus=1", "--mem=100", "--output=/dev/null", "--wrap=sleep 600")
    urgent_job = slurm.run("sbatch", "--parsable", *urgent).strip()
    [preempted] = until(
        lambda: [seed for seed in (1, 2) if states(slurm, again, train(seed))[-1] == "PENDING"]
    )
    limited = {1: 2, 2: 1}[preempted]
    assert states(slurm, again, train(limited))[-1] == "RUNNING"
    slurm.run("scontrol", "update", f"JobId={last(slurm, again, train(limited))}", "EndTime=now")
    slurm.run("scancel", urgent_job)
    run_now(slurm, again, train(preempted))
    until(lambda: states(slurm, again, train(limited))[2] == "TIMEOUT")

    runs.finish(process, again)
    for seed in (1, 2):
        log = training_log(again, seed)
        assert "going on after epoch" in log
        # of all attempts, with epoch 0, the untrained: none was lost or ran twice. Of an epoch whose state was kept when the
        # end came before its line, the next attempt speaks
        every, told = list(map(str, range(EPOCHS + 1))), epochs_in(log)
        assert len(set(told)) == len(told)
        assert {*told, *re.findall(r"going on after epoch (\d+)", log)} == set(every)
        assert history_of(again, seed) == every
    assert outputs(again) == outputs(undisturbed.directory)


def test_a_job_whose_gpu_is_unusable_fails_three_times_and_says_so(slurm, runs, again):
    remove(again, "training_state", "models")
    config = {**CONFIG, "train": {**CONFIG["train"], "device": "auto"}}
    target = "models/vector/1/model.pt"
    process = runs.start(again, target, "--profile", "slurm", *QUICK, config=config)
    assert process.wait(600) != 0
    assert "cannot use a GPU here (CUDA_VISIBLE_DEVICES: 0). Remedy:" in training_log(again, 1)
    assert not (again / RESULTS / target).exists()
    assert states(slurm, again, train(1)) == ["FAILED"] * 3
    logs_on_nodes = [path.read_text() for path in again.glob("results/*/.snakemake/slurm_logs/**/*.log")]
    assert not any("Trying to restart" in log for log in logs_on_nodes)


def last(slurm, directory, comment, attempt=-1):
    """SLURM's number of the last attempt at a job, or of another one."""
    return attempts(slurm, directory, comment)[attempt]["JobId"]


def train(seed):
    """Comment of a training's SLURM jobs."""
    return f"rule_train_wildcards_vector_{seed}"


def training_log(directory, seed):
    log = directory / RESULTS / f"logs/train/vector-{seed}.log"
    return log.read_text() if log.exists() else ""


def epochs_in(log):
    return re.findall(r" epoch (\d+)/", log)


def history_of(directory, seed):
    """The epochs of a model's history."""
    return [row["epoch"] for row in tsv.read(directory / RESULTS / f"models/vector/{seed}/history.tsv")]


def hold_training(directory):
    """Wait until both seeds have trained for two more epochs, and stop them there; their processes."""
    logs = {f"vector/{seed}/model.pt": partial(training_log, directory, seed) for seed in (1, 2)}
    before = {model: len(epochs_in(log())) for model, log in logs.items()}
    held = hold(
        directory,
        "train.py",
        list(logs),
        ready=lambda model: len(epochs_in(logs[model]())) > before[model] + 1,
    )
    return list(held.values())


def run_now(slurm, directory, comment, attempt=-1):
    """Spare a requeued job the two minutes that SLURM lets it wait."""
    slurm.run("scontrol", "update", f"JobId={last(slurm, directory, comment, attempt)}", "StartTime=now")
