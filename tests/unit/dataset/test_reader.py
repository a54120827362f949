"""Genuine and damaged files of Da-TACOS are read right, or refused with a reason."""

import contextlib
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5a, h5s, h5t
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import corpus
from coversim.dataset import reader
from coversim.dataset.features import FEATURES
from coversim.dataset.reader import read_feature
from coversim.errors import BadSong

GENUINE = ("W_163992", "P_547131")
needs_genuine_files = pytest.mark.skipif(
    not corpus.REAL.is_dir(), reason="the genuine files lie beside the repository, not in it"
)


def genuine(feature):
    return corpus.song_path(corpus.REAL, *GENUINE, feature, "per-feature", "coveranalysis")


@needs_genuine_files
@pytest.mark.parametrize(
    ("feature", "shape", "nan", "inf"),
    [
        ("crema", (12, 15226), 0, 0),
        ("hpcp", (12, 15227), 0, 0),
        ("cens", (12, 15227), 0, 0),
        ("mfcc", (13, 15183), 1524, 127),
    ],
)
def test_the_features_of_the_genuine_song(feature, shape, nan, inf):
    values, *repaired, misnamed = read_feature(genuine(feature), feature, *GENUINE)
    assert values.shape == shape
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert repaired == [nan, inf]
    assert not misnamed


@needs_genuine_files
@pytest.mark.parametrize(("one", "other"), [("crema", "hpcp"), ("crema", "cens"), ("cens", "hpcp")])
def test_all_chroma_features_of_the_genuine_song_start_at_the_same_pitch_class(one, other):
    one, other = (read_feature(genuine(feature), feature).values for feature in (one, other))
    frames = min(one.shape[1], other.shape[1])
    agreement = [
        np.corrcoef(one[:, :frames].ravel(), np.roll(other[:, :frames], shift, axis=0).ravel())[0, 1]
        for shift in range(12)
    ]
    assert np.argmax(agreement) == 0


@needs_genuine_files
def test_the_genuine_crema_is_held_for_8_frames():
    values = read_feature(genuine("crema"), "crema").values
    changes = 1 + np.flatnonzero(np.diff(values).any(axis=0))
    assert set(np.diff(changes)) == {FEATURES["crema"].hold}
    assert set(changes % 8) == {5}, "every 8th frame from the first on lies in the middle of its step"


@pytest.mark.parametrize("layout", ["per-feature", "single"])
@pytest.mark.parametrize("feature", FEATURES)
def test_both_layouts_hold_the_same(tmp_path, layout, feature):
    written = corpus.song_arrays(seconds=5, features=FEATURES)
    corpus.write_song(tmp_path, "W_1", "P_1", written, layout)
    path = corpus.song_path(tmp_path, "W_1", "P_1", feature, layout)
    values = read_feature(path, feature, "W_1", "P_1").values
    expected = written[feature] if feature in ("crema", "mfcc") else written[feature].T
    np.testing.assert_array_equal(
        values, np.roll(expected, FEATURES[feature].roll, axis=0).astype(np.float32)
    )


@pytest.mark.parametrize("feature", FEATURES)
def test_frames_may_be_columns_or_rows(tmp_path, feature):
    array = corpus.song_arrays(seconds=5, features=[feature])[feature]
    paths = [
        *corpus.write_song(tmp_path, "W_1", "P_1", {feature: array}),
        *corpus.write_song(tmp_path, "W_1", "P_2", {feature: array.T}),
    ]
    one, other = (read_feature(path, feature).values for path in paths)
    np.testing.assert_array_equal(one, other)


def test_the_first_bin_of_hpcp_is_a_and_of_a_reading_c(tmp_path):
    a_major_triad = np.zeros((40, 12), np.float32)
    a_major_triad[:, [0, 4, 7]] = 1
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", {"hpcp": a_major_triad})
    pitch_classes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    sounding = np.flatnonzero(read_feature(path, "hpcp").values[:, 0])
    assert [pitch_classes[i] for i in sounding] == ["C#", "E", "A"]


