"""Songs compared as sequences, through the real Snakemake: what is made of what, and what a change reruns."""

import csv
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import corpus
from coversim.metric.metric import Metric
from coversim.storage import embeddings
from place import SPLIT, clone, of_split
from workflow import jobs, plan, run

CONFIG = {
    "name": "small",
    "datasets": {"train": {"root": "../data"}},
    "shards": 2,
    "split": SPLIT,
    "evaluation": {"resamples": 100},
    "experiments": {
        **dict.fromkeys(("vector", "brief", "ftm2d", "pca")),
        "sequence": {"model": {"kind": "sequence_lda"}},
    },
}
WORKS = range(12)
TABLES = {"evaluate": 1, "metrics": 1, "report": 1}
MATCHED = {"match": 4} | TABLES  # two shards, two collections
HELD = {"sequence_hubs": 1, "sequences": 2, "sequence_collection": 2} | MATCHED
ALIGNED = {"sequence_differences": 4, "sequence_lda": 2} | HELD  # two rounds
FITTED = {"sequence_moments": 2, "sequence_pca": 1} | ALIGNED
TRAINED = {"sequence_train": 1} | HELD | {"evaluate": 1}  # beside discriminants
NETWORK = {
    "model": {"kind": "sequence_network", "channels": 4, "layers": 1},
    "train": {"epochs": 1, "device": "cpu", "batch": {"works": 4}},
}
COUNTED = {"copies": 1, "pairs": 2, "set_aside": 1}
ALL = {"fft": 2} | COUNTED | FITTED
ONE_SHARD = ALL | {"fft": 1, "sequence_moments": 1}


def write_work(place: Path, work: int) -> None:
    """Two covers: the same music, in another key and with some noise."""
    random = np.random.default_rng(work)
    for cover in range(2):
        arrays = corpus.song_arrays(work, seconds=20)
        for name, array in arrays.items():
            pitch = array.shape.index(12)
            noise = 0.05 * random.random(array.shape)
            if name == "crema":  # each value is held
                noise = noise.take(np.arange(array.shape[1 - pitch]) // 8 * 8, axis=1 - pitch)
            arrays[name] = (np.roll(array, 3 * cover, axis=pitch) + noise).astype(array.dtype)
        corpus.write_song(place / "data", f"W_{work}", f"P_{work}.{cover}", arrays)


def configure(place: Path, **changes: object) -> None:
    (place / "run.yaml").write_text(yaml.safe_dump(CONFIG | changes))


def add_experiment(place: Path, **experiments: dict) -> None:
    configure(place, experiments=CONFIG["experiments"] | experiments)


def add_work(place: Path, split: str) -> None:
    write_work(place, int(of_split(split, (f"W_{number}" for number in range(20, 99))).removeprefix("W_")))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("sequences") / "place"
    clone(place)
    for work in WORKS:
        write_work(place, work)
    (place / "run").mkdir()
    configure(place)
    done = run(place)
    assert jobs(done) == ALL
    return place


@pytest.fixture
def place(finished, tmp_path) -> Path:
    return shutil.copytree(finished, tmp_path / "place", symlinks=True)


def contents(place: Path) -> dict[str, bytes]:
    results = place / "run" / "results" / "small"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for folder in ("sequences", "aligned", "evaluation")
        for path in (results / folder).rglob("*")
        if path.is_file()
    }


def test_covers_are_found(finished):
    with (finished / "run" / "results" / "small" / "metrics.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    assert [(row["experiment"], row["collection"]) for row in rows] == [
        ("sequence", "valid"),
        ("sequence", "test"),
    ]
    assert all(float(row["map"]) > 0.9 for row in rows)


