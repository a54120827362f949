"""The command line: what it answers, and how it says what is wrong."""

import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import h5py
import pandas as pd
import pytest
import resvg_py

from coversim import Metric
from coversim.dataset.features import FRAME_RATE
from coversim.metric.catalogue.catalogue import CANDIDATES
from coversim.metric.commands.main import main
from coversim.metric.commands.search import FOUND_COLUMNS
from metric_files import CALIBRATION, path_of

ROOT = Path(__file__).parents[3]


@pytest.fixture
def call(capsys):
    """Run the command: exit status, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        try:
            status = main([str(word) for word in words])
        except SystemExit as exit:  # of argparse
            status = int(exit.code or 0)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def pair(songs) -> tuple[Path, Path]:
    """Two songs, in a folder with a space in its name; so has one of them, which is not ASCII either."""
    return path_of(songs, "W_1", "P_a"), path_of(songs, "W_1", "P_ü b")


@pytest.fixture
def folder(songs, metric_file, tmp_path, call) -> Path:
    path = tmp_path / "söngs cat"
    status, said, _ = call("catalogue", "add", path, songs, "--metric", metric_file)
    assert (status, said) == (0, f"{path}: 5 songs added, 5 in all, by vector/1 (embedding)\n")
    return path


def test_two_songs_are_compared_in_words(call, pair, metric_file):
    status, said, _ = call("compare", *pair, "--metric", metric_file)
    assert status == 0
    assert [line.split()[0] for line in said.splitlines()] == [
        *("metric", "distance", "probability", "verdict", "verdict", "match")
    ]
    assert "precision 0.900, recall 0.800" in said
    assert "no distance reaches it" in said


def test_of_several_sources_a_verdict_names_what_it_was_worth_on_all_of_them(
    call, pair, metric_file, tmp_path
):
    measured = {"precision": 0.7, "recall": 0.6, "accuracy": 0.7}
    points = {"best_accuracy": {"threshold": 0.75, "test": measured, "test/one": measured | {"recall": 0.1}}}
    known = Metric.load(metric_file)
    Metric(known.kind, CALIBRATION | {"operating_points": points}).save(tmp_path / "metric.pt")
    words, answer = (
        call("compare", *pair, "--metric", tmp_path / "metric.pt", *more)[1] for more in ((), ["--json"])
    )
    assert "test pairs: precision 0.700, recall 0.600)" in words
    assert json.loads(answer)["verdicts"]["best_accuracy"]["test/one"]["recall"] == 0.1


def test_and_as_json(call, pair, metric_file):
    status, said, _ = call("compare", *pair, "--metric", metric_file, "--json", "--prior", "0.2")
    answer = json.loads(said)
    assert status == 0
    assert answer["first"] == str(pair[0])
    assert answer["prior"] == 0.2
    assert answer["verdicts"]["best_accuracy"]["cover"] == (answer["distance"] <= 0.75)
    assert answer["verdicts"]["high_precision"]["cover"] is None


def test_and_drawn(call, pair, metric_file, tmp_path):
    assert call("compare", pair[0], pair[0], "--metric", metric_file, "--plot", tmp_path / "it.svg")[0] == 0
    picture = ET.parse(tmp_path / "it.svg").getroot()
    tags = [element.tag.rpartition("}")[2] for element in picture.iter()]
    assert (tags.count("image"), tags.count("polyline")) == (3, 1)
    texts = "".join(picture.itertext())
    assert "P_a and P_a" in texts
    assert {"C", "B"} <= {element.text for element in picture.iter()}  # the ends of the chromagram
    assert "covers with probability" in texts
    status, _, said = call("compare", *pair, "--metric", metric_file, "--plot", tmp_path / "it.pdf")
    assert status == 1
    assert "Remedy: name it .svg or .png" in said


def test_names_of_songs_fit_into_the_picture(call, pair, metric_file, tmp_path):
    long = tmp_path / f"Help, I {'need ' * 30}somebody.h5"
    long.write_bytes(pair[0].read_bytes())
    assert call("compare", long, pair[1], "--metric", metric_file, "--plot", tmp_path / "it.svg")[0] == 0
    texts = [text for text in ET.parse(tmp_path / "it.svg").getroot().itertext() if text.strip()]
    assert max(map(len, texts[2:])) < 110
    assert "Help, I need need …" in texts[2]
    assert texts[4].startswith(("0:", "no passage"))
    assert texts[5].startswith(("in the same key", "which is")) or texts[4] == "no passage in common"


def test_a_picture_holds_what_xml_may_hold(call, pair, metric_file, tmp_path):
    for name in ("ctl\x01.h5", os.fsdecode(b"bad\xff.h5")):
        (tmp_path / name).write_bytes(pair[0].read_bytes())
        plot = ("--plot", tmp_path / "it.svg")
        assert call("compare", tmp_path / name, pair[1], "--metric", metric_file, *plot)[0] == 0
        assert f"{name[:3]}� and P_ü b" in "".join(ET.parse(tmp_path / "it.svg").getroot().itertext())


def test_and_drawn_as_png(call, pair, metric_file, tmp_path, monkeypatch):
    assert call("compare", *pair, "--metric", metric_file, "--plot", tmp_path / "it.png")[0] == 0
    content = (tmp_path / "it.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (1540, 1636)
    assert call("compare", *pair, "--metric", metric_file, "--plot", tmp_path / "it.svg")[0] == 0
    words_alone = re.sub(r"<(rect|image|path|polyline)[^>]*>", "", (tmp_path / "it.svg").read_text())
    empty = re.sub(r"<text.*?</text>", "", words_alone)
    assert resvg_py.svg_to_bytes(svg_string=words_alone) != resvg_py.svg_to_bytes(
        svg_string=empty
    )  # has fonts
    monkeypatch.setitem(sys.modules, "resvg_py", None)  # as if it were not installed
    status, _, said = call("compare", *pair, "--metric", metric_file, "--plot", tmp_path / "other.png")
    assert status == 1
    assert "Remedy: pip install resvg-py" in said
    assert not (tmp_path / "other.png").exists()


def test_the_results_of_a_run_stand_for_its_first_experiment(call, pair, metric_file, tmp_path):
    lines = ["experiment\tseed\tcollection\tmap"]
    for run, value in (("first/1", 0.7), ("first/2", 0.8), ("other/1", 0.75)):
        folder = tmp_path / "models" / run
        folder.mkdir(parents=True)
        (folder / "metric.pt").write_bytes(metric_file.read_bytes())
        experiment, seed = run.split("/")
        lines += [f"{experiment}\t{seed}\t{split}\t{value}" for split in ("valid", "test")]

    def said(*more):
        (tmp_path / "metrics.tsv").write_text("\n".join([*lines, *more]) + "\n")
        status, _, said = call("compare", *pair, "--metric", tmp_path)
        assert status == 0
        return said

    assert "models/first/2/metric.pt (validation MAP 0.800)" in said()
    (tmp_path / "metrics.tsv").write_text("experiment\tmap\nfirst\t0.7\n")
    status, _, wrong = call("compare", *pair, "--metric", tmp_path)
    assert (status, "metrics.tsv: not the table of a run" in wrong) == (1, True)
    (tmp_path / "models/first/2/metric.pt").unlink()
    assert "models/first/1/metric.pt (validation MAP 0.700; first has 0.800 and no metric.pt." in said()
    (tmp_path / "models/first/1/metric.pt").unlink()
    with_qmax = said("qmax\t1\tvalid\t0.99")  # which has no model
    assert "models/other/1/metric.pt (validation MAP 0.750; qmax has 0.990 and no metric.pt." in with_qmax
    assert "search --rerank" in with_qmax


def test_an_experiment_that_is_better_than_the_first_is_named(call, pair, metric_file, tmp_path):
    lines = ["experiment\tseed\tcollection\tmap"]
    for experiment, value in (("first", 0.7), ("better", 0.8)):
        folder = tmp_path / "models" / experiment / "1"
        folder.mkdir(parents=True)
        (folder / "metric.pt").write_bytes(metric_file.read_bytes())
        lines.append(f"{experiment}\t1\tvalid\t{value}")
    (tmp_path / "metrics.tsv").write_text("\n".join(lines) + "\n")
    said = call("compare", *pair, "--metric", tmp_path)[2]
    assert "models/first/1/metric.pt (validation MAP 0.700; better has 0.800)" in said
    assert Metric.load(tmp_path).same_as(Metric.load(metric_file))


def test_what_is_found_is_a_table_where_nobody_looks(call, folder, pair, songs):
    status, said, _ = call("search", pair[0], "--catalogue", folder, "--top", "2")
    header, *rows = [line.split("\t") for line in said.splitlines()]
    assert status == 0
    assert header == list(FOUND_COLUMNS)
    assert [row[1] for row in rows] == ["1", "2"]
    assert all(row[0] == str(pair[0]) for row in rows)
    status, said, _ = call("search", songs, "--catalogue", folder, "--top", "1")
    assert len(said.splitlines()) == 1 + 5


def test_the_first_songs_are_ordered_anew_if_asked(call, folder, pair):
    plain, anew = (
        call("search", pair[0], "--catalogue", folder, *more)[1].splitlines()
        for more in ((), ("--rerank", "4"))
    )
    assert len(anew) == 5
    without_rank = [[tuple(line.split("\t")[2:]) for line in lines] for lines in (plain, anew)]
    assert set(without_rank[0]) == set(without_rank[1])


def test_help_says_how_many_candidates_there_are(call):
    assert f"({CANDIDATES})" in call("search", "--help")[1]


def test_what_is_found_is_aligned_on_a_terminal(call, folder, pair, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    status, said, _ = call("search", pair[1], "--catalogue", folder, "--prior", "0.000001")
    lines = said.splitlines()
    assert status == 0
    assert "Hé Jude" in said
    assert {line.index(str(place)) for place, line in enumerate(lines[3:8], start=1) if place < 5} == {0}
    assert lines[-1] == "none of them is a probable cover"


@pytest.fixture
def slower(songs, tmp_path) -> Path:
    """The songs of the data set, every second frame of them, as if another program had made them."""
    root = shutil.copytree(songs, tmp_path / "slower")
    for path in root.rglob("*_crema.h5"):
        with h5py.File(path, "r+") as file:
            half = file["crema"][:, ::2]
            del file["crema"]
            file["crema"] = half
    return root


def test_files_at_another_frame_rate_say_so_and_are_read_at_the_rate_that_is_given(
    call, folder, songs, slower, metric_file, tmp_path
):
    a, b = path_of(slower, "W_1", "P_a"), path_of(slower, "W_3", "P_d")
    status, _, said = call("compare", a, b, "--metric", metric_file)
    assert status == 1
    assert "is of 43.07 frames per second, not of 86.13. Remedy: say --rate" in said
    half = ("--rate", FRAME_RATE / 2)
    assert call("compare", a, b, "--metric", metric_file, *half)[0] == 0

    # a query at one rate, songs at another: the rate is that of the files
    of_slower = tmp_path / "slower.cat"
    assert call("catalogue", "add", of_slower, slower, "--metric", metric_file, *half)[0] == 0
    others = path_of(songs, "W_1", "P_a")
    for words in ((a, "--catalogue", folder, *half), (others, "--catalogue", of_slower)):
        status, said, _ = call("search", *words, "--json", "--top", 5, "--rerank", 5)
        first, second, *_ = json.loads(said)["found"]
        assert (status, first["performance"]) == (0, "P_a")
        assert first["distance"] < 0.2 * second["distance"]
        assert (first["query_to"], first["tempo"]) == pytest.approx((first["song_to"], 1), abs=1)
    assert ": 0 songs added" in call("catalogue", "add", of_slower, slower)[1]  # their rate is known
    found = [
        json.loads(call("search", a, "--catalogue", of_slower, "--json", *rate)[1])["found"]
        for rate in ((), half)
    ]
    assert found[0] == found[1] != []
    status, said, wrong = call("catalogue", "add", of_slower, slower, "--rate", FRAME_RATE)
    assert (status, wrong.count("left out"), said.count("0 songs added, 5 in all")) == (1, 5, 1)


@pytest.mark.parametrize("rate", ["0", "-1", "inf", "fast"])
def test_a_frame_rate_is_a_number_above_0(rate, call, pair, metric_file):
    assert call("compare", *pair, "--metric", metric_file, "--rate", rate)[0] == 2


@pytest.mark.parametrize("broken", ["song", "metric", "folder", "list"])
def test_a_catalogue_into_which_nothing_came_is_not_made(
    broken, call, songs, metric_file, tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"no HDF5")
    (tmp_path / "empty").mkdir()
    song = {"song": bad, "metric": songs, "folder": tmp_path / "empty", "list": "-"}[broken]
    metric = bad if broken == "metric" else metric_file
    status, said, wrong = call("catalogue", "add", tmp_path / "new.cat", song, "--metric", metric)
    assert (status, said) == (1, "")
    assert re.search("Remedy: (?!make one)", wrong.splitlines()[-1])
    assert not (tmp_path / "new.cat").exists()


def test_titles_that_cannot_be_read_leave_out_no_song(call, songs, metric_file, tmp_path):
    damaged = shutil.copytree(songs, tmp_path / "damaged")
    next(damaged.rglob("*_metadata.json")).write_text("{")
    cat = tmp_path / "songs.cat"
    status, said, wrong = call("catalogue", "add", cat, damaged, songs, "--metric", metric_file)
    assert (status, wrong.count("no titles: "), said.count("10 songs added, 10 in all")) == (0, 1, 1)
    for path in sorted(songs.rglob("*_crema.h5")):  # each is what its own file holds
        _, said, _ = call(
            "search", damaged / path.relative_to(songs), "--catalogue", cat, "--json", "--top", 1
        )
        (first,) = json.loads(said)["found"]
        assert (first["path"], first["distance"]) == (str(path), pytest.approx(0, abs=1e-3))


def test_songs_come_from_standard_input_too(call, folder, pair, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{pair[0]}\n\n{pair[1]}\n"))
    status, said, _ = call("search", "-", "--catalogue", folder, "--json")
    answers = [json.loads(line) for line in said.splitlines()]
    assert status == 0
    assert [answer["query"] for answer in answers] == list(map(str, pair))
    assert all(len(answer["found"]) == 4 for answer in answers)


def test_songs_come_as_find_separates_them_too(call, folder, pair, monkeypatch):
    """By NUL, since names may hold anything else."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{path}\0" for path in (*pair, "a\nb.h5"))))
    status, said, wrong = call("search", "-", "--catalogue", folder, "--json")
    assert [json.loads(line)["query"] for line in said.splitlines()] == list(map(str, pair))
    assert (status, "a\nb.h5: no such file" in wrong) == (1, True)


