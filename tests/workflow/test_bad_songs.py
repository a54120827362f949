"""Damaged and odd songs among good ones, through the whole workflow: set aside and said, or refused."""

import csv

import h5py
import pytest

import corpus
from workflow import SMALL, jobs, snakemake

TRUE_NAMES = {"Ωδή no. 1": ["it's", 'say "x"'], "-rf $(HOME)": ["a b", "P;2"]}
WORKS = {f"W_{number}": [f"P_{number}1", f"P_{number}2"] for number in range(14)} | TRUE_NAMES
DAMAGED = {
    "P_11": "truncated",
    "P_22": "not HDF5",
    "P_31": "all NaN",
    "P_42": "unknown compression",
    "P_51": "one frame",
}
RENAMED = ("P_61", "P_62", "P_71")


def configuration(root, **changes):
    train = {"root": str(root)}
    only = dict.fromkeys(("ftm2d", "pca", "brief", "sequence"))
    return (
        SMALL
        | {"datasets": {"train": train}, "experiments": only, "split": {"valid": 0.3, "test": 0.3}}
        | changes
    )


@pytest.fixture(scope="module")
def damaged_corpus(tmp_path_factory):
    root = corpus.write_corpus(tmp_path_factory.mktemp("data") / "né en 19“30”", WORKS, features=["crema"])
    for work, performances in WORKS.items():
        for performance in performances:
            if performance in DAMAGED:
                corpus.DAMAGES[DAMAGED[performance]](
                    corpus.song_path(root, work, performance, "crema", "per-feature")
                )
    for performance in RENAMED:
        path = corpus.song_path(root, f"W_{performance[2]}", performance, "crema", "per-feature")
        with h5py.File(path, "a") as file:
            file.attrs["label"] = "W_other"
    return root


