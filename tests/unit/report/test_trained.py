"""What the report calls trained, untrained and a baseline."""

import csv
import json
import math
import re
import shutil
from pathlib import Path

import pytest

from coversim.report.inputs import read_histories
from coversim.report.page import write_report
from coversim.report.tables import (
    Estimate,
    Row,
    Table,
)
from coversim.report.training import best_baseline, what_trained
from coversim.siamese.history import write_history
from coversim.storage.checksums import record_of
from page import Page
from simulated_run import EXPERIMENTS, simulate, tables_of


def test_the_kept_epoch_is_the_first_with_the_highest_validation_map(run):
    for name, path in run["histories"].items():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, dialect="excel-tab"))
        epochs = read_histories({name: path})
        if rows:
            best = max(float(row["valid_map"]) for row in rows)
            first = next(row for row in rows if float(row["valid_map"]) == best)
            assert epochs.epoch[epochs.kept].tolist() == [float(first["epoch"])]


def test_without_validation_covers_the_last_epoch_is_the_kept_one(run, tmp_path):
    rows = list(csv.DictReader(run["histories"]["vector/1"].open(newline=""), dialect="excel-tab"))
    path = tmp_path / "history.tsv"
    write_history(path, [row | {"valid_map": math.nan} for row in rows])
    epochs = read_histories({"vector/1": path})
    assert epochs.epoch[epochs.kept].tolist() == [len(rows) - 1]


def test_experiments_without_an_epoch_are_baselines(run):
    assert set(read_histories(run["histories"]).experiment) == {"vector", "brief"}


def keep_epoch_0(path: Path) -> None:
    """Let validation MAP fall from epoch to epoch."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], dialect="excel-tab")
        writer.writeheader()
        writer.writerows(row | {"valid_map": 0.5 - int(row["epoch"]) / 100} for row in rows)


def test_a_network_that_kept_epoch_0_is_called_untrained(tmp_path):
    run = simulate(tmp_path, EXPERIMENTS)
    for name in ("brief/1", "brief/2", "brief/3", "vector/2"):
        keep_epoch_0(run["histories"][name])
    write_report(**run)
    text = Page(run["output"]).text
    assert "brief seeds 1, 2, 3, untrained" in text
    assert "vector seeds 1, 2, 3; seed 2 untrained" in text
    assert "brief kept epoch 0 (before training), 0 (before training), 0 (before training) of 30" in text
    assert re.search(
        "Untrained, since no epoch raised the MAP on the validation works[a-z ]+: brief [.]", text
    )


def test_a_headline_of_an_untrained_network_says_so(tmp_path):
    run = simulate(tmp_path, {"vector": 0.5, "pca": 0.8}, seeds=[1])
    keep_epoch_0(run["histories"]["vector/1"])
    write_report(**run)
    text = Page(run["output"]).text
    assert "vector , untrained because no epoch raised its MAP on the validation works, finds covers" in text


def test_seeds_with_equal_metrics_are_one_measurement(tmp_path):
    run = simulate(tmp_path, EXPERIMENTS)
    folders = {path.parts[-2]: path.parent for path in run["evaluations"] if path.parts[-3] == "vector"}
    for name in ("metrics.json", "ranks.parquet"):
        shutil.copy(folders["1"] / name, folders["3"] / name)
        record_of(folders["3"] / name).unlink(missing_ok=True)
    metrics = folders["3"] / "metrics.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"seed": 3}))
    _, (test, _) = tables_of(run)
    row = next(row for row in test.rows if row.experiment == "vector")
    assert row.seeds == [[1, 3], [2]]
    assert len(row.map_of_seeds) == 2
    write_report(**run)
    assert "seeds 1 = 3, 2" in Page(run["output"]).text


def test_what_fuses_a_trained_experiment_is_no_baseline(tmp_path):
    run = simulate(tmp_path, EXPERIMENTS | {"late": 0.4, "untrained": 0.6})
    config = json.loads(run["config"].read_text())
    config["experiments"] |= {"late": {"fuse": ["pca", "vector"]}, "untrained": {"fuse": ["pca", "ftm2d"]}}
    run["config"].write_text(json.dumps(config))
    run["histories"] = {
        name: path for name, path in run["histories"].items() if not name.startswith(("late/", "untrained/"))
    }
    write_report(**run)
    text = Page(run["output"]).text
    assert re.search(r"late seeds? [\d, ]+ 0\.", text)
    assert re.search(r"untrained seeds? [\d, ]+, baseline", text)


def test_what_learns_from_covers_without_epochs_is_no_baseline():
    kinds = {"order": "sequence_lda", "lda": "lda", "plain": "sequence_pca", "vector": "motif"}
    kinds |= {"added": "sequence_network", "whitened": "whitened"}  # added to discriminants
    experiments = {name: {"model": {"kind": kind}} for name, kind in kinds.items()}
    experiments["start"] = {"train": {"epochs": 0}}  # its linear part is whitened by covers
    experiments["bare"] = {"train": {"epochs": 0}, "model": {"linear": 0}}
    settings = {"model": {"kind": "motif", "linear": 9.0}, "train": {"epochs": 40}}
    found = what_trained(read_histories({}), settings | {"experiments": experiments})
    assert found.trained == {"order", "lda", "added", "whitened", "start"}


def test_a_training_stands_beside_the_baseline_that_is_best_by_its_own_measure():
    def table(collection, **maps):
        kinds = {"vector": "trained"}
        rows = [
            Row(name, kinds.get(name, "baseline"), [[1]], [], [value], {"map": Estimate(value)}, None)
            for name, value in maps.items()
        ]
        return Table(collection, 1, 1, 1, rows)

    over_all = table("valid", vector=0.9, pca=0.5, lda=0.4)
    assert best_baseline([table("test", lda=0.9), over_all]) == ("pca", 0.5)
    each = [table("valid/a", vector=0.9, pca=0.5, lda=0.4), table("valid/b", vector=0.9, pca=0.1, lda=0.4)]
    assert best_baseline([over_all, *each]) == ("lda", pytest.approx(0.4))
    assert best_baseline([table("valid", vector=0.9)]) is None


def test_a_network_of_sequences_that_kept_epoch_0_has_the_discriminants_that_it_starts_from(tmp_path):
    run = simulate(tmp_path, {"vector": 0.5, "order": 0.4}, seeds=[1])
    keep_epoch_0(run["histories"]["order/1"])
    experiments = {"vector": {"model": {"kind": "motif"}}, "order": {"model": {"kind": "sequence_network"}}}
    found = what_trained(read_histories(run["histories"]), {"experiments": experiments})
    assert found.trained == {"vector", "order"}
    assert found.untrained == {}
