"""Several data sets, of different sizes, through the whole workflow: two to train with and one benchmark."""

import csv
import json
import re

import numpy as np
import pytest

import corpus
from coversim.storage import distances, embeddings
from coversim.storage.parquet import read as read_parquet
from workflow import SMALL, jobs, snakemake

# performances are numbered in each work, as SHS100K does
LARGE = {f"W_{number}": ["0", "1", "2"] for number in range(24)}
LITTLE = {f"I_{number}": ["0", "1"] for number in range(12)} | {
    f"W_{number}": ["0", "3"] for number in range(6)
}
OTHERS = {f"V_{number}": ["0", "1"] for number in range(5)} | {
    f"W_{number}": ["0", "1"] for number in range(9)
}
COLLECTIONS = ["valid", "test", "valid/irish", "valid/tunes", "test/irish", "test/tunes", "covers80"]
CONFIG = SMALL | {
    "split": {"valid": 0.3, "test": 0.3},
    "experiments": {
        "brief": {"fft": {"frames": 64}, "pca": {"components": 16}},
        "ftm2d": None,
        "sequence": None,
        "vector": {"rerank": {"candidates": 3, "by": "qmax"}},
        "lda": {"model": {"kind": "lda"}, "train": {"epochs": 0}},
        "late": {"fuse": ["vector", "pca"]},
        "qmax": {"model": {"kind": "qmax"}},
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run; no test may change it but by adding to the data."""
    place = tmp_path_factory.mktemp("sets")
    works = {"tunes": LARGE, "irish": LITTLE, "covers80": OTHERS}
    roots = {
        name: {"root": str(corpus.write_corpus(place / name, of, features=["crema"], seed=100 * number))}
        for number, (name, of) in enumerate(works.items())
    }
    roots["covers80"]["role"] = "benchmark"
    config = CONFIG | {"datasets": roots}
    return place, config, snakemake(place / "run", config=config)


@pytest.fixture(scope="module")
def results(finished):
    return finished[0] / "run/results/small"


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def songs(results, dataset, *splits):
    """(work, performance) of the songs of some splits."""
    return {
        (row["work"], row["performance"])
        for row in rows(results / f"catalogue/{dataset}/songs.tsv")
        if row["split"] in splits
    }


def test_every_collection_has_the_songs_of_its_data_sets(results):
    pools = {
        (row["experiment"], row["collection"]): (int(row["works"]), int(row["songs"]))
        for row in rows(results / "metrics.tsv")
    }
    assert {collection for _, collection in pools} == set(COLLECTIONS)
    expected = {
        collection: songs(results, dataset, split)
        for collection in COLLECTIONS
        for split, _, dataset in [collection.partition("/")]
        if dataset
    }
    for split in ("valid", "test"):  # what both have counts once
        expected[split] = expected[f"{split}/irish"] | expected[f"{split}/tunes"]
    assert len(expected["test"]) < sum(len(expected[f"test/{name}"]) for name in ("irish", "tunes"))
    expected["covers80"] = songs(results, "covers80", "covers80")
    for experiment in ("vector", "brief", "lda", "pca", "late", "qmax"):
        for collection, of in expected.items():
            assert pools[experiment, collection] == (len({work for work, _ in of}), len(of)), experiment


def test_a_benchmark_has_no_work_that_was_seen_in_any_training_data_set(results):
    seen = {work for name in ("tunes", "irish") for work, _ in songs(results, name, "train", "valid")}
    left = {work for work, _ in songs(results, "covers80", "covers80")}
    assert left == set(OTHERS) - seen
    assert left & set(LARGE), "test works stay"


def test_pairs_and_distances_tell_songs_of_the_same_name_apart(results):
    table = read_parquet(results / "pairs/test.parquet").to_pandas()
    members = songs(results, "tunes", "test") | songs(results, "irish", "test")
    for side in "ab":
        assert set(zip(table[f"work_{side}"], table[f"performance_{side}"], strict=True)) <= members
    covers = table[table.label == 0]
    assert (covers.work_a == covers.work_b).all()
    assert not covers.duplicated().any()
    found = [distances.read(path) for path in sorted((results / "aligned/qmax/1/test").glob("*.h5"))]
    queries = [(shard.works[row], shard.performances[row]) for shard in found for row in shard.query.tolist()]
    assert len(set(queries)) == len(queries)
    assert {(str(work), str(name)) for work, name in queries} <= members
    assert all(np.isfinite(shard.distance).all() for shard in found)


def test_each_song_of_each_data_set_has_an_embedding(results):
    for name in ("tunes", "irish"):
        found = embeddings.read(results / f"embeddings/vector/1/{name}.h5")
        assert set(zip(found.works.tolist(), found.performances.tolist(), strict=True)) == songs(
            results, name, "train", "valid", "test"
        )


def test_the_report_and_the_terminal_show_each_collection(finished, results):
    page = (results / "report.html").read_text()
    for said in ("Test works of irish", "Validation works of tunes", "Benchmark covers80"):
        assert f"<h3>{said}</h3>" in page
    assert "test/irish" in finished[2].stdout
    assert json.loads((results / "evaluation/vector/1/metrics.json").read_text())["collections"].keys() == {
        *COLLECTIONS
    }


def test_all_is_intact(finished):
    done = snakemake(finished[0] / "run", "verify", config=finished[1])
    assert "intact" in done.stdout
    assert "damaged" not in done.stdout


def test_nothing_remains_to_be_done_and_a_work_added_to_one_data_set_reruns_its_shard_only(finished):
    place, config, _ = finished
    assert not jobs(snakemake(place / "run", "-n", config=config))
    corpus.write_song(place / "irish", "I_new", "0", corpus.song_arrays(7, 20, ["crema"]))
    planned = snakemake(place / "run", "-n", config=config)
    assert jobs(planned)["fft"] == 2  # of one shard, at two samplings
    assert jobs(planned)["pca_moments"] == 3  # of the same shard, three kinds of patches
    assert "output: fft/tunes" not in planned.stdout
    assert not re.search(r"output: pca/.*/moments/tunes", planned.stdout)


def test_pairs_of_each_data_set_train_the_brief(results):
    for name in ("irish", "tunes"):
        table = read_parquet(results / f"pairs/train/{name}.parquet").to_pandas()
        assert set(zip(table.work_a, table.performance_a, strict=True)) <= songs(results, name, "train")
    assert not (results / "pairs/train.parquet").exists()
