"""A second data set, through the whole workflow: evaluated whole, never trained on."""

import csv
import json

import corpus
from workflow import SMALL, snakemake

TRAINING = {f"W_{number}": [f"P_{number}1", f"P_{number}2"] for number in range(16)}
OTHERS = {f"V_{number}": [f"Q_{number}1", f"Q_{number}2"] for number in range(5)} | {"V_alone": ["Q_9"]}


def test_a_benchmark_is_evaluated_whole_but_for_the_works_that_were_seen(tmp_path):
    roots = [
        corpus.write_corpus(tmp_path / name, TRAINING, features=["crema"])
        for name in ("training", "benchmark")
    ]
    corpus.write_corpus(roots[1], OTHERS, features=["crema"], seed=100)
    config = SMALL | {
        "datasets": dict(zip(("train", "benchmark"), ({"root": str(root)} for root in roots), strict=True)),
        "split": {"valid": 0.3, "test": 0.3},
        "experiments": dict.fromkeys(("brief", "ftm2d", "sequence")),
    }
    snakemake(tmp_path / "run", config=config)
    results = tmp_path / "run/results/small"
    with (results / "metrics.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, dialect="excel-tab") if row["collection"] == "benchmark"]
    split = json.loads((results / "catalogue/train/summary.json").read_text())["split"]
    unseen = split["test"]["works"]
    assert unseen > 0
    assert [row["experiment"] for row in rows] == ["default", "pca"]
    for row in rows:
        assert int(row["works"]) == len(OTHERS) + unseen
        assert int(row["songs"]) == 2 * 5 + 1 + 2 * unseen
        assert int(row["queries"]) == 2 * 5 + 2 * unseen
    shared = json.loads((results / "catalogue/benchmark/summary.json").read_text())["split"]["shared"]
    assert shared["works"] == split["train"]["works"] + split["valid"]["works"]
    assert "benchmark" in (results / "report.html").read_text()
