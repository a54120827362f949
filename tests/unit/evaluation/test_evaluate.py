"""From embeddings and pair tables to the metrics of each collection."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from coversim.dataset.labels import COVER, NON_COVER
from coversim.errors import CoversimError
from coversim.evaluation import pair_metrics, retrieval
from coversim.evaluation.evaluate import recall
from coversim.evaluation.retrieval import DEPTHS, mean_average_precision
from coversim.storage.checksums import record_of
from evaluated import distances_of, run, songs_of, write, write_pairs

SCRIPTS = Path(__file__).parents[3] / "scripts"
INTERVALS = ("map", "mr1", "mrr", "p_at_10", "hit_at_1", "hit_at_10")
PAIR_INTERVALS = ("roc_auc", "eer", "average_precision", "accuracy", "roc_auc_nearest", "brier")


def test_the_script_writes_all_metrics_of_all_collections(files, collections, tmp_path):
    output, ranks = tmp_path / "metrics.json", tmp_path / "ranks.parquet"
    command = [sys.executable, SCRIPTS / "evaluate.py", "--experiment", "vector", "--seed", "3"]
    command += ["--embeddings", *files[0], "--pairs", *files[1], "--resamples", "200"]
    command += ["--collections", *(path.stem for path in files[1])]
    command += ["--pair-distances", tmp_path / "pairs.parquet", "--found", tmp_path / "found.parquet"]
    command += ["--calibration", tmp_path / "calibration.json"]
    subprocess.run([*command, "--output", output, "--ranks", ranks], check=True)

    result = json.loads(output.read_text())
    assert (result["experiment"], result["seed"]) == ("vector", 3)
    assert list(result["collections"]) == ["valid", "test", "benchmark"]
    for collection, metrics in result["collections"].items():
        for name in (*INTERVALS, *PAIR_INTERVALS):
            if (collection, name) == ("valid", "brier"):  # to these the probabilities are fitted
                assert metrics[name] is None
                continue
            assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"], name
        histogram = metrics["histogram"]
        assert sum(histogram["cover"]) + sum(histogram["non_cover"]) == metrics["pairs"]
        assert len(histogram["edges"]) == len(histogram["cover"]) + 1 == len(histogram["non_cover"]) + 1
    sizes = {
        name: tuple(metrics[size] for size in ("works", "songs", "queries", "pairs", "missing_pairs"))
        for name, metrics in result["collections"].items()
    }
    assert sizes == {
        "valid": (22, 46, 42, 60, 0),
        "test": (17, 35, 30, 60, 0),
        "benchmark": (17, 41, 32, 96, 0),
    }
    assert pq.read_table(ranks).column_names == [
        *("collection", "work", "performance", "relevant", "average_precision", "first_rank"),
        *(
            "reciprocal_rank",
            "precision_at_10",
            "hit_at_1",
            "hit_at_10",
            *(f"recall_at_{first}" for first in DEPTHS),
            "nearest_cover",
            "nearest_non_cover",
        ),
    ]


def test_more_threads_change_no_metric(files, tmp_path):
    metrics = []
    for threads in ("1", "2"):
        output = tmp_path / f"{threads}.json"
        command = [sys.executable, SCRIPTS / "evaluate.py", "--experiment", "vector", "--seed", "3"]
        command += [
            "--embeddings",
            *files[0],
            "--collections",
            *(path.stem for path in files[1]),
            "--pairs",
            *files[1],
            "--resamples",
            "50",
            "--threads",
            threads,
        ]
        command += ["--pair-distances", tmp_path / "pairs.parquet", "--found", tmp_path / "found.parquet"]
        command += ["--calibration", tmp_path / "calibration.json"]
        subprocess.run([*command, "--output", output, "--ranks", tmp_path / "ranks.parquet"], check=True)
        metrics.append(output.read_text())
    assert metrics[0] == metrics[1]


def test_a_collections_candidates_are_its_own_songs_only(files, collections):
    metrics, _ = run(*files)
    for name, found in metrics.items():
        songs = collections[name]
        assert found["map"] == pytest.approx(mean_average_precision(songs["embeddings"], songs["works"]))


@pytest.mark.parametrize("songs", [100, 101, 102, 300])
def test_recall_is_told_where_there_are_more_songs_than_are_found_first(songs):
    random = np.random.default_rng(songs)
    works = np.repeat(np.arange(-(-songs // 3)), 3)[:songs].astype(str)
    ranking = retrieval.rank_embeddings(random.normal(size=(songs, 4)), works)
    ranks = pd.DataFrame(ranking._asdict()).assign(work=works[ranking.query])
    found = recall(ranks, songs, 20, 0)
    if songs <= 101:
        assert found == {}
    else:
        assert found["recall_at_100"] == pytest.approx(ranking.recall_at_100.mean())
        assert found["recall_at_100_low"] <= found["recall_at_100"] <= found["recall_at_100_high"]
        assert "recall_at_1000" not in found


def test_retrieval_metrics_are_the_means_of_the_queries_that_ranks_holds(files):
    metrics, ranks = run(*files)
    columns = (
        "average_precision",
        "first_rank",
        "reciprocal_rank",
        "precision_at_10",
        "hit_at_1",
        "hit_at_10",
    )
    for name, found in metrics.items():
        rows = ranks[ranks.collection == name]
        assert len(rows) == found["queries"]
        means = [np.mean(rows[column].to_numpy()) for column in columns]
        assert means == pytest.approx([found[metric] for metric in INTERVALS])


def test_test_pairs_are_judged_by_the_threshold_of_the_validation_pairs(files, collections):
    metrics, _ = run(*files)
    threshold = pair_metrics.fit_threshold(*distances_of(collections["valid"], files[1][0]))
    assert [found["threshold"] for found in metrics.values()] == pytest.approx([threshold] * 3)
    for name, table in zip(("test", "benchmark"), files[1][1:], strict=True):
        distances, labels = distances_of(collections[name], table)
        assert metrics[name]["accuracy"] == pytest.approx(
            ((distances <= threshold) == (labels == COVER)).mean()
        )


def test_the_order_of_the_pair_tables_does_not_matter(files):
    metrics, _ = run(*files)
    assert run(files[0][::-1], files[1][::-1])[0] == metrics


def test_the_nearest_non_cover_of_both_songs_of_each_cover_pair_is_the_hard_negative(files, collections):
    songs = collections["test"]
    metrics, _ = run(*files)
    matrix = np.linalg.norm(songs["embeddings"][:, None].astype(float) - songs["embeddings"], axis=2)
    same = songs["works"][:, None] == songs["works"]
    first, second = np.nonzero(np.triu(same, k=1))
    covers = matrix[first, second]
    nearest = np.where(same, np.inf, matrix).min(axis=1)[np.concatenate([first, second])]
    labels = np.repeat([COVER, NON_COVER], [len(covers), len(nearest)])
    expected = roc_auc_score(labels == COVER, -np.concatenate([covers, nearest]))
    assert metrics["test"]["roc_auc_nearest"] == pytest.approx(expected)
    assert metrics["test"]["roc_auc_nearest"] < metrics["test"]["roc_auc"]


def test_pairs_of_songs_that_were_set_aside_are_left_out_and_counted(files, collections, tmp_path):
    valid = collections["valid"]
    without = {key: column[1:] for key, column in valid.items()}
    metrics, _ = run([write(tmp_path, "train", without)], files[1][:1])
    pairs = pq.read_table(files[1][0]).to_pylist()
    gone = valid["performances"][0]
    missing = sum(gone in (pair["performance_a"], pair["performance_b"]) for pair in pairs)
    assert missing > 0
    assert metrics["valid"]["missing_pairs"] == missing
    assert metrics["valid"]["pairs"] == len(pairs) - missing


def test_a_collection_without_covers_has_no_metrics_and_the_log_says_so(collections, tmp_path, caplog):
    alone = songs_of("test", [1] * 5)
    train = write(tmp_path, "train", collections["valid"], alone)
    pairs = [write_pairs(tmp_path, songs) for songs in (collections["valid"], alone)]
    with caplog.at_level(logging.WARNING):
        metrics, ranks = run([train], pairs)
    assert (metrics["test"]["songs"], metrics["test"]["queries"], metrics["test"]["pairs"]) == (5, 0, 0)
    for name in (*INTERVALS, *PAIR_INTERVALS):
        assert metrics["test"][name] is metrics["test"][f"{name}_low"] is None
    assert set(ranks["collection"]) == {"valid"}
    assert "test: no song has a cover" in caplog.text
    json.dumps(metrics, allow_nan=False)


def test_a_collection_of_one_work_has_retrieval_metrics_and_no_pair_metrics(collections, tmp_path, caplog):
    alone = songs_of("test", [3])
    train = write(tmp_path, "train", collections["valid"], alone)
    pairs = [write_pairs(tmp_path, songs) for songs in (collections["valid"], alone)]
    with caplog.at_level(logging.WARNING):
        metrics, _ = run([train], pairs)
    assert (metrics["test"]["songs"], metrics["test"]["pairs"], metrics["test"]["map"]) == (3, 3, 1)
    assert all(metrics["test"][name] is None for name in PAIR_INTERVALS)
    assert "test: cover or non-cover pairs are missing" in caplog.text
    json.dumps(metrics, allow_nan=False)


def test_without_validation_pairs_there_is_no_accuracy_and_the_log_says_so(collections, tmp_path, caplog):
    test = collections["test"]
    metrics, _ = run([write(tmp_path, "train", test)], [write_pairs(tmp_path, test)])
    assert metrics["test"]["accuracy"] is metrics["test"]["threshold"] is None
    assert metrics["test"]["roc_auc"] is not None
    assert "no accuracy, for lack of valid pairs" in caplog.text


def test_a_data_set_without_a_song_has_no_metrics(collections, tmp_path):
    pairs = write_pairs(tmp_path, collections["valid"])
    metrics, ranks = run([write(tmp_path, "train", collections["train"])], [pairs])
    assert (metrics["valid"]["songs"], metrics["valid"]["pairs"], len(ranks)) == (0, 0, 0)
    assert metrics["valid"]["missing_pairs"] == 60


def test_the_same_run_again_gives_the_same_metrics(files):
    assert run(*files)[0] == run(*files)[0]


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_damaged_pair_table_is_an_error_that_says_what_to_delete(files, content):
    files[1][0].write_bytes(content)
    record_of(files[1][0]).unlink()  # it was copied by hand, say
    with pytest.raises(CoversimError, match=r"valid.parquet: damaged .* Remedy: delete it"):
        run(*files)