@pytest.fixture(scope="module")
def finished(damaged_corpus, tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "run"
    return directory, snakemake(directory, config=configuration(damaged_corpus))


def set_aside(directory):
    with (directory / "results/small/set_aside.tsv").open(newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def test_bad_songs_are_set_aside_with_reason_and_remedy(finished):
    rows = set_aside(finished[0])
    assert {row["performance"] for row in rows} == {*DAMAGED}
    assert all(row["reason"] and row["remedy"] for row in rows)


def test_the_end_of_the_run_warns_of_them(finished):
    assert "WARNING: 5 songs were set aside" in finished[1].stdout
    assert " 1 × crema: cut off before its end\n" in finished[1].stdout


def test_that_folders_and_file_names_count_is_said_once_for_the_data_set(finished):
    logs = (finished[0] / "results/small/logs").rglob("*.log")
    [line] = [line for log in logs for line in log.read_text().splitlines() if "name another" in line]
    assert "train: the files of 3 songs name another work or performance" in line


def test_the_report_lists_them(finished):
    text = (finished[0] / "results/small/report.html").read_text()
    assert all(performance in text for performance in DAMAGED)


def test_the_good_songs_are_evaluated(finished):
    with (finished[0] / "results/small/metrics.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    assert [row["collection"] for row in rows] == ["valid", "test"]
    assert all(float(row["map"]) > 0 for row in rows)


def test_songs_that_contradict_the_frame_rate_of_their_data_set_are_set_aside(tmp_path):
    root = corpus.write_corpus(tmp_path / "data", WORKS)
    for performance, feature in (("P_11", "crema"), ("P_22", "hpcp")):
        arrays = corpus.song_arrays(features=[feature])
        halved = arrays[feature][:, ::2] if feature == "crema" else arrays[feature][::2]
        path = corpus.song_path(root, f"W_{performance[2]}", performance, feature, "per-feature")
        path.unlink()
        corpus.write_song(root, f"W_{performance[2]}", performance, {feature: halved})
    config = configuration(root, features=["crema", "hpcp"])
    snakemake(tmp_path / "run", "set_aside.tsv", config=config)
    found = {(row["performance"], row["feature"]): row["reason"] for row in set_aside(tmp_path / "run")}
    assert found.keys() == {("P_11", "crema"), ("P_22", "crema, hpcp")}
    assert "43.07 frames per second, not of 86.13" in found["P_11", "crema"]
    assert "crema lasts 20 s and hpcp 10 s" in found["P_22", "crema, hpcp"]
    corpus.song_path(root, "W_1", "P_11", "crema", "per-feature").unlink()
    corpus.write_song(root, "W_1", "P_11", corpus.song_arrays(features=["crema"]))
    refused = snakemake(
        tmp_path / "run", "set_aside.tsv", config=config | {"on_bad_song": "fail"}, check=False
    )
    said = (tmp_path / "run/results/small/logs/set_aside.log").read_text()
    assert refused.returncode != 0
    assert "W_2 P_22: crema lasts 20 s and hpcp 10 s" in said
    assert "or set on_bad_song: set_aside" in said
    config["datasets"]["train"]["rate"] = 43.06640625
    snakemake(tmp_path / "run", "set_aside.tsv", config=config)
    of_crema = {row["performance"] for row in set_aside(tmp_path / "run") if row["feature"] == "crema"}
    assert len(of_crema) == sum(map(len, WORKS.values()))


def test_where_all_songs_are_bad_the_run_ends_with_their_reasons(tmp_path):
    root = corpus.write_corpus(tmp_path / "data", WORKS, features=["crema"], seconds=2)
    for work, (first, second) in WORKS.items():
        for performance, damage in (
            (first, "truncated"),
            (second, "all NaN" if work == "W_1" else "not HDF5"),
        ):
            corpus.DAMAGES[damage](corpus.song_path(root, work, performance, "crema", "per-feature"))
    done = snakemake(tmp_path / "run", config=configuration(root), check=False)
    assert done.returncode != 0
    assert len(set_aside(tmp_path / "run")) == 2 * len(WORKS)
    _, _, warning = done.stdout.partition("WARNING: 32 songs were set aside")
    assert "16 × crema: cut off before its end\n" in warning
    assert "15 × crema: not an HDF5 file\n" in warning
    assert "1 × crema: crema has a row without a finite value\n" in warning


def test_with_on_bad_song_fail_the_run_stops_and_names_the_song(damaged_corpus, tmp_path):
    done = snakemake(tmp_path / "run", config=configuration(damaged_corpus, on_bad_song="fail"), check=False)
    assert done.returncode != 0
    assert "Trying to restart" not in done.stdout
    logs = "".join(path.read_text() for path in (tmp_path / "run").glob("results/small/logs/fft/*.log"))
    assert "error: " in logs
    assert "on_bad_song: set_aside" in logs
    assert "Traceback" not in logs
    outputs = [path for path in (tmp_path / "run/results/small").glob("fft/**/*") if path.is_file()]
    assert all(path.suffix == ".h5" and not path.name.startswith(".") for path in outputs)


def test_more_shards_than_works_leave_empty_shards_that_harm_nothing(tmp_path):
    root = corpus.write_corpus(tmp_path / "data", WORKS, features=["crema"], seconds=12)
    done = snakemake(tmp_path / "run", "set_aside.tsv", config=configuration(root, shards=40))
    assert jobs(done)["fft"] == 40
    assert set_aside(tmp_path / "run") == []


@pytest.mark.parametrize(
    ("works", "message"),
    [
        ({}, "no folder da-tacos_"),
        ({"W_1": ["P_1"], "W_2": ["P_2"]}, "no work has two songs"),
        ({"W_1": ["P_1", "P_2"]}, "it needs two works"),
    ],
)
def test_a_data_set_from_which_nothing_can_be_learned_is_refused(tmp_path, works, message):
    root = tmp_path / "data"
    root.mkdir()
    corpus.write_corpus(root, works, features=["crema"], seconds=2)
    done = snakemake(tmp_path / "run", "-n", config=configuration(root), check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Remedy" in done.stdout
    assert "Traceback" not in done.stdout
