"""The rule `fft`: from the files of a shard's songs to their frames, whatever the files are like."""

import resource
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import corpus
from coversim.dataset.catalogue import DataSet, catalogue_files, write_if_changed
from coversim.dataset.da_tacos import recognise, walk
from coversim.dataset.features import FEATURES
from coversim.errors import CoversimError
from coversim.features.shard import listed
from coversim.storage import frames

SCRIPT = Path(__file__).parents[3] / "scripts" / "fft.py"


def catalogue(folder, root):
    """Write the manifests of all songs below `root`, and the summary, as the catalogue does."""
    layout = recognise(root)
    songs, problems = walk(root, layout)
    data_set = DataSet(str(root), layout, None, songs, problems, {song.work: "train" for song in songs})
    for path, text in catalogue_files(data_set, folder, FEATURES, shards=1):
        write_if_changed(path, text)


def manifest(folder, feature="crema"):
    return folder / "manifests" / feature / "0000.tsv"


def fft(folder, *options, feature="crema", limit=None):
    """Run the script on the catalogue in `folder`; its output goes there too."""
    command = [
        sys.executable,
        SCRIPT,
        "--manifest",
        manifest(folder, feature),
        "--summary",
        folder / "summary.json",
    ]
    output = folder / "fft" / "0000.h5"
    return output, subprocess.run(
        [*command, "--feature", feature, "--output", output, *(options or ("--rate", "4"))],
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


def shard(folder, *options, feature="crema"):
    output, job = fft(folder, *options, feature=feature)
    assert job.returncode == 0, job.stderr
    return frames.read(output), job.stderr


@pytest.fixture
def root(tmp_path):
    root = corpus.write_corpus(tmp_path / "data", {"W_1": ["P_1", "P_2"], "W 2 'ü'": ['P\t3\n"x"']})
    catalogue(tmp_path, root)
    return root


@pytest.mark.skipif(not corpus.REAL.is_dir(), reason="the genuine files lie beside the repository, not in it")
@pytest.mark.parametrize("feature", FEATURES)
def test_the_genuine_song_goes_through(tmp_path, feature):
    catalogue(tmp_path, corpus.REAL)
    result, log = shard(tmp_path, feature=feature)
    assert (result.works, result.performances) == (["W_163992"], ["P_547131"])
    assert result.set_aside == []
    assert result.repaired == [1651 if feature == "mfcc" else 0]
    [values] = result.frames([0])
    assert values.shape == (FEATURES[feature].rows, 705 if feature == "mfcc" else 707)
    assert np.isfinite(values).all()
    assert f"{feature}: 1 songs, 0 set aside" in log


@pytest.mark.parametrize("layout", ["per-feature", "single"])
def test_songs_of_both_layouts_go_through_at_a_rate_and_at_a_number_of_frames(tmp_path, layout):
    catalogue(
        tmp_path, corpus.write_corpus(tmp_path / "data", {"W_1": ["P_1"], "W_2": ["P_2"]}, layout=layout)
    )
    at_rate, _ = shard(tmp_path, "--rate", "2")
    assert (at_rate.feature, at_rate.rate) == ("crema", 2)
    assert [values.shape for values in at_rate.frames([0, 1])] == [(12, 40)] * 2
    fixed, _ = shard(tmp_path, "--frames", "256")
    assert fixed.rate == 0
    assert [values.shape for values in fixed.frames([0, 1])] == [(12, 256)] * 2


def test_odd_names_survive(tmp_path, root):
    corpus.write_song(root, "W\r9", "P\r\n9\r", corpus.song_arrays(seconds=5))
    catalogue(tmp_path, root)
    result, _ = shard(tmp_path)
    assert list(zip(result.works, result.performances, strict=True)) == [
        *(("W\r9", "P\r\n9\r"), ("W 2 'ü'", 'P\t3\n"x"'), ("W_1", "P_1"), ("W_1", "P_2")),
    ]


def test_each_bad_song_is_set_aside_and_the_others_go_on(tmp_path, root):
    for damage in corpus.DAMAGES:
        corpus.write_song(root, "W_3", damage, corpus.song_arrays(seconds=5))
    catalogue(tmp_path, root)
    for damage, spoil in corpus.DAMAGES.items():
        spoil(corpus.song_path(root, "W_3", damage, "crema", "per-feature"))
    result, log = shard(tmp_path)
    assert sorted(result.performances) == ['P\t3\n"x"', "P_1", "P_2"]
    assert sorted(bad.performance for bad in result.set_aside) == sorted(corpus.DAMAGES)
    for bad in result.set_aside:
        assert bad.work == "W_3"
        assert bad.reason.startswith(f"{bad.performance}_crema.h5: ")
        assert f"W_3 {bad.performance} set aside: {bad.reason}. Remedy: {bad.remedy}" in log
    assert f"3 songs, {len(corpus.DAMAGES)} set aside" in log


def test_songs_whose_files_name_another_are_taken_and_marked(tmp_path, root):
    assert shard(tmp_path)[0].misnamed == [False] * 3
    for performance in ("P_1", "P_2"):
        with h5py.File(corpus.song_path(root, "W_1", performance, "crema", "per-feature"), "a") as file:
            file.attrs["label"] = np.bytes_("W_other")
    result, _ = shard(tmp_path)
    assert result.works == ["W 2 'ü'", "W_1", "W_1"]
    assert result.misnamed == [False, True, True]


def test_a_song_without_a_file_of_the_feature_is_set_aside(tmp_path, root):
    corpus.song_path(root, "W_1", "P_1", "crema", "per-feature").unlink()
    catalogue(tmp_path, root)
    result, _ = shard(tmp_path)
    assert [bad.performance for bad in result.set_aside] == ["P_1"]
    assert result.set_aside[0].reason == "no crema file"
    assert shard(tmp_path, feature="hpcp")[0].set_aside == []


def test_a_bad_song_can_be_made_to_fail_the_job(tmp_path, root):
    corpus.DAMAGES["truncated"](corpus.song_path(root, "W_1", "P_1", "crema", "per-feature"))
    output, job = fft(tmp_path, "--rate", "4", "--on-bad-song", "fail")
    assert job.returncode == 1
    assert job.stderr.splitlines() == [
        f"error: {root}: W_1 P_1: P_1_crema.h5: cut off before its end. Remedy: fetch the file again, or "
        "move the file out of the data set, or set on_bad_song: set_aside"
    ]
    assert list(output.parent.iterdir()) == []


def test_a_manifest_cannot_lead_out_of_the_data_set(tmp_path, root):
    corpus.write_song(tmp_path / "elsewhere", "W_1", "P_1", subset="secret")
    inside = str(corpus.song_path(root, "W_1", "P_1", "crema", "per-feature").relative_to(root))
    outside = corpus.song_path(tmp_path / "elsewhere", "W_1", "P_1", "crema", "per-feature", "secret")
    original = manifest(tmp_path).read_text()
    for path in (str(outside), f"../elsewhere/{outside.relative_to(tmp_path / 'elsewhere')}"):
        manifest(tmp_path).write_text(original.replace(inside, path))
        [bad] = shard(tmp_path)[0].set_aside
        assert bad.reason == f"{path} leads out of the data set"


@pytest.mark.parametrize("content", ["", "nonsense\n", 'work\tperformance\n"W_1', "work\0\n"])
def test_a_damaged_manifest_is_named(tmp_path, root, content):
    manifest(tmp_path).write_text(content)
    output, job = fft(tmp_path)
    assert job.returncode == 1
    assert "0000.tsv: not a manifest" in job.stderr.splitlines()[-1]
    assert not output.exists()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_are_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "0000.tsv")
        path.write_bytes(b"work\tperformance\tpath\n" + content)
        songs = []
        with suppress(CoversimError):
            songs = list(listed(path))
    assert all(isinstance(text, str) for song in songs for text in song)


