"""The figures of the report say what their tables say."""

import base64
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample
from sklearn.metrics import roc_auc_score

import corpus
from coversim.dataset.features import FEATURES
from coversim.dataset.labels import COVER, NON_COVER
from coversim.features.patches import _distinct_bins
from coversim.features.shard import downsample_shard
from coversim.report import costs, curves, passages, reliability, songs, strata
from coversim.report.components import as_images, kept_bins
from coversim.report.distributions import histogram_chart
from coversim.report.downsampling import downsampled
from coversim.report.formats import duration, megabytes, probability
from coversim.report.inputs import read_records
from coversim.report.pictures import narrowed, shades, signs
from coversim.report.plots import Axis, spanning
from coversim.report.songs import Songs
from coversim.report.tables import Estimate, Row, Table
from coversim.sequences import patches
from coversim.storage import frames
from metric_files import chroma


def points_of(line) -> np.ndarray:
    """x and y of a line in percent, y upwards."""
    found = np.array([[float(part) for part in point.split(",")] for point in line.points.split()])
    return np.stack([found[:, 0], 100 - found[:, 1]])


def pairs(seed: int, pairs: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    label = np.repeat([COVER, NON_COVER], pairs // 2)
    return pd.DataFrame({"label": label, "distance": random.normal(np.where(label == COVER, 1, 2), 0.5)})


def test_the_area_under_the_roc_curve_is_that_of_scikit_learn():
    table = pairs(1)
    chart = curves.roc_chart({"vector": table}, {"vector": "line-0"})
    x, y = points_of(chart.lines[1]) / 100
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(table.label == COVER, -table.distance), abs=0.01)


def test_the_det_curve_shows_misses_over_false_alarms_in_normal_deviates():
    table = pairs(1, 4000)
    chart = curves.det_chart({"vector": table}, {"vector": "line-0"})
    x, y = points_of(chart.lines[0])
    slope = np.polyfit(x, y, 1)[0]
    assert slope < 0
    assert np.corrcoef(x, y)[0, 1] < -0.99  # two normal distributions: a straight line
    labels = [label for _, label in chart.x_ticks]
    assert labels == sorted(labels, key=lambda label: float(label.removesuffix(" %")))


def test_recall_is_the_mean_of_the_queries_at_each_depth_and_whole_at_the_last_candidate():
    table = pd.DataFrame({"recall_at_1": [0, 0.5], "recall_at_10": [0.5, 1], "recall_at_100": [1.0, 1.0]})
    chart = curves.recall_chart({"vector": table}, songs=31, kinds={"vector": "line-0"})
    assert points_of(chart.lines[0])[1].tolist() == [25, 75, 100]
    assert [tip.splitlines()[0] for _, tip in chart.tips] == ["within 1", "within 10", "within 30"]


def test_reliability_shows_bins_with_enough_pairs_only():
    content = {
        "collections": {
            "test": {
                "reliability": {"said": [0.1, 0.5, None], "covers": [0.2, 0.9, None], "pairs": [9, 4, 0]}
            }
        }
    }
    chart = reliability.reliability_chart({"vector": content}, "test", {"vector": "line-0"})
    _, line = chart.lines
    assert points_of(line).tolist() == [[10], [20]]
    assert reliability.reliability_chart({"vector": content}, "benchmark", {}) is None


def test_songs_that_were_found_are_as_often_covers_as_counted():
    found = pd.DataFrame(
        {"probability": [0.05] * 10 + [0.95] * 10, "is_cover": [True] + [False] * 10 + [True] * 9}
    )
    _, line = reliability.found_chart(found, "vector", {"vector": "line-0"}).lines
    assert points_of(line)[1].tolist() == [10, 90]
    assert reliability.found_chart(found.assign(probability=math.nan), "vector", {}) is None


def queries(relevant: list[int]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(
        [(f"W_{n}", f"P_{n}") for n in range(len(relevant))], names=["work", "performance"]
    )
    return pd.DataFrame({"relevant": relevant, "average_precision": np.linspace(0, 1, len(relevant))}, index)


def test_queries_are_parted_by_the_size_of_their_work_and_each_part_has_its_mean():
    table = queries([1, 1, 2, 7, 12])
    found = strata.by_size({"vector": table}, 200, 0)
    assert [(part.label, part.size) for part in found.parts] == [
        ("2", 2),
        ("3", 1),
        ("5 to 9", 1),
        ("10 or more", 1),
    ]
    assert found.parts[0].estimates["vector"].value == pytest.approx(table.average_precision[:2].mean())


def test_queries_are_parted_by_length_into_parts_of_equal_size_and_unknown_ones_are_left_out():
    table = queries([1] * 9)
    seconds = pd.Series(np.arange(60.0, 140, 10), table.index[:8])
    found = strata.by_length({"vector": table}, seconds, 200, 0)
    assert [part.size for part in found.parts] == [2, 2, 2, 2]
    assert found.parts[0].label.startswith("1:00 to")
    assert strata.by_length({"vector": table}, seconds[:0], 200, 0).parts == []


def covers(count: int) -> pd.DataFrame:
    names = {
        f"{name}_{side}": [f"{letter}_{side}{n}" for n in range(count)]
        for side in "ab"
        for name, letter in (("work", "W"), ("performance", "P"))
    }
    return pd.DataFrame({**names, "called": [n % 2 == 0 for n in range(count)]})


def heard(table: pd.DataFrame, semitones: list[float], tempi: list[float]) -> pd.DataFrame:
    index = pd.MultiIndex.from_frame(table[["work_a", "performance_a", "work_b", "performance_b"]])
    return pd.DataFrame({"semitones": semitones, "tempo": tempi}, index[: len(tempi)])


def test_pairs_are_parted_by_key_and_tempo_and_those_that_were_not_looked_at_left_out():
    table = covers(6)
    known = heard(table, [0, 3, 3, math.nan, 6], [1.0, 1.1, 1.01, math.nan, 1.5])
    found = strata.by_transposition({"vector": table}, known, 200, 0)
    assert [(part.label, part.size) for part in found.parts] == [
        ("0", 1),
        ("3", 2),
        ("6", 1),
        ("nothing in common", 1),
    ]
    assert [part.estimates["vector"].value for part in found.parts] == [1, 0.5, 1, 0]
    found = strata.by_tempo({"vector": table}, known, 200, 0)
    assert [(part.label, part.size) for part in found.parts] == [
        ("within 5 %", 2),
        ("5 to 15 %", 1),
        ("more than 40 %", 1),
        ("nothing in common", 1),
    ]


PLAYED = [(0, 1.0), (3, 1.0), (7, 1.25), (-6, 0.8)]  # semitones higher, times as fast


def test_key_and_tempo_of_a_cover_are_those_in_which_it_was_made(tmp_path):
    table = covers(len(PLAYED) + 1)
    with frames.writing(tmp_path / "0000.h5", "crema", 12, patches.RATE) as shard:
        for number, (semitones, tempo) in enumerate([*PLAYED, (0, 1.0)]):
            song = chroma(number, 90, patches.RATE)
            cover = np.roll(resample(song, round(song.shape[1] / tempo), axis=1), semitones, axis=0)
            if number == len(PLAYED):  # another song: silence and a few moments
                cover = np.concatenate([np.zeros((12, 300)), chroma(99, 4, patches.RATE)], axis=1)
            for side, played in (("a", song), ("b", cover)):
                row = table.iloc[number]
                shard.append(
                    row[f"work_{side}"], row[f"performance_{side}"], np.maximum(played, 0).astype(np.float32)
                )
    names = {(*row,) for side in "ab" for row in table[[f"work_{side}", f"performance_{side}"]].to_numpy()}
    found = passages.in_common(table, songs.read([], [tmp_path / "0000.h5"], names))
    assert found.semitones[:-1].tolist() == [0, 3, 5, 6]
    np.testing.assert_allclose(found.tempo[:-1], [1, 1, 1.25, 1.25], rtol=0.05)
    assert found.iloc[-1].isna().all()


def test_a_song_whose_work_has_another_name_keeps_its_title(tmp_path):
    song = {"perf_title": "Hé Jude", "perf_artist": "The Beetles"}
    (tmp_path / "titles.json").write_text(json.dumps({"W_1": {"P_1": song}, "W_2": {"P_1": song}}))
    renamed, unknown = ("W_2", "W_1/P_1"), ("W_2", "W_3/P_1")
    # also where its frames are not looked at, as on the map
    found = songs.read([tmp_path / "titles.json"], [], set())
    assert found.title(renamed) == found.title(("W_2", "P_1")) == "Hé Jude · The Beetles"
    assert (found.known_title(unknown), found.title(unknown)) == ("", "W_2 / W_3/P_1")


def test_pairs_are_parted_by_how_much_longer_the_longer_song_is():
    table = covers(3)
    names = [
        (*pair,)
        for side in "ab"
        for pair in zip(table[f"work_{side}"], table[f"performance_{side}"], strict=True)
    ]
    seconds = pd.Series([100, 100, 130, 104, 300, 100], pd.MultiIndex.from_tuples(names), dtype=float)
    found = strata.by_ratio({"vector": table}, seconds, 200, 0)
    assert [(part.label, part.size) for part in found.parts] == [
        ("within 5 %", 1),
        ("15 to 40 %", 1),
        ("more than 40 %", 1),
    ]


def test_sources_are_test_works_and_benchmarks_but_no_validation_works():
    tables = [
        Table(name, 3, 6, 6, [Row("vector", "trained", [[1]], [], [0.5], {"map": Estimate(0.5)}, None)])
        for name in ("test/irish", "test/dutch", "valid/irish", "benchmark")
    ]
    found = strata.by_collection(tables, ["vector"])
    assert [part.label for part in found.parts] == ["test/irish", "test/dutch", "benchmark"]
    assert strata.by_collection(tables[:1], ["vector"]).parts == []


def test_a_source_without_a_query_of_an_experiment_has_no_estimate_of_it():
    def row(name: str, value: float) -> Row:
        return Row(name, "trained", [[1]], [], [value], {"map": Estimate(value)}, None)

    tables = [
        Table("test/a", 3, 6, 6, [row("vector", 0.5), row("brief", 0.4)]),
        Table("test/b", 3, 6, 6, [row("vector", 0.5), row("brief", math.nan)]),
    ]
    found = strata.by_collection(tables, ["vector", "brief"])
    assert [list(part.estimates) for part in found.parts] == [["vector", "brief"], ["vector"]]


def records(*jobs: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [(rule, f"{rule}-x", *times) for rule, *times in jobs], columns=["rule", "job", "start", "end"]
    )


def test_pauses_are_cut_out_of_the_gantt_chart():
    found = costs.gantt(records(("fft", 1000, 1010), ("fft", 1010, 1030), ("train", 9000, 9060)))
    assert found.axis.high == 90
    assert [(rule, spans) for rule, spans, _ in found.rows] == [
        ("fft", [(0.0, 33.33)]),
        ("train", [(33.33, 66.67)]),
    ]
    assert found.pauses == [33.33]
    assert found.ended == 9060
    assert costs.gantt(records()).rows == []


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)), min_size=1, max_size=30))
@settings(deadline=None)
def test_spans_of_the_gantt_chart_stay_within_it(drawn):
    found = costs.gantt(records(*(("fft", start, start + lasts) for start, lasts in drawn)))
    for _, spans, _ in found.rows:
        assert all(0 <= start <= 100 and width > 0 for start, width in spans)
    assert len(found.rows[0][1]) <= 500


