"""One file holds a metric, which then says the same of two songs wherever it is."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from coversim import Metric
from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.reader import read_feature
from coversim.errors import CoversimError
from coversim.features.downsampling import downsample
from coversim.metric.kinds.points import Embeddings, Fused
from coversim.metric.kinds.sequences import Sequences
from coversim.metric.metric import VERSION
from coversim.metric.songs import opened
from coversim.sequences.passages import untrained
from coversim.siamese import encoder as encoders
from coversim.storage import hdf5
from coversim.storage.checksums import record_of
from metric_files import CALIBRATION, WORKS, chroma, path_of, write_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def metric(metric_file) -> Metric:
    return Metric.load(metric_file)


def sequences(probes=None) -> Metric:
    """A metric of untrained sequences."""
    projection = untrained(1)
    return Metric(Sequences(["crema"], projection, probes), CALIBRATION)


def as_the_workflow_does(model: Path, song: Path, tempi: list[float]) -> np.ndarray:
    crema = FEATURES["crema"]
    values = read_feature(song, "crema").values
    frames = downsample(values, FRAME_RATE, rate=4.0, hold=crema.hold, non_negative=True)
    encoder = encoders.load(model)
    return encoders.embed(encoder, [torch.from_numpy(frames[None])], torch.device("cpu"), tempi)[0].numpy()


def test_a_song_has_the_embedding_that_the_workflow_gives_it_at_the_tempi_of_the_model(metric, model, songs):
    song = path_of(songs, "W_1", "P_a")
    expected = as_the_workflow_does(model, song, [0.8, 1.0, 1.25])
    np.testing.assert_array_equal(np.asarray(metric.embed(song)), expected)
    assert np.linalg.norm(expected - as_the_workflow_does(model, song, [1.0])) > 1e-3


def test_a_file_of_another_feature_stands_for_the_same_song(metric, songs):
    crema, hpcp = (path_of(songs, "W_1", "P_a", feature) for feature in ("crema", "hpcp"))
    assert metric.distance(crema, hpcp) == 0


def test_an_array_with_its_rate_is_the_song_of_the_file(metric, songs):
    song = path_of(songs, "W_2", "P_c")
    values = read_feature(song, "crema").values
    assert metric.distance(metric.embed(values, rate=FRAME_RATE), song) == 0
    assert metric.distance(metric.embed(values[None], rate=FRAME_RATE), song) == 0


def test_frames_at_the_rate_of_the_metric_stay_as_they_are(metric):
    frames = chroma(1, rate=4)
    np.testing.assert_array_equal(opened(frames, ("crema",), 4.0).frames(4.0)[0], frames.astype(np.float32))


@pytest.mark.parametrize(
    ("array", "rate", "said"),
    [
        (np.ones((40, 12)), 4.0, "(1, 12, frames)"),
        (np.ones((2, 12, 40)), 4.0, "(1, 12, frames)"),
        (np.full((12, 40), np.nan), 4.0, "finite"),
        (-np.ones((12, 40)), 4.0, "at least 0"),
        (np.zeros((12, 40)), 4.0, "not all 0"),
        (np.full((12, 40), 1e10), 4.0, "at most 1e+09"),
        (np.ones((12, 40)), None, "say rate="),
        (np.ones((12, 40)), -1.0, "say rate="),
    ],
)
def test_an_array_that_is_no_chroma_is_refused(metric, array, rate, said):
    with pytest.raises(CoversimError, match=re.escape(said)) as refused:
        metric.embed(array, rate=rate)
    assert "Remedy: " in str(refused.value)


@pytest.mark.parametrize("tempi", [[], [0.9, 1.1]])
def test_what_is_loaded_says_what_was_saved(model, songs, tmp_path, tempi):
    saved = Metric(Embeddings(encoders.content_of(model), tempi), CALIBRATION, {"experiment": "vector"})
    saved.save(tmp_path / "metric.pt")
    loaded = Metric.load(tmp_path / "metric.pt")
    a, b = path_of(songs, "W_1", "P_a"), path_of(songs, "W_3", "P_d")
    assert loaded.distance(a, b) == saved.distance(a, b) > 0
    assert loaded.probability(a, b) == saved.probability(a, b)
    assert loaded.about == saved.about
    assert loaded.same_as(saved)
    assert not loaded.same_as(Metric(Embeddings(encoders.content_of(model), [0.5]), CALIBRATION))


def test_the_nearest_of_the_tempi_that_a_song_is_sought_at_counts(model):
    metric = Metric(Embeddings(encoders.content_of(model), [0.9, 1.1]))
    a, b = metric.embed(chroma(1), rate=8), metric.embed(chroma(2), rate=8)
    assert metric.distance(a, b) == pytest.approx(
        min(np.linalg.norm(point - b.vector) for point in a.sought), abs=1e-6
    )


def test_the_prior_moves_the_odds_of_a_cover(metric):
    a, b = metric.embed(chroma(1), rate=8), metric.embed(chroma(2), rate=8)
    distance = metric.distance(a, b)
    odds = np.exp(3 - 4 * distance)
    assert metric.probability(a, b) == pytest.approx(odds / (1 + odds))
    rare = odds * 0.01 / 0.99
    assert metric.probability(a, b, prior=0.01) == pytest.approx(rare / (1 + rare))
    with pytest.raises(CoversimError, match="Remedy"):
        metric.probability(a, b, prior=1.0)


def test_the_model_of_a_training_is_a_metric_without_probabilities(model, metric, songs):
    uncalibrated = Metric.load(model)
    a, b = path_of(songs, "W_1", "P_a"), path_of(songs, "W_2", "P_c")
    assert uncalibrated.distance(a, b) == metric.distance(a, b)
    with pytest.raises(CoversimError, match=r"load metric\.pt"):
        uncalibrated.probability(a, b)


REFUSED = {
    "of a newer version": ({"version": VERSION + 1}, f"version {VERSION + 1}"),
    "of an unknown kind": ({"kind": "smell"}, "kind 'smell'"),
    "with an entry more": ({"spell": 1}, "unknown: spell"),
    "of another format": ({"format": "cats"}, "no metric of coversim"),
    "whose weights do not fit": ({"content": {"model": {}, "query_tempi": []}}, "does not fit together"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused(name, metric_file, tmp_path):
    changes, said = REFUSED[name]
    path = tmp_path / "odd.pt"
    torch.save(torch.load(metric_file, weights_only=True) | changes, path)
    with pytest.raises(CoversimError, match=re.escape(said)) as refused:
        Metric.load(path)
    assert str(refused.value).startswith(str(path))
    assert "Remedy: " in str(refused.value)


class Code:
    """What would run as it is unpickled."""

    def __reduce__(self):
        return print, ("code was run",)


def test_no_code_in_a_file_is_run(tmp_path, capsys):
    torch.save({"format": Code()}, tmp_path / "odd.pt")
    with pytest.raises(CoversimError, match="not a metric"):
        Metric.load(tmp_path / "odd.pt")
    assert capsys.readouterr().out == ""


def test_a_damaged_file_is_refused(metric_file, tmp_path):
    path = tmp_path / "metric.pt"
    content = bytearray(metric_file.read_bytes())
    record_of(path).write_bytes(record_of(metric_file).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CoversimError, match="damaged"):
        Metric.load(path)
    with pytest.raises(CoversimError, match="no such file"):
        Metric.load(tmp_path / "nowhere.pt")


def test_sequences_are_a_metric_of_another_kind(tmp_path):
    metric = sequences()
    metric.save(tmp_path / "metric.pt")
    loaded = Metric.load(tmp_path / "metric.pt")
    song, other = chroma(1), chroma(2)
    cover = np.roll(song[:, 80:], 4, axis=0)  # later, and four semitones higher
    a, b, c = (loaded.embed(one, rate=8) for one in (song, cover, other))
    assert loaded.distance(a, b) < loaded.distance(a, c)
    assert loaded.probability(a, b) > loaded.probability(a, c)
    assert loaded.distance(a, b) == metric.distance(*(metric.embed(one, rate=8) for one in (song, cover)))


def test_what_is_like_the_probes_is_a_hub_and_counts_as_further_away(tmp_path):
    kind = sequences().kind
    probes = kind.packed([kind.embed(opened(chroma(seed), ("crema",), 8)) for seed in (1, 3, 4)])
    corrected = sequences(probes)
    corrected.save(tmp_path / "metric.pt")
    a, b = (Metric.load(tmp_path / "metric.pt").embed(chroma(seed), rate=8) for seed in (1, 2))
    assert a.hubness > b.hubness > 0  # the first is a probe itself
    plain = sequences()
    assert corrected.distance(a, b) == pytest.approx(
        plain.distance(*(plain.embed(chroma(seed), rate=8) for seed in (1, 2)))
        * np.exp(0.5 * (a.hubness + b.hubness))
    )


def test_the_nearest_at_half_the_rate_are_compared_again(tmp_path):
    plain = sequences().kind
    Metric(Sequences(["crema"], plain.projection, refine=2)).save(tmp_path / "metric.pt")
    kind = Metric.load(tmp_path / "metric.pt").kind
    songs = [kind.embed(opened(chroma(seed), ("crema",), 8)) for seed in range(1, 7)]
    others = kind.packed(songs[1:])
    found, as_they_are = kind.distances(songs[0], others), plain.distances(songs[0], others)
    assert (found == as_they_are).sum() == 2
    [alone] = kind.distances(songs[0], kind.packed(songs[3:4]))
    assert alone == as_they_are[2]


@pytest.mark.parametrize(("refine", "double_tempo"), [(0, "all"), (2, "all"), (2, "nearest")])
def test_a_cover_at_half_the_tempo_is_near_where_songs_are_compared_at_twice_it_too(
    tmp_path, refine, double_tempo
):
    plain = sequences().kind
    twice = Sequences(["crema"], plain.projection, refine=refine, double_tempo=double_tempo)
    Metric(twice).save(tmp_path / "metric.pt")
    kind = Metric.load(tmp_path / "metric.pt").kind
    slow = np.repeat(chroma(1), 2, axis=1)
    song, cover, *others = (
        kind.embed(opened(frames, ("crema",), 8)) for frames in (chroma(1), slow, *map(chroma, range(2, 6)))
    )
    together = kind.packed([*others, cover])
    own, found = plain.distances(song, together), kind.distances(song, together)
    assert found[4] < 0.8 * own[4]
    assert found[4] < 0.6 * found[:4].min()
    np.testing.assert_allclose(found[:4], own[:4], rtol=0.05)


def test_what_finds_songs_changes_no_distance_and_is_kept_beside_what_matches_them(metric, tmp_path):
    plain = sequences()
    found_by = Sequences(["crema"], plain.kind.projection, first_step=metric.kind)
    Metric(found_by, CALIBRATION).save(tmp_path / "metric.pt")
    loaded = Metric.load(tmp_path / "metric.pt")
    a, b = (loaded.embed(chroma(seed), rate=8) for seed in (1, 2))
    np.testing.assert_array_equal(a.point, metric.embed(chroma(1), rate=8))
    assert loaded.distance(a, b) == plain.distance(*(plain.embed(chroma(seed), rate=8) for seed in (1, 2)))
    assert (loaded.kind.points, plain.kind.points) == ("embeddings", "outlines")
    assert loaded.same_as(Metric(found_by))
    assert not loaded.same_as(plain)


def wider(arrays: dict) -> dict:
    return arrays | {"vector": np.pad(arrays["vector"], [(0, 0), (0, 20_000)])}


def beyond(arrays: dict) -> dict:
    """The last song has ever so many vectors, which are not there."""
    offset = arrays["offset"].copy()
    offset[-1] += 10**8
    return arrays | {"offset": offset}


def backwards(arrays: dict) -> dict:
    return arrays | {"offset": arrays["offset"][::-1].copy()}


def fewer_sections(arrays: dict) -> dict:
    return arrays | {"profile": arrays["profile"][1:]}


@pytest.mark.parametrize("damaged", [wider, beyond, backwards, fewer_sections])
def test_sequences_that_do_not_fit_together_are_refused_before_compiled_code_sees_them(damaged, tmp_path):
    kind = sequences().kind
    packed = damaged(kind.packed([kind.embed(opened(chroma(seed), ("crema",), 8)) for seed in (1, 2)]))
    with hdf5.creating(tmp_path / "part.h5") as file:
        kind.write(file, packed)
    with pytest.raises(CoversimError, match=r"part\.h5: damaged"), hdf5.opened(tmp_path / "part.h5") as file:
        kind.read(file, np.arange(2))
    content = kind.content() | {"probes": {name: torch.from_numpy(array) for name, array in packed.items()}}
    with pytest.raises(ValueError, match=r"vectors|offsets|profiles"):
        Sequences.of(content)


def test_what_finds_songs_sees_the_features_that_they_are_matched_by(metric):
    with pytest.raises(ValueError, match=r"matched by \('hpcp',\), and found by \('crema',\)"):
        Sequences(["hpcp"], untrained(1), first_step=metric.kind)


@pytest.mark.parametrize("kind", ["embedding", "sequence"])
def test_songs_that_were_packed_and_written_are_read_without_the_others(kind, metric, tmp_path):
    kind = metric.kind if kind == "embedding" else sequences().kind
    songs = [kind.embed(opened(chroma(seed, 30 + 40 * seed), ("crema",), 8)) for seed in range(4)]
    with hdf5.creating(tmp_path / "songs.h5") as file:
        kind.write(file, kind.joined([kind.packed(songs[:1]), kind.packed(songs[1:])]))
    for rows in ([0, 1, 2, 3], [1, 3]):
        with hdf5.opened(tmp_path / "songs.h5") as file:
            found = kind.read(file, np.array(rows))
        expected = kind.packed([songs[row] for row in rows])
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)


def test_several_features_are_found_beside_each_other(tmp_path, songs):
    model = write_model(tmp_path / "model.pt", features=["crema", "hpcp"])
    metric = Metric.load(model)
    distances = {
        metric.distance(path_of(songs, "W_1", "P_a", feature), path_of(songs, "W_2", "P_c"))
        for feature in ("crema", "hpcp")
    }
    assert len(distances) == 1
    single = path_of(songs, "W_1", WORKS["W_1"][0]).rename(tmp_path / "moved.h5")
    try:
        with pytest.raises(CoversimError, match=r"holds no hpcp.*Remedy"):
            metric.embed(single)
    finally:
        single.rename(path_of(songs, "W_1", WORKS["W_1"][0]))


def test_what_is_fused_is_as_far_apart_as_its_parts_together_each_by_its_scale(songs, tmp_path):
    parts = [
        Embeddings(encoders.content_of(write_model(tmp_path / f"{features}.pt", features=[features])), tempi)
        for features, tempi in (("crema", []), ("hpcp", [0.9, 1.1]))
    ]
    Metric(Fused(parts, [0.5, 2.0]), CALIBRATION).save(tmp_path / "metric.pt")
    fused = Metric.load(tmp_path / "metric.pt")
    a, b = path_of(songs, "W_1", "P_a"), path_of(songs, "W_2", "P_c", "hpcp")
    crema, hpcp = (part.embed(opened(a, part.features)).sought for part in parts)
    others = [part.embed(opened(b, part.features)).vector for part in parts]
    expected = min(
        np.linalg.norm(np.concatenate([(crema[0] - others[0]) / 0.5, (point - others[1]) / 2]))
        for point in hpcp
    )
    assert fused.distance(a, b) == pytest.approx(expected, rel=1e-5)
    assert fused.kind.features == ("crema", "hpcp")
    assert fused.compare(a, a).place.transposition == 0
    assert fused.same_as(Metric(Fused(parts, [0.5, 2.0])))
    assert not fused.same_as(Metric(Fused(parts, [0.5, 1.0])))


def test_importing_the_package_imports_neither_torch_nor_numpy():
    code = "import sys, coversim; print(sorted({'torch', 'numpy', 'h5py'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