def test_a_query_that_cannot_be_read_does_not_stop_the_others(call, folder, pair, tmp_path):
    status, said, wrong = call("search", tmp_path / "gone.h5", pair[0], "--catalogue", folder, "--json")
    assert status == 1
    assert len(said.splitlines()) == 1
    assert "gone.h5: no such file" in wrong


def test_songs_are_listed_and_removed_by_name_or_folder(call, folder, songs, pair):
    assert len(call("catalogue", "list", folder)[1].splitlines()) == 6
    assert call("catalogue", "remove", folder, "P_ü b")[1] == f"{folder}: 1 song removed, 4 in all\n"
    assert call("catalogue", "remove", folder, path_of(songs, "W_3", "P_d").parent)[0] == 0
    left = [
        json.loads(line)["performance"]
        for line in call("catalogue", "list", folder, "--json")[1].splitlines()
    ]
    assert left == ["P_a", "P_c"]
    status, _, said = call("catalogue", "remove", folder, "nobody")
    assert status == 1
    assert "Remedy" in said
    hpcp = path_of(songs, "W_1", "P_a", "hpcp")  # which stands for the song as its crema does
    status, said, wrong = call("catalogue", "remove", folder, hpcp, "nobody")
    assert (status, said, wrong) == (1, f"{folder}: 1 song removed, 1 in all\n", "not there: nobody\n")