def test_records_are_those_of_the_jobs_that_the_run_has(tmp_path):
    folder, benchmarks = tmp_path / "metadata", tmp_path / "benchmarks"
    folder.mkdir()
    benchmarks.mkdir()
    for name, log in (
        ("a", "logs/match/sequence-1-test-0000.log"),
        ("b", "logs/match/gone-1-test-0000.log"),
        ("c", "logs/metrics.log"),
    ):
        (folder / name).write_text(json.dumps({"log": [log], "starttime": 1.0, "endtime": 3.0}))
    (folder / "d").write_text("{}")
    (folder / "e").write_text("no JSON")
    (benchmarks / "jobs.txt").write_text(
        "benchmarks/match/sequence/1/test/0000.tsv\nbenchmarks/metrics/metrics.tsv\n"
    )
    found = read_records(folder, benchmarks)
    assert found.rule.tolist() == ["match", "metrics"]
    assert read_records(tmp_path / "absent", benchmarks).empty


@pytest.mark.parametrize("window", [2, 9, 12, 33])
def test_a_component_is_drawn_in_the_bins_that_patches_keep(window):
    bins, _ = _distinct_bins(window)
    assert np.flatnonzero(kept_bins(window)).tolist() == bins.tolist()


def test_each_value_of_a_component_stands_once_in_its_pictures():
    chosen = {
        "features": ["crema", "hpcp"],
        "fft": {"rate": 4.0},
        "representation": {"kind": "fourier", "seconds": [3.0, 5.0]},
    }
    values = np.arange(2.0 * (kept_bins(12).sum() + kept_bins(20).sum()))
    images = as_images(values, chosen)
    assert [said for said, _ in images][:2] == [", windows of 3 s of crema", ", windows of 3 s of hpcp"]
    drawn = np.concatenate([image[~np.isnan(image)] for _, image in images])
    assert sorted(drawn) == values.tolist()
    assert images[0][1][5, 0] == 0  # frequency 0 over pitch class: the sixth row from the bottom