def test_a_file_that_names_nobody_is_taken_at_its_place(tmp_path):
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", corpus.song_arrays(features=["crema"]))
    with h5py.File(path, "a") as file:
        del file.attrs["label"], file.attrs["track_id"]
    assert not read_feature(path, "crema", "W_1", "P_1").misnamed


@pytest.mark.parametrize("name", ["label", "track_id"])
def test_a_song_may_be_renamed_by_its_folder_and_file(tmp_path, name):
    song = corpus.song_arrays(features=["crema"])
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", song)
    with h5py.File(path, "a") as file:
        file.attrs[name] = np.bytes_("another")
    reading = read_feature(path, "crema", "W_1", "P_1")
    np.testing.assert_array_equal(reading.values, song["crema"])
    assert reading.misnamed


@pytest.mark.parametrize(
    "name", [7, np.int64(7), np.uint8(7), 7.0, np.float32(7), "7", np.bytes_("7"), np.array("7", "S9")]
)
def test_names_inside_a_file_may_be_numbers_bytes_or_text(tmp_path, name):
    [path] = corpus.write_song(tmp_path, "7", "7", corpus.song_arrays(features=["crema"]))
    with h5py.File(path, "a") as file:
        file.attrs["label"] = file.attrs["track_id"] = name
    assert not read_feature(path, "crema", "7", "7").misnamed
    assert read_feature(path, "crema", "W_7", "7").misnamed
    assert read_feature(path, "crema", "7", "P_7").misnamed


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.attrs.__setitem__("label", np.zeros(100)),
        lambda file: file.attrs.__setitem__("label", h5py.Empty("S1")),
        lambda file: file.attrs.create("label", file.ref, dtype=h5py.ref_dtype),
        lambda file: file.attrs.__setitem__("label", np.bytes_(b"W" * 10_000)),
        lambda file: h5a.create(
            file.id, b"label", h5t.UNIX_D32LE, h5s.create(h5s.SCALAR)
        ),  # a type that NumPy does not know
    ],
    ids=["array", "empty", "reference", "long text", "time"],
)
def test_what_is_no_name_inside_a_file_names_nobody(tmp_path, write):
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", corpus.song_arrays(features=["crema"]))
    with h5py.File(path, "a") as file:
        del file.attrs["label"]
        write(file)
    assert not read_feature(path, "crema", "W_1", "P_1").misnamed


def test_names_inside_a_file_may_hold_any_letters(tmp_path):
    [path] = corpus.write_song(tmp_path, "Œuvre 曲", "P\n1", corpus.song_arrays(features=["crema"]))
    assert not read_feature(path, "crema", "Œuvre 曲", "P\n1").misnamed


@settings(max_examples=40)
@given(
    values=arrays(np.float32, (12, 30), elements=st.floats(0, 1, width=32)),
    holes=arrays(np.int8, (12, 30), elements=st.integers(0, 2)),
)
def test_what_is_not_finite_is_interpolated_along_time_and_counted(values, holes):
    values[:, 0] = 1
    holes[:, [0, -1]] = 0
    damaged = np.where(holes == 1, np.nan, np.where(holes == 2, -np.inf, values))
    with tempfile.TemporaryDirectory() as folder:
        [path] = corpus.write_song(Path(folder), "W_1", "P_1", {"crema": damaged.astype(np.float32)})
        repaired, nan, inf, _ = read_feature(path, "crema")
    assert (nan, inf) == ((holes == 1).sum(), (holes == 2).sum())
    for row, hole, result in zip(values, holes, repaired, strict=True):
        for frame in range(30):
            before = max(i for i in range(frame + 1) if not hole[i])
            after = min(i for i in range(frame, 30) if not hole[i])
            share = (frame - before) / (after - before or 1)
            assert result[frame] == pytest.approx((1 - share) * row[before] + share * row[after], abs=1e-6)


def test_a_hole_at_either_end_takes_the_nearest_value(tmp_path):
    array = np.tile(np.arange(40, dtype=np.float32), (12, 1))
    array[:, :5] = np.nan
    array[:, -3:] = np.inf
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", {"crema": array})
    values, nan, inf, _ = read_feature(path, "crema")
    assert (nan, inf) == (60, 36)
    np.testing.assert_array_equal(values[0], np.clip(np.arange(40), 5, 36))