def test_a_catalogue_is_exported(call, folder, tmp_path):
    output = tmp_path / "songs.parquet"
    assert call("catalogue", "export", folder, "--to", "parquet", "--output", output) == (
        0,
        f"{output}: 5 songs\n",
        "",
    )
    assert len(pd.read_parquet(output)) == 5


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "gone.h5", "gone.h5", "--metric", "METRIC"),
        ("compare", "gone.h5", "gone.h5", "--metric", "gone.pt"),
        ("search", "gone.h5", "--catalogue", "gone.cat"),
        ("catalogue", "add", "new.cat", "gone.h5"),
        ("catalogue", "list", "gone.cat"),
        ("compare", ".", "gone.h5", "--metric", "METRIC"),
    ],
)
def test_what_is_wrong_is_one_message_with_its_remedy(words, call, metric_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, said, wrong = call(*(str(metric_file) if word == "METRIC" else word for word in words))
    assert (status, said) == (1, "")
    assert wrong.startswith("error: ")
    assert "Remedy: " in wrong
    assert "Traceback" not in wrong


def test_a_file_that_cannot_be_written_is_named(call, folder, pair, metric_file, tmp_path):
    (tmp_path / "file").touch()
    picture, table = tmp_path / "file" / "it.svg", tmp_path / "taken.parquet"
    table.mkdir()
    status, _, said = call("compare", *pair, "--metric", metric_file, "--plot", picture)
    assert (status, said.count("\n")) == (1, 1)
    assert str(tmp_path / "file") in said
    assert "Remedy: " in said
    status, _, said = call("catalogue", "export", folder, "--to", "parquet", "--output", table)
    assert (status, said.startswith(f"error: {table}: ")) == (
        1,
        True,
    )  # not the name under which it was being written
    assert "Remedy: " in said


OF_THE_WORKFLOW = (
    "pandas",
    "pyarrow",
    "sklearn",
    "threadpoolctl",
    "faiss",
    "resvg_py",
    "yaml",
    "jsonschema",
    "psutil",
)


def test_asking_takes_no_packages_but_those_that_the_project_names(pair, songs, metric_file, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not set(OF_THE_WORKFLOW) & set(project["dependencies"])
    commands = [
        ("compare", *pair, "--metric", metric_file, "--plot", tmp_path / "it.svg"),
        ("catalogue", "add", tmp_path / "cat", songs, "--metric", metric_file),
        ("search", pair[0], "--catalogue", tmp_path / "cat", "--rerank", "2"),
    ]
    program = f"""
import sys
sys.modules.update(dict.fromkeys({OF_THE_WORKFLOW}))  # as if they were not installed
sys.path.insert(0, {str(ROOT / "scripts")!r})
from coversim.metric.commands.main import main
for words in {[list(map(str, words)) for words in commands]}:
    assert main(words) == 0
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("search",), ("compare", "a", "b", "--metric", "m", "--prior", "2"), ()])
def test_a_wrong_command_line_is_status_2(words, call):
    status, _, said = call(*words)
    assert status == 2
    assert "usage: coversim" in said


@pytest.mark.parametrize("command", [(), ("compare",), ("search",), ("catalogue",), ("catalogue", "add")])
def test_help_teaches_by_example(command, call):
    status, said, _ = call(*command, "--help")
    assert status == 0
    assert "examples:\n  coversim " in said