def test_pictures_are_png_files_as_wide_as_the_page_needs():
    picture = shades(np.random.default_rng(0).random((12, 5000)), "a song")
    assert (picture.rows, picture.columns) == (12, 480)
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")
    assert narrowed(np.arange(960.0)[None])[0, :2].tolist() == [0.5, 2.5]
    assert signs(np.array([[-1.0, np.nan, 1.0]]), "signs").columns == 3


def test_a_song_is_shown_as_its_file_has_it_and_as_it_was_downsampled(tmp_path):
    corpus.write_corpus(tmp_path / "data", {"W_1": ["P_1"]}, features=["crema"], seconds=40)
    path = corpus.song_path(tmp_path / "data", "W_1", "P_1", "crema", "per-feature")
    summary = tmp_path / "catalogue" / "train" / "summary.json"
    manifest = summary.parent / "manifests" / "crema" / "0000.tsv"
    manifest.parent.mkdir(parents=True)
    summary.write_text(json.dumps({"root": str(tmp_path / "data")}))
    manifest.write_text(f"work\tperformance\tpath\nW_1\tP_1\t{path.relative_to(tmp_path / 'data')}\n")
    shard = tmp_path / "fft" / "train" / "crema-4hz" / "0000.h5"
    shard.parent.mkdir(parents=True)
    downsample_shard(
        manifest, summary, FEATURES["crema"], shard, frame_rate=44100 / 512, rate=4.0, length=None
    )
    found = downsampled([shard], [summary], Songs())
    assert found.rates == (pytest.approx(86.13, rel=0.01), 4.0)
    assert [picture.columns for picture in found.pictures] == [480, 120]
    path.unlink()
    assert downsampled([shard], [summary], Songs()) is None


