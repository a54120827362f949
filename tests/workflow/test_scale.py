"""The plan grows with the songs in the walk, and with the shards in the graph: counts, not times."""

from collections import Counter

import yaml

from workflow import ROOT, jobs, plan


def planned(folder, songs, shards):
    """Jobs of a dry run on a data set of empty files, two songs a work, and the files that its jobs take."""
    for work in range(songs // 2):
        of_work = folder / "data" / "da-tacos_any_subset_crema" / f"W_{work}_crema"
        of_work.mkdir(parents=True)
        for song in (2 * work, 2 * work + 1):
            (of_work / f"P_{song}_crema.h5").touch()
    experiments = {"sequence": None}  # each shard is matched with each
    config = {
        "datasets": {"train": {"root": str(folder / "data")}},
        "shards": shards,
        "experiments": experiments,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    (folder / "run").mkdir()
    (folder / "clone").symlink_to(ROOT)
    done = plan(folder)
    inputs = sum(line.count(",") + 1 for line in done.stdout.splitlines() if line.startswith("    input: "))
    return jobs(done), inputs


def test_a_hundred_times_the_songs_have_the_same_graph(tmp_path):
    assert planned(tmp_path / "few", songs=40, shards=4) == planned(tmp_path / "many", songs=4000, shards=4)


def test_twice_the_shards_have_twice_the_shard_jobs_and_inputs(tmp_path):
    (one, few), (two, more), (four, most) = (
        planned(tmp_path / str(shards), songs=40, shards=shards) for shards in (4, 8, 16)
    )
    per_shard = Counter({rule: one[rule] for rule in ("fft", "pca_moments")})
    assert two - one == per_shard
    assert four - two == per_shard + per_shard
    assert most - more == 2 * (more - few)
