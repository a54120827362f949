"""Jobs that outlive their run, queued, running, or on a node that comes back: they change nothing any more."""

import os
import shutil
import signal

import yaml

from cluster import until
from cluster_run import CONFIG, QUICK, RESULTS, ROOT, hold, outputs, processes
from test_disturbances import FFT, attempts, run_now, states

SHARDS = [f"{FFT}/{shard:04}.h5" for shard in range(CONFIG["shards"])]
COMMENTS = {shard: f"rule_fft_wildcards_train_crema-4hz_{shard[-7:-3]}" for shard in SHARDS}


def test_orphans_queued_running_and_on_a_node_that_comes_back(slurm, runs, undisturbed, again):
    shutil.rmtree(again / RESULTS / FFT)
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    profile["set-resources"]["fft"] = {"mem_mb": 20000}  # one job a node
    (again / "profile.yaml").write_text(yaml.safe_dump(profile))
    process = runs.start(again, *SHARDS, "--profile", "profile.yaml", *QUICK)

    def by_state(state):
        return [shard for shard in SHARDS if states(slurm, again, COMMENTS[shard])[-1:] == [state]]

    until(lambda: len(by_state("RUNNING")) == 2 and len(by_state("PENDING")) == 2)
    running, queued = by_state("RUNNING"), by_state("PENDING")
    held = hold(again, "fft.py", [shard[-7:] for shard in running])
    process.kill()
    process.wait()
    lost, other = running
    node = attempts(slurm, again, COMMENTS[lost])[0]["NodeList"]
    slurm.kill_node(node)  # its job runs on there, and SLURM will start it once more elsewhere

    process = runs.start(again, *SHARDS, "--profile", "slurm", *QUICK)
    until(lambda: all(len(states(slurm, again, COMMENTS[shard])) == 2 for shard in SHARDS))
    os.kill(held[other[-7:]], signal.SIGCONT)
    until(
        lambda: states(slurm, again, COMMENTS[other])[0] in ("COMPLETED", "FAILED")
    )  # it may miss its output
    until(lambda: states(slurm, again, COMMENTS[lost])[0] in ("PENDING", "FAILED"))
    if (
        states(slurm, again, COMMENTS[lost])[0] == "PENDING"
    ):  # for two minutes, or it has begun and stopped already
        run_now(slurm, again, COMMENTS[lost], attempt=0)
    runs.finish(process, again)
    # those that had not begun stop as they begin
    until(lambda: {states(slurm, again, COMMENTS[shard])[0] for shard in (*queued, lost)} == {"FAILED"})

    os.kill(held[lost[-7:]], signal.SIGCONT)
    until(lambda: not processes(again, "fft.py", lost[-7:]))
    slurm.start_node(node)
    assert outputs(again) == outputs(undisturbed.directory)


def test_two_runs_in_one_folder_leave_each_others_jobs_alone(slurm, runs, undisturbed, again):
    shutil.rmtree(again / RESULTS / FFT)
    first = runs.start(again, *SHARDS, "--profile", "slurm", *QUICK)
    [held] = hold(again, "fft.py", ["0000.h5"]).values()
    shutil.copytree(again / RESULTS / "demo_corpus", again / "corpus")
    config = CONFIG | {"name": "other", "datasets": {"train": {"root": "corpus"}}, "shards": 1}
    second = runs.start(
        again, "pairs/valid.parquet", f"{FFT}/0000.h5", "--profile", "slurm", *QUICK, config=config
    )
    runs.finish(second, again)
    assert states(slurm, again, COMMENTS[SHARDS[0]])[0] == "RUNNING"
    os.kill(held, signal.SIGCONT)
    runs.finish(first, again)
    assert outputs(again) == outputs(undisturbed.directory)
