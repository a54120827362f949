"""The script of the rule `metrics`: one table of all metrics."""

import csv
import json
import subprocess
import sys
from pathlib import Path

from coversim.siamese.history import HISTORY, write_history

SCRIPTS = Path(__file__).parents[3] / "scripts"


def merge(folder: Path, *contents: dict | str, histories: list[str] = ()) -> subprocess.CompletedProcess:
    paths = [folder / f"{place}.json" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    command = [
        sys.executable,
        SCRIPTS / "metrics.py",
        "--metrics",
        *paths,
        "--histories",
        *histories,
        "--output",
        folder / "metrics.tsv",
    ]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_table_has_a_row_per_collection_and_empty_cells_for_what_is_missing(tmp_path):
    merged = merge(
        tmp_path,
        {"experiment": "pca", "seed": 1, "collections": {"valid": {"works": 2, "map": 0.5, "extra": 1}}},
        {
            "experiment": "brief",
            "seed": 0,
            "collections": {
                "valid": {"map": None, "histogram": {"edges": [0, 1]}},
                "test": {"map": 0.25, "other": 2.5},
            },
        },
    )
    assert merged.returncode == 0, merged.stderr
    with (tmp_path / "metrics.tsv").open(newline="") as file:
        header, *rows = csv.reader(file, dialect="excel-tab")
    required = "experiment seed kept_epoch collection works songs queries map map_low map_high mr1 mrr p_at_10 hit_at_1"
    assert header == [
        *required.split(),
        "hit_at_10",
        "roc_auc",
        "roc_auc_nearest",
        "eer",
        "accuracy",
        "brier",
        "extra",
        "other",
    ]
    assert [[*row[:2], *row[3:5], row[7], *row[-2:]] for row in rows] == [
        ["pca", "1", "valid", "2", "0.5", "1", ""],
        ["brief", "0", "valid", "", "", "", ""],
        ["brief", "0", "test", "", "0.25", "", "2.5"],
    ]


def test_metrics_that_are_not_json_are_an_error_that_says_what_to_delete(tmp_path):
    merged = merge(tmp_path, '{"experiment": "pca", "se')
    assert merged.returncode == 1
    assert "0.json: not JSON" in merged.stderr
    assert "Remedy: delete it" in merged.stderr
    assert "Traceback" not in merged.stderr
    assert not (tmp_path / "metrics.tsv").exists()


def test_a_model_that_kept_epoch_0_is_told_from_a_trained_one_and_from_what_takes_no_epochs(tmp_path):
    maps = {"untrained/1": [0.5, 0.4], "trained/1": [0.5, 0.6, 0.7, 0.1], "baseline/1": []}
    for name, valid_maps in maps.items():
        (tmp_path / name).parent.mkdir()
        rows = [f"{epoch}\t{valid_map}\n" for epoch, valid_map in enumerate(valid_maps)]
        (tmp_path / name).write_text("".join(["epoch\tvalid_map\n", *rows]))
    names = [*maps, "aligned/1"]
    merged = merge(
        tmp_path,
        *({"experiment": name[:-2], "seed": 1, "collections": {"test": {"map": 0.5}}} for name in names),
        histories=[f"{name}={tmp_path / name}" for name in maps],
    )
    assert merged.returncode == 0, merged.stderr
    with (tmp_path / "metrics.tsv").open(newline="") as file:
        table = list(csv.DictReader(file, dialect="excel-tab"))
    assert [row["kept_epoch"] for row in table] == ["0", "2", "", ""]


def test_a_damaged_history_is_refused_by_name(tmp_path):
    path = tmp_path / "history.tsv"
    write_history(path, [dict(zip(HISTORY, (0, None, 0.5, 0.1, 1.0), strict=True))])
    path.write_text(path.read_text().replace("0.5", "0.4"))
    merged = merge(
        tmp_path, {"experiment": "a", "seed": 1, "collections": {"test": {}}}, histories=[f"a/1={path}"]
    )
    assert merged.returncode == 1
    assert "history.tsv: damaged" in merged.stderr