def test_an_empty_shard_is_written(tmp_path, root):
    header = manifest(tmp_path).read_text().splitlines()[0]
    manifest(tmp_path).write_text(header + "\n")
    assert shard(tmp_path)[0].works == []


def test_a_full_disk_ends_in_one_line_and_leaves_nothing(tmp_path, root):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    output, job = fft(tmp_path, limit=no_room)
    assert job.returncode == 1
    assert job.stderr.splitlines()[-1].startswith(f"error: {output}: File too large. Remedy: make room")
    assert "Traceback" not in job.stderr
    assert list(output.parent.iterdir()) == []


def test_the_data_set_is_never_written_to(tmp_path, root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    shard(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_nothing_heavy_is_imported():
    program = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import fft; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not {"torch", "pandas", "sklearn", "pyarrow"} & set(modules.split())


def test_a_song_of_another_frame_rate_is_set_aside_with_what_was_found(tmp_path):
    root = corpus.write_corpus(tmp_path / "data", {"W_1": ["P_1"]})
    arrays = corpus.song_arrays(features=["crema"])
    corpus.write_song(root, "W_1", "P_2", {"crema": np.ascontiguousarray(arrays["crema"][:, ::2])})
    catalogue(tmp_path, root)
    as_da_tacos, _ = shard(tmp_path)
    assert as_da_tacos.performances == ["P_1"]
    [song] = as_da_tacos.set_aside
    assert song.performance == "P_2"
    assert "holds each value for 4 frames, and 8 are expected" in song.reason
    half, _ = shard(tmp_path, "--rate", "4", "--frame-rate", "43.06640625")
    assert half.performances == ["P_2"]
    assert "of 86.13 frames per second, not of 43.07" in half.set_aside[0].reason
    # the same music, in the same time
    [slow], [expected] = half.frames([0]), frames_of(arrays, tmp_path / "whole")
    np.testing.assert_allclose(slow, expected, atol=1e-4)


def frames_of(arrays, folder):
    corpus.write_song(folder / "data", "W_1", "P_1", arrays)
    catalogue(folder, folder / "data")
    return list(shard(folder)[0].frames([0]))