def test_another_run_gives_the_same_bytes(finished, place):
    assert jobs(run(place, "--forceall")) == ALL
    again = contents(place)
    assert again == contents(finished)
    assert sum(name.startswith("aligned/sequence/1/") and name.endswith(".h5") for name in again) == 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda place: None, {}),
        (lambda place: add_work(place, "train"), ONE_SHARD),
        (lambda place: add_work(place, "test"), ONE_SHARD),
        (lambda place: configure(place, features=["hpcp"]), ALL),
        (lambda place: configure(place, representation={"seconds": [2.0], "hop": 0.5}), {"report": 1}),
        (lambda place: configure(place, model={"embedding": 8}, train={"epochs": 3}), {"report": 1}),
        (lambda place: configure(place, pca={"components": 8}), {"report": 1}),
        (
            lambda place: add_experiment(place, pca={"model": {"kind": "sequence_pca"}}),
            HELD | {"evaluate": 1},
        ),
        (lambda place: add_experiment(place, same={"model": {"kind": "sequence_lda"}}), TABLES),
        (
            lambda place: add_experiment(place, fast={"model": {"kind": "sequence_lda", "refine": 2}}),
            MATCHED,
        ),
        (
            lambda place: add_experiment(
                place, own={"model": {"kind": "sequence_lda", "double_tempo": "none"}}
            ),
            MATCHED,
        ),
        (lambda place: configure(place, evaluation={"resamples": 100, "neighbours": 3}), TABLES),
    ],
    ids=[
        "nothing",
        "a work added to train with",
        "a work added to test with",
        "another feature",
        "other patches of the networks",
        "another network",
        "other components of the networks",
        "principal components beside discriminants: they share the moments",
        "the same again: it shares all, distances too",
        "fewer songs at the whole rate: it shares the sequences",
        "songs at their own tempo alone: it shares the sequences",
        "hubs corrected by fewer neighbours",
    ],
)
def test_a_change_reruns_what_depends_on_it(place, change, expected):
    change(place)
    assert jobs(plan(place)) == Counter(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("coversim/sequences/patches.py", FITTED),
        ("coversim/sequences/projection.py", FITTED),
        ("coversim/sequences/training.py", FITTED),
        ("coversim/sequences/aligned.py", ALIGNED),
        ("coversim/sequences/matching.py", ALIGNED),
        ("coversim/sequences/distances.py", HELD),
        ("coversim/sequences/network.py", HELD),
        ("coversim/sequences/siamese.py", {}),
        ("coversim/sequences/songs.py", HELD),
        ("coversim/sequences/storage.py", HELD),
        ("coversim/sequences/shard.py", MATCHED),
        ("coversim/sequences/tempo.py", MATCHED),
        ("copies.py", COUNTED | ALIGNED),
        ("sequence_moments.py", FITTED),
        ("sequence_pca.py", FITTED | {"sequence_moments": 0}),
        ("sequence_differences.py", ALIGNED),
        ("sequence_lda.py", ALIGNED | {"sequence_differences": 2}),  # those of the second round
        ("sequence_hubs.py", HELD),
        ("sequences.py", HELD | {"sequence_hubs": 0}),
        ("sequence_collection.py", {"sequence_collection": 2} | MATCHED),
        ("match.py", MATCHED),
    ],
)
def test_an_edit_of_code_reruns_the_rules_that_import_it(place, code, expected):
    with (place / "clone" / "scripts" / code).open("a") as file:
        file.write("\n_EDITED = True\n")
    assert jobs(plan(place)) == +Counter(expected)


def test_a_work_added_is_found(place):
    add_work(place, "test")
    assert jobs(run(place)) == ONE_SHARD
    assert not jobs(plan(place))


def test_an_embedding_finds_candidates_and_sequences_order_them(place):
    found_first = {"model": {"kind": "mean", "tempi": [1.0]}, "train": {"epochs": 0}}
    ordered = found_first | {"rerank": {"candidates": 3}}
    add_experiment(place, ordered=ordered)
    expected = {"pca_moments": 2, "pca": 1, "fit": 1, "embed_baseline": 1, "candidates": 2, "match": 4}
    assert jobs(run(place)) == expected | TABLES
    with (place / "run" / "results" / "small" / "metrics.tsv").open(newline="") as file:
        rows = {
            (row["experiment"], row["collection"]): row for row in csv.DictReader(file, dialect="excel-tab")
        }
    for collection in ("valid", "test"):
        assert float(rows["ordered", collection]["map_reranked"]) > 0.9
        assert float(rows["ordered", collection]["candidates_reranked"]) == 3


@pytest.fixture(scope="module")
def with_network(finished, tmp_path_factory) -> Path:
    """A network beside the discriminants that it starts from."""
    place = shutil.copytree(finished, tmp_path_factory.mktemp("network") / "place", symlinks=True)
    add_experiment(place, network=NETWORK)
    done = run(place)
    assert jobs(done) == TRAINED
    return place


def test_a_network_is_trained_on_what_the_alignment_of_covers_brings_together(with_network):
    results = with_network / "run" / "results" / "small"
    with (results / "metrics.tsv").open(newline="") as file:
        found = {
            row["collection"]: float(row["map"])
            for row in csv.DictReader(file, dialect="excel-tab")
            if row["experiment"] == "network"
        }
    assert set(found) == {"valid", "test"}
    assert min(found.values()) > 0.9
    [history] = results.glob("sequences/crema/network-*-1/history.tsv")
    with history.open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file, dialect="excel-tab")] == ["0", "1"]
    assert not list(results.rglob("state.pt"))
    report = (results / "report.html").read_text()
    assert re.search(r'<section id="training">.*?<span class="name">network</span>', report, re.DOTALL)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"network": NETWORK, "same": NETWORK}, TABLES),
        ({"renamed": NETWORK}, TRAINED),
        (
            {
                "network": NETWORK,
                "contrastive": {**NETWORK, "train": {**NETWORK["train"], "loss": {"kind": "contrastive"}}},
            },
            TRAINED,
        ),
        ({"network": {**NETWORK, "representation": {"hop": 0.5}, "pca": {"components": 8}}}, {"report": 1}),
        ({"network": {**NETWORK, "train": {**NETWORK["train"], "device": "auto"}}}, TRAINED),
    ],
    ids=[
        "nothing",
        "the same again: it shares the network and the distances",
        "another name: its training comes back",
        "another loss: it trains only itself",
        "what networks of whole songs see",
        "another device",
    ],
)
def test_a_change_trains_what_depends_on_it(with_network, tmp_path, changes, expected):
    place = shutil.copytree(with_network, tmp_path / "place", symlinks=True)
    if changes:
        add_experiment(place, **changes)
    assert jobs(plan(place)) == Counter(expected)


