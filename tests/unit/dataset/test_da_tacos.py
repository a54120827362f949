"""The songs of a data set are found from the names of its folders and files alone."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import corpus
from coversim.dataset.da_tacos import KINDS, Layout, recognise, walk
from coversim.errors import CoversimError

WORKS = {"W_1": ["P_1", "P_2"], "W_2": ["P_3"]}
PERFORMANCES = [("W_1", "P_1"), ("W_1", "P_2"), ("W_2", "P_3")]


def names(songs):
    return [(song.work, song.performance) for song in songs]


def found(root):
    return walk(root, recognise(root))


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def per_feature(tmp_path):
    return corpus.write_corpus(tmp_path / "data", WORKS, seconds=1)


@pytest.fixture
def single(tmp_path):
    return corpus.write_corpus(tmp_path / "data", WORKS, layout="single", seconds=1)


def test_per_feature_folders_are_recognised(per_feature):
    assert recognise(per_feature) == Layout("per-feature", "toy", ("crema", "hpcp"))


def test_single_files_are_recognised_and_may_hold_every_feature(single):
    assert recognise(single) == Layout("single", "toy", ("crema", "hpcp", "cens", "mfcc"))


@pytest.mark.parametrize("layout", KINDS)
def test_all_songs_are_found_in_order(tmp_path, layout):
    corpus.write_corpus(tmp_path, dict(reversed(WORKS.items())), layout=layout, seconds=1)
    songs, problems = found(tmp_path)
    assert names(songs) == PERFORMANCES
    assert problems == []


@pytest.mark.parametrize("layout", KINDS)
def test_each_file_is_listed_with_its_size_and_time(tmp_path, layout):
    corpus.write_corpus(tmp_path, WORKS, layout=layout, seconds=1)
    songs, _ = found(tmp_path)
    for song in songs:
        for feature, file in song.files.items():
            status = (tmp_path / file.path).stat()
            assert file == (file.path, status.st_size, status.st_mtime_ns)
            assert tmp_path / file.path == corpus.song_path(
                tmp_path, song.work, song.performance, feature, layout
            )


def test_a_song_may_lack_a_feature(per_feature):
    corpus.song_path(per_feature, "W_1", "P_2", "hpcp", "per-feature").unlink()
    songs, problems = found(per_feature)
    assert [sorted(song.files) for song in songs] == [["crema", "hpcp"], ["crema"], ["crema", "hpcp"]]
    assert problems == []


def test_folders_of_keys_beats_and_tags_are_no_features(per_feature):
    touch(per_feature / "da-tacos_toy_subset_madmom" / "W_1_madmom" / "P_1_madmom.h5")
    touch(per_feature / "da-tacos_other_subset_tags" / "W_1_tags" / "P_1_tags.h5")
    assert recognise(per_feature).subset == "toy"
    assert recognise(per_feature).features == ("crema", "hpcp")


def test_the_genuine_song_is_found():
    if not corpus.REAL.is_dir():
        pytest.skip("the genuine files lie beside the repository, not in it")
    songs, problems = found(corpus.REAL)
    assert recognise(corpus.REAL) == Layout("per-feature", "coveranalysis", ("crema", "hpcp", "cens", "mfcc"))
    assert names(songs) == [("W_163992", "P_547131")]
    assert sorted(songs[0].files) == ["cens", "crema", "hpcp", "mfcc"]
    assert problems == []


def test_what_is_ambiguous_has_to_be_named(per_feature):
    corpus.write_corpus(per_feature, {"W_9": ["P_9"]}, ["cens"], subset="other", seconds=1)
    with pytest.raises(CoversimError, match=r"more than one subset.*datasets\.train\.subset.*other, toy"):
        recognise(per_feature)
    assert recognise(per_feature, subset="other") == Layout("per-feature", "other", ("cens",))


def test_two_layouts_of_one_subset_are_ambiguous(per_feature):
    corpus.write_corpus(per_feature, WORKS, layout="single", seconds=1)
    with pytest.raises(CoversimError, match=r"more than one layout.*x\.layout.*per-feature, single"):
        recognise(per_feature, key="x")
    assert recognise(per_feature, layout="single").kind == "single"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"subset": "benchmark"}, r"no subset 'benchmark'.*datasets\.train\.subset.*toy"),
        ({"layout": "single"}, r"no layout 'single'.*datasets\.train\.layout.*per-feature"),
        ({"features": ["hpcp", "cens"]}, r"no feature 'cens'.*datasets\.train\.features.*crema, hpcp"),
    ],
)
def test_what_is_named_must_be_there(per_feature, wrong, message):
    with pytest.raises(CoversimError, match=message):
        recognise(per_feature, **wrong)


def test_messages_may_name_other_settings(per_feature):
    names = dict.fromkeys(("root", "subset", "layout", "features"), "argument")
    for place, wrong in (
        (per_feature, {"subset": "x"}),
        (per_feature, {"layout": "single"}),
        (per_feature, {"features": ["cens"]}),
        (per_feature / "nowhere", {}),
        (per_feature.parent.parent, {}),
    ):
        with pytest.raises(CoversimError, match="Remedy: set argument to"):
            recognise(place, names=names, **wrong)


def test_named_features_are_taken_in_their_order(per_feature):
    assert recognise(per_feature, features=["hpcp", "crema"]).features == ("hpcp", "crema")
    assert recognise(per_feature, features=["hpcp"]).features == ("hpcp",)


@pytest.mark.parametrize(
    "make", [Path.mkdir, Path.touch, lambda path: None], ids=["empty", "file", "missing"]
)
def test_a_root_that_holds_no_data_set_is_named_with_the_remedy(tmp_path, make):
    make(tmp_path / "data")
    with pytest.raises(CoversimError, match=r"data: .*Remedy: set datasets\.train\.root"):
        recognise(tmp_path / "data")


@pytest.mark.parametrize("layout", KINDS)
@pytest.mark.parametrize("further", ["down", "up"])
def test_a_data_set_one_folder_further_down_or_up_is_named(tmp_path, layout, further):
    data = corpus.write_corpus(tmp_path / "data" / "da-tacos", WORKS, layout=layout, seconds=1)
    root = data.parent if further == "down" else next(data.iterdir())
    with pytest.raises(
        CoversimError,
        match=f"{root}: the data set lies .*further {further}. Remedy: set datasets.train.root to {data}$",
    ):
        recognise(root)


def test_works_that_were_unpacked_without_their_folder_are_named(tmp_path):
    touch(tmp_path / "W_1_hpcp" / "P_1_hpcp.h5")
    with pytest.raises(
        CoversimError,
        match=r"W_1_hpcp is a work's. Remedy: move .* into a folder da-tacos_<subset>_subset_hpcp",
    ):
        recognise(tmp_path)


@pytest.mark.parametrize("layout", KINDS)
@pytest.mark.parametrize("wrapper", ["da-tacos_toy_subset_crema", "unpacked"])
def test_works_one_folder_too_deep_are_named(tmp_path, layout, wrapper):
    corpus.write_corpus(tmp_path, WORKS, ["crema"], layout=layout, seconds=1)
    [folder] = tmp_path.iterdir()
    folder.rename(tmp_path / "works")
    folder.mkdir()
    (tmp_path / "works").rename(folder / wrapper)
    with pytest.raises(
        CoversimError,
        match=rf"{folder.name}/{wrapper}: songs lie one folder further down, in W_\d\w*\. "
        f"Remedy: move the folders of works up, so that each lies in {folder.name}$",
    ):
        found(tmp_path)


def test_one_feature_that_lies_too_deep_is_a_problem(per_feature):
    folder = per_feature / "da-tacos_toy_subset_hpcp"
    folder.rename(per_feature / "works")
    folder.mkdir()
    (per_feature / "works").rename(folder / folder.name)
    songs, [problem] = found(per_feature)
    assert [sorted(song.files) for song in songs] == [["crema"]] * 3
    assert "songs lie one folder further down" in problem.reason


def test_a_data_set_without_songs_is_an_error(tmp_path):
    (tmp_path / "da-tacos_toy_subset_crema" / "W_1_crema").mkdir(parents=True)
    with pytest.raises(
        CoversimError, match=r"no song in da-tacos_toy_subset_crema.*Remedy: unpack .* <work>_crema/"
    ):
        found(tmp_path)


def test_performances_of_two_works_may_be_called_the_same(per_feature):
    corpus.write_song(per_feature, "W_2", "P_1", corpus.song_arrays(seconds=1))
    songs, problems = found(per_feature)
    assert {("W_1", "P_1"), ("W_2", "P_1")} <= set(names(songs))
    paths = {name: song.files["crema"].path for name, song in zip(names(songs), songs, strict=True)}
    assert paths["W_1", "P_1"] != paths["W_2", "P_1"]
    assert problems == []


@pytest.mark.parametrize("layout", KINDS)
def test_names_of_any_letters_survive(tmp_path, layout):
    works = {"W 1": ["P 'a' \"b\""], "-W": ["--help"], "Ünïcødé 曲": ["é\u0301"], "W\n2\t": ["P;$(x)|&\r"]}
    corpus.write_corpus(tmp_path, works, ["crema"], layout, seconds=1)
    songs, problems = found(tmp_path)
    assert {(work, performance) for work in works for performance in works[work]} == set(names(songs))
    assert problems == []


def test_hidden_files_and_files_that_are_no_songs_are_ignored(per_feature):
    folder = per_feature / "da-tacos_toy_subset_crema"
    for name in (".DS_Store", "W_1_crema/._P_1_crema.h5", "W_1_crema/notes.txt", "README", ".hidden/P_1.h5"):
        touch(folder / name)
    songs, problems = found(per_feature)
    assert names(songs) == PERFORMANCES
    assert problems == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("W_7/P_7_crema.h5", "does not end in '_crema'"),
        ("_crema/P_7_crema.h5", "does not end in '_crema' after an identifier"),
        ("W_1_crema/P_7.h5", "does not end in '_crema.h5'"),
        ("W_1_crema/_crema.h5", "does not end in '_crema.h5' after an identifier"),
        ("W_1_crema/P_7_crema.h5/x", "not a file"),
        (b"W_\xff_crema/P_7_crema.h5", "not UTF-8"),
        (b"W_1_crema/P_\xff_crema.h5", "not UTF-8"),
    ],
)
def test_an_entry_with_a_wrong_name_is_a_problem_of_its_own(per_feature, name, reason):
    touch(per_feature / "da-tacos_toy_subset_crema" / os.fsdecode(name))
    songs, [problem] = found(per_feature)
    assert names(songs) == PERFORMANCES
    assert reason in problem.reason
    assert "da-tacos_toy_subset_crema/" in problem.reason
    "".join(problem).encode("utf-8")


def test_a_subset_whose_name_is_not_utf_8_is_refused(per_feature):
    (per_feature / os.fsdecode(b"da-tacos_\xff_subset_crema")).mkdir()
    with pytest.raises(
        CoversimError, match=r"da-tacos_\\udcff_subset_crema is not UTF-8\. Remedy: rename it"
    ):
        recognise(per_feature)


def test_each_folder_is_listed_once_so_that_the_walk_grows_with_the_songs(per_feature, monkeypatch):
    folders = [per_feature, *(path for path in per_feature.rglob("*") if path.is_dir())]
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(str(folder)) or scandir(folder))
    walk(per_feature, recognise(per_feature))
    assert sorted(listed) == sorted(map(str, folders))


def test_links_are_followed_inside_the_data_set_only(per_feature, tmp_path):
    folder = per_feature / "da-tacos_toy_subset_crema" / "W_2_crema"
    (folder / "P_4_crema.h5").symlink_to(folder / "P_3_crema.h5")
    (folder / "P_5_crema.h5").symlink_to(touch(tmp_path / "outside.h5"))
    (folder / "P_6_crema.h5").symlink_to("P_6_crema.h5")
    (folder.parent / "W_3_crema").symlink_to(tmp_path)
    (folder.parent / "W_4_crema").symlink_to("nowhere")
    songs, problems = found(per_feature)
    assert names(songs) == [*PERFORMANCES, ("W_2", "P_4")]
    assert [(problem.work, problem.performance) for problem in problems] == [
        *(("W_2", "P_5"), ("W_2", "P_6"), ("W_3", ""), ("W_4", "")),
    ]
    assert "a link out of the data set" in problems[0].reason
    assert "a link out of the data set" in problems[2].reason


@pytest.mark.parametrize("place", ["work", "folder of works", "song"])
def test_a_link_in_a_circle_is_a_problem_of_its_own(per_feature, place):
    root, crema = per_feature, per_feature / "da-tacos_toy_subset_crema"
    link = {
        "work": crema / "W_9_crema",
        "folder of works": root / "da-tacos_toy_subset_cens",
        "song": next(crema.glob("W_*")) / "P_9_crema.h5",
    }[place]
    link.symlink_to(link.name)
    songs, problems = walk(root, recognise(root))
    assert len(songs) == len(walk(root, recognise(root))[0]) > 0
    assert [link.name in problem.reason for problem in problems] == [True] * (place != "folder of works")


def test_a_data_set_may_be_reached_through_a_link(per_feature, tmp_path):
    (tmp_path / "link").symlink_to(per_feature)
    assert found(tmp_path / "link") == found(per_feature)


def test_a_folder_of_a_feature_may_not_lead_out_of_the_data_set(per_feature, tmp_path):
    corpus.write_corpus(tmp_path / "other", WORKS, ["cens"], seconds=1)
    cens = "da-tacos_toy_subset_cens"
    (per_feature / cens).symlink_to(tmp_path / "other" / cens)
    with pytest.raises(CoversimError, match=f"{cens} is a link out of the data set. Remedy: "):
        found(per_feature)


def test_a_folder_that_may_not_be_read_is_a_problem():
    with tempfile.TemporaryDirectory() as folder:
        root = corpus.write_corpus(Path(folder), WORKS, seconds=1)
        root.chmod(0o755)
        (root / "da-tacos_toy_subset_crema" / "W_2_crema").chmod(0)
        with corpus.as_nobody():
            songs, [problem] = found(root)
    assert names(songs) == PERFORMANCES
    assert sorted(songs[2].files) == ["hpcp"]
    assert problem.reason == "da-tacos_toy_subset_crema/W_2_crema: Permission denied"


def test_looking_at_a_data_set_imports_nothing_but_the_standard_library():
    """The Snakefile's main process imports it, in every job."""
    program = "import sys; import coversim.dataset.da_tacos; print(*sorted(sys.modules))"
    scripts = Path(__file__).parents[3] / "scripts"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(scripts)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert not {"numpy", "h5py", "scipy", "pandas", "torch"} & set(output.split())