def test_histograms_are_shares_of_their_own_pairs():
    chart = histogram_chart("x", {"edges": [0, 1, 2], "cover": [3, 1], "non_cover": [10, 30]}, 0.5)
    assert [tip for _, tip in chart.tips] == [
        "0 to 1\ncovers: 75.0 %\nnon-covers: 25.0 %",
        "1 to 2\ncovers: 25.0 %\nnon-covers: 75.0 %",
    ]
    assert chart.down == [(25.0, "threshold 0.5")]


def test_without_pairs_there_is_no_histogram_and_without_a_threshold_no_line():
    assert histogram_chart("x", None, math.nan) is None
    assert histogram_chart("x", {"edges": [0, 1], "cover": [3], "non_cover": [1]}, math.nan).down == []


@given(st.lists(st.floats(-1e6, 1e6), max_size=20), st.booleans())
def test_axes_hold_their_values_and_name_round_ones_in_order(values, zero):
    axis = spanning(values, zero=zero)
    assert all(axis.low <= value <= axis.high for value in values)
    positions = [at for at, _ in axis.ticks()]
    assert positions == sorted(positions)
    assert all(0 <= at <= 100 for at in positions)
    assert len({label for _, label in axis.ticks()}) == len(positions)


def test_a_logarithmic_axis_names_powers_of_ten():
    assert Axis(1, 1000, "logarithmic").ticks() == [
        (0, "1"),
        (33.33, "10"),
        (66.67, "100"),
        (100, "1,000"),
    ]


def test_times_memory_and_probabilities_are_written_for_people():
    assert [duration(s) for s in (4.21, 59.97, 61, 3725)] == [
        "4.2 s",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 02 min",
    ]
    assert [megabytes(m) for m in (199.2, 1234, math.nan)] == ["199 MB", "1.23 GB", "–"]
    assert [probability(p) for p in (0.0002, 0.0312, 1.0)] == ["< 0.001", "0.031", "1.000"]