@pytest.mark.parametrize(
    "code", ["sequence_train.py", "coversim/sequences/siamese.py", "coversim/siamese/loop.py"]
)
def test_an_edit_of_the_training_trains_anew_and_leaves_the_discriminants(with_network, tmp_path, code):
    place = shutil.copytree(with_network, tmp_path / "place", symlinks=True)
    with (place / "clone" / "scripts" / code).open("a") as file:
        file.write("\n_EDITED = True\n")
    assert jobs(plan(place)) == TRAINED


def test_each_seed_trains_a_network_of_its_own(with_network, tmp_path):
    place = shutil.copytree(with_network, tmp_path / "place", symlinks=True)
    configure(place, experiments=CONFIG["experiments"] | {"network": NETWORK}, seeds=[1, 2])
    assert jobs(plan(place)) == TRAINED


def test_a_training_comes_back_when_its_output_is_lost(with_network, tmp_path):
    place = shutil.copytree(with_network, tmp_path / "place", symlinks=True)
    results = place / "run" / "results" / "small"
    [network] = results.glob("sequences/crema/network-*-1/projection.npz")
    before = network.read_bytes()
    network.unlink()
    run(place, network.relative_to(results))
    assert network.read_bytes() == before
    [log] = (results / "logs" / "sequence_train").glob("*.log")
    assert "trained before" in log.read_text()


def test_a_metric_says_what_was_found_among_the_songs_of_a_run(place):
    run(place, "models/sequence/1/metric.pt")
    results = place / "run" / "results" / "small"
    metric = Metric.load(results / "models" / "sequence" / "1" / "metric.pt")
    for found in pd.read_parquet(results / "evaluation" / "sequence" / "1" / "found.parquet").itertuples():
        query, song = (
            metric.embed(corpus.song_path(place / "data", work, performance, "crema", "per-feature"))
            for work, performance in (
                (found.work, found.performance),
                (found.found_work, found.found_performance),
            )
        )
        assert metric.distance(query, song) == pytest.approx(found.distance, rel=1e-5)
        assert (metric.probability(query, song) > 0.5) == found.is_cover


def test_a_metric_finds_songs_to_match_by_the_embedding_of_the_first_step(place):
    run(place, "models/sequence/1/metric.pt")
    before = contents(place)
    mean = {"representation": {"seconds": [2.0], "bispectrum": []}, "pca": {"components": 4}}
    add_experiment(
        place,
        mean={**mean, "model": {"kind": "mean"}, "train": {"epochs": 0}},
        sequence={"model": {"kind": "sequence_lda", "first_step": "mean"}},
    )
    done = jobs(run(place, "models/sequence/1/metric.pt", "embeddings/mean/1/train.h5"))
    assert done["bundle_sequences"] == done["bundle"] == 1
    assert not done.keys() & ALIGNED.keys() - {"evaluate"}
    assert contents(place).items() >= before.items()
    results = place / "run" / "results" / "small"
    metric = Metric.load(results / "models" / "sequence" / "1" / "metric.pt")
    known = embeddings.read(results / "embeddings" / "mean" / "1" / "train.h5")
    for work, performance, expected in zip(known.works, known.performances, known.embeddings, strict=True):
        path = corpus.song_path(place / "data", work, performance, "crema", "per-feature")
        np.testing.assert_allclose(metric.embed(path).point, expected, atol=1e-5)


def test_networks_are_bundled(with_network, tmp_path):
    place = shutil.copytree(with_network, tmp_path / "place", symlinks=True)
    run(place, "models/network/1/metric.pt")
    metric = Metric.load(place / "run" / "results" / "small" / "models" / "network" / "1" / "metric.pt")
    song, cover, other = (
        metric.embed(
            corpus.song_path(place / "data", f"W_{work}", f"P_{work}.{number}", "crema", "per-feature")
        )
        for work, number in ((0, 0), (0, 1), (1, 0))
    )
    assert metric.distance(song, cover) < metric.distance(song, other)
