"""A second data set, through the whole workflow: evaluated whole, never trained on."""

import csv
import json

import corpus
from workflow import SMALL, snakemake

TRAINING = {f"W_{number}": [f"P_{number}1", f"P_{number}2"] for number in range(16)}
OTHERS = {f"V_{number}": [f"Q_{number}1", f"Q_{number}2"] for number in range(5)} | {"V_alone": ["Q_9"]}

WITHOUT_COVERS = {f"U_{number}": [f"R_{number}"] for number in range(6)}


def test_a_benchmark_is_evaluated_whole_but_for_the_works_that_were_seen(tmp_path):
    roots = {
        name: corpus.write_corpus(tmp_path / name, works, features=["crema"], seed=seed)
        for name, works, seed in (
            ("train", TRAINING, 0),
            ("benchmark", TRAINING, 0),
            ("ours", WITHOUT_COVERS, 200),
        )
    }
    corpus.write_corpus(roots["benchmark"], OTHERS, features=["crema"], seed=100)
    config = SMALL | {
        "datasets": {name: {"root": str(root)} for name, root in roots.items()}
        | {"ours": {"root": str(roots["ours"]), "role": "benchmark"}},
        "split": {"valid": 0.3, "test": 0.3},
        "experiments": dict.fromkeys(("brief", "ftm2d", "sequence")),
    }
    said = snakemake(tmp_path / "run", config=config).stdout
    results = tmp_path / "run/results/small"
    with (results / "metrics.tsv").open(newline="") as file:
        table = list(csv.DictReader(file, dialect="excel-tab"))
    rows = [row for row in table if row["collection"] == "benchmark"]
    split = json.loads((results / "catalogue/train/summary.json").read_text())["split"]
    unseen = split["test"]["works"]
    assert unseen > 0
    assert [row["experiment"] for row in rows] == ["vector", "pca"]
    for row in rows:
        assert int(row["works"]) == len(OTHERS) + unseen
        assert int(row["songs"]) == 2 * 5 + 1 + 2 * unseen
        assert int(row["queries"]) == 2 * 5 + 2 * unseen
    shared = json.loads((results / "catalogue/benchmark/summary.json").read_text())["split"]["shared"]
    assert shared["works"] == split["train"]["works"] + split["valid"]["works"]
    assert f"benchmark: {shared['works']} of its works are left out" in said
    with (results / "set_aside.tsv").open(newline="") as file:
        listed = [row for row in csv.DictReader(file, dialect="excel-tab") if row["dataset"] == "benchmark"]
    assert len(listed) == shared["songs"]
    assert {row["work"] for row in listed} < TRAINING.keys()
    report = (results / "report.html").read_text()
    assert "benchmark" in report
    ours = [row for row in table if row["collection"] == "ours"]
    assert [(row["songs"], row["queries"], row["map"], row["roc_auc"]) for row in ours] == [
        ("6", "0", "", "")
    ] * 2
    assert report.count("There are no metrics: no song here has a cover.") == 1
    assert "ours: no song has a cover" in (results / "logs/evaluate/vector-1.log").read_text()
