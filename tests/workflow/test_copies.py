"""Recordings and works under several names, through the whole workflow: they count once, and change no metric."""

import csv
import shutil

import pytest

import corpus
from coversim.dataset.splits import shard_of, split_by_hash
from coversim.storage import parquet
from workflow import SMALL, jobs, snakemake

SHARDS = 2
SPLIT = {"valid": 0.3, "test": 0.3, "seed": 0}
WORKS = {
    "tunes": {f"W_{number}": ["0", "1"] for number in range(20)},
    "irish": {f"I_{number}": ["0", "1"] for number in range(12)},
    "covers80": {f"V_{number}": ["0", "1"] for number in range(5)},
}


def split_of(work):
    return split_by_hash(work, **SPLIT)


def named(prefix, split, shard=None):
    """A work whose id says that it is in this split, and in this shard."""
    return next(
        work
        for work in (f"{prefix}{number}" for number in range(200))
        if split_of(work) == split and shard in (None, shard_of(work, SHARDS))
    )


TRAINING, VALIDATION, TEST = (named("W_", split) for split in ("train", "valid", "test"))
SHARD = shard_of(TRAINING, SHARDS)
TWIN, TESTED = named("Z_", "train", SHARD), named("Z_", "test")
COPIES = {  # data set, work, performance: what it is a copy of
    ("tunes", TRAINING, "copy"): ("tunes", TRAINING, "0"),  # within a work
    ("tunes", TWIN, "0"): ("tunes", TRAINING, "1"),  # across works
    ("tunes", named("I_", "test"), "copy"): ("irish", named("I_", "test"), "0"),  # across data sets
    ("tunes", TESTED, "0"): ("tunes", VALIDATION, "0"),  # a test work that is a validation work, too
    ("covers80", "B_1", "0"): ("tunes", VALIDATION, "1"),  # a benchmark that was seen
    ("covers80", "B_2", "0"): ("irish", named("I_", "train"), "1"),
    ("covers80", "V_1", "copy"): ("covers80", "V_1", "0"),
}
OTHERS = [
    ("tunes", TESTED, "1"),
    ("covers80", "B_1", "1"),
]  # recordings of their own, of works that were seen


def copy_song(place, copy, original):
    paths = [
        corpus.song_path(place / name, work, song, "crema", "per-feature")
        for name, work, song in (original, copy)
    ]
    paths[1].parent.mkdir(exist_ok=True)
    shutil.copy(*paths)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run without copies, what it found, and a second run with all copies added."""
    place = tmp_path_factory.mktemp("copies")
    for number, (name, works) in enumerate(WORKS.items()):
        corpus.write_corpus(place / name, works, features=["crema"], seed=1000 * number)
    config = SMALL | {
        "datasets": {name: {"root": str(place / name)} for name in WORKS},
        "split": SPLIT,
        "shards": SHARDS,
        "experiments": {
            **dict.fromkeys(("brief", "ftm2d", "pca")),
            "sequence": {"model": {"kind": "sequence_pca"}},
        },
    }
    config["datasets"]["covers80"]["role"] = "benchmark"
    snakemake(place / "run", config=config)
    results = place / "run/results/small"
    metrics = (results / "metrics.tsv").read_bytes()
    for copy, original in COPIES.items():
        copy_song(place, copy, original)
    for seed, (name, work, song) in enumerate(OTHERS):
        corpus.write_song(place / name, work, song, corpus.song_arrays(5000 + seed, 20, ["crema"]))
    return place, config, metrics, snakemake(place / "run", config=config)


def test_copies_change_no_metric(finished):
    assert (finished[0] / "run/results/small/metrics.tsv").read_bytes() == finished[2]


def test_they_train_no_network(finished):
    [log] = (finished[0] / "run/results/small/logs/train").glob("vector*.log")
    assert "trained before" in log.read_text()


def test_they_are_set_aside_and_said(finished):
    found = rows(finished[0] / "run/results/small/set_aside.tsv")
    expected = {*COPIES, *OTHERS}
    assert {(row["dataset"], row["work"], row["performance"]) for row in found} == expected
    assert all(row["reason"] and "counts" in row["remedy"] for row in found)
    for said in (
        f"WARNING: {len(expected)} songs were set aside",
        " 4 × a copy: the recording is listed already\n",
        " 4 × its work is one to validate with, too, under another name\n",
        " 1 × its work is one to train with, too, under another name\n",
    ):
        assert said in finished[3].stdout
    page = (finished[0] / "run/results/small/report.html").read_text()
    assert "a copy: the recording is listed already" in page


def test_each_says_which_song_it_is_a_copy_of(finished):
    found = {
        (row["dataset"], row["work"], row["performance"]): row["copy_of"]
        for path in (finished[0] / "run/results/small/copies").glob("*.tsv")
        for row in rows(path)
    }
    for copy, original in COPIES.items():
        assert found[copy].split()[:2] == [*original[:2]]


def test_a_copy_in_a_benchmark_reruns_what_sees_the_benchmark_only(finished):
    place, config, *_ = finished
    assert not jobs(snakemake(place / "run", "-n", config=config))
    copy_song(place, ("covers80", "V_2", "copy"), ("covers80", "V_2", "0"))
    planned = jobs(snakemake(place / "run", "-n", config=config))
    assert planned["fft"] == 1
    assert planned["copies"] == 1
    assert planned.keys().isdisjoint(
        {"train", "fit", "pca_moments", "pca", "sequence_moments", "sequence_hubs"}
    )


def test_works_said_to_be_one_are_one_work_in_split_and_pairs(finished, tmp_path):
    place, config, *_ = finished
    table = tmp_path / "same.tsv"
    table.write_text(f"work\tsame_as\nV_3\t{TRAINING}\nV_4\tV_0\n")
    covers = config["datasets"]["covers80"] | {"same_works": str(table)}
    config = config | {"datasets": config["datasets"] | {"covers80": covers}, "name": "same"}
    snakemake(place / "run", "pairs/covers80.parquet", config=config)
    catalogue = rows(place / "run/results/same/catalogue/covers80/songs.tsv")
    works = {(row["work"], row["performance"]): row["split"] for row in catalogue}
    assert works[TRAINING, "V_3/0"] == "shared"
    assert works["V_0", "V_4/1"] == works["V_0", "0"] == "covers80"
    pairs = parquet.read(place / "run/results/same/pairs/covers80.parquet").to_pandas()
    covers = pairs[pairs.label == 0]
    assert {"0", "V_4/0"} <= set(covers[covers.work_a == "V_0"].performance_a)