@pytest.mark.parametrize("feature", ["crema", "hpcp"])
@pytest.mark.parametrize("damage", corpus.DAMAGES)
def test_a_damaged_file_is_refused_with_a_reason_and_a_remedy(tmp_path, feature, damage):
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", corpus.song_arrays(features=[feature], seconds=5))
    read_feature(path, feature, "W_1", "P_1")
    corpus.DAMAGES[damage](path)
    with pytest.raises(BadSong) as refusal:
        read_feature(path, feature, "W_1", "P_1")
    assert refusal.value.reason.startswith(f"{path.name}: ")
    assert str(tmp_path) not in str(refusal.value), "reasons do not depend on where the data set lies"
    assert refusal.value.remedy
    assert "delete" not in refusal.value.remedy, "the file may be good"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("truncated", "cut off before its end"),
        ("not HDF5", "not an HDF5 file"),
        ("flipped bit", "damaged"),
        ("missing", "no such file"),
        ("no array", "it holds no crema"),
        ("all zero", "crema is zero throughout"),
        ("one frame", "crema has 1 frames instead of two or more"),
        ("a terabyte of zeros", "more than 2 hours of music"),
        ("external storage", "crema lies in another file"),
        ("external link", "crema is a link to elsewhere"),
        (
            "unknown compression",
            r"crema is compressed by blosc.*Remedy: where it is, repack .* h5repack -f GZIP=9",
        ),
    ],
)
def test_reasons_say_what_is_wrong(tmp_path, damage, reason):
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", corpus.song_arrays(features=["crema"], seconds=5))
    corpus.DAMAGES[damage](path)
    with pytest.raises(BadSong, match=reason):
        read_feature(path, "crema", "W_1", "P_1")


def test_a_file_that_may_not_be_read_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        [path] = corpus.write_song(Path(folder), "W_1", "P_1", corpus.song_arrays(features=["crema"]))
        Path(folder).chmod(0o755)
        path.chmod(0)
        with corpus.as_nobody(), pytest.raises(BadSong, match=r"not permitted.*Remedy: make it readable"):
            read_feature(path, "crema")


def test_a_folder_for_a_file_is_refused(tmp_path):
    with pytest.raises(BadSong, match="not an HDF5 file"):
        read_feature(tmp_path, "crema")


def test_an_optional_compression_that_was_not_applied_does_no_harm(tmp_path):
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", corpus.song_arrays(features=["crema"]))
    corpus.DAMAGES["unknown compression"](path)
    with h5py.File(path, "a") as file:
        frames = np.ones((12, 40), np.float32)
        file["crema"].id.write_direct_chunk((0, 0), frames.tobytes(), filter_mask=1)
    np.testing.assert_array_equal(read_feature(path, "crema").values, frames)


def test_a_hole_in_a_song_of_two_frames_is_filled(tmp_path):
    array = np.ones((12, 2), np.float32)
    array[3, 1] = np.nan
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", {"crema": array})
    values, nan, inf, _ = read_feature(path, "crema")
    assert (nan, inf) == (1, 0)
    np.testing.assert_array_equal(values, 1)


def test_a_song_of_two_hours_is_read(tmp_path):
    array = np.ones((12, reader.LONGEST * 86), np.float32)
    [path] = corpus.write_song(tmp_path, "W_1", "P_1", {"crema": array})
    assert read_feature(path, "crema").values.shape == array.shape


@settings(max_examples=60)
@given(position=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_ends_in_finite_values_or_in_a_reason(position, byte):
    with tempfile.TemporaryDirectory() as folder:
        song = corpus.song_arrays(features=["crema"], seconds=1)
        [path] = corpus.write_song(Path(folder), "W_1", "P_1", song)
        content = bytearray(path.read_bytes())
        content[int(position * len(content))] = byte
        path.write_bytes(content)
        with contextlib.suppress(BadSong):
            values = read_feature(path, "crema", "W_1", "P_1").values
            assert values.shape[0] == 12
            assert np.isfinite(values).all()
