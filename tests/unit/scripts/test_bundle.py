"""The script bundle: one file of what the workflow's rules leave."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from coversim import Metric
from coversim.metric.kinds.points import Embeddings, Fused
from coversim.metric.kinds.sequences import Sequences
from coversim.metric.songs import opened
from coversim.sequences.passages import untrained
from coversim.siamese import encoder
from coversim.siamese.fusion import scale
from coversim.storage import embeddings, hdf5
from job_server import stand_in
from metric_files import CALIBRATION, chroma, write_model

SCRIPTS = Path(__file__).parents[3] / "scripts"
SONGS = ("W_1\tP_1\t0\ttrain", "W_1\tP_2\t0\ttrain", "W_2\tP_3\t0\tvalid", "W_3\tP_4\t0\ttest")


def bundle(folder: Path, *arguments: object, songs: tuple[str, ...] = SONGS) -> Metric:
    settings, calibration, catalogue = (folder / name for name in ("settings.json", "cal.json", "songs.tsv"))
    settings.write_text(json.dumps({"features": ["crema"]}))
    calibration.write_text(json.dumps(CALIBRATION))
    catalogue.write_text("work\tperformance\tshard\tsplit\n" + "\n".join(songs) + "\n")
    options = ["--experiment", "vector", "--seed", 3, "--settings", settings, "--calibration", calibration]
    options += ["--songs", catalogue, "--output", folder / "metric.pt", *arguments]
    subprocess.run([stand_in(), SCRIPTS / "bundle.py", *map(str, options)], check=True)
    return Metric.load(folder / "metric.pt")


def two(metric: Metric) -> list:
    return [metric.embed(chroma(seed), rate=8) for seed in (1, 2)]


def test_an_embedding_is_bundled_with_its_tempi_and_calibration(tmp_path):
    model = write_model(tmp_path / "model.pt")
    metric = bundle(tmp_path, "--model", model, "--query-tempi", 0.9, 1.1)
    expected = Metric(Embeddings(encoder.content_of(model), [0.9, 1.1]), CALIBRATION)
    assert metric.distance(*two(metric)) == expected.distance(*two(expected))
    assert metric.probability(*two(metric)) == expected.probability(*two(expected))
    assert metric.name == "vector/3 (embedding)"


def test_sequences_are_bundled_with_the_songs_that_show_hubs(tmp_path):
    projection = untrained(1)
    projection.save(tmp_path / "projection.npz")
    plain = Sequences(["crema"], projection)
    probes = plain.packed([plain.embed(opened(chroma(seed), ("crema",), 8)) for seed in (3, 4)])
    with hdf5.creating(tmp_path / "hubs.h5") as file:
        for name in ("work", "performance", "split"):
            hdf5.write(file, name, hdf5.text(["a", "b"]))
        for name in ("offset", "vector", "profile", "hubness"):
            hdf5.write(file, name, probes[name])
        hdf5.write(file, "order", projection.orders)
    files = ("--projection", tmp_path / "projection.npz", "--hubs", tmp_path / "hubs.h5")
    metric = bundle(tmp_path, *files, "--first-step", "--refine", 7, "--double-tempo", "nearest")
    expected = Metric(Sequences(["crema"], projection, probes, refine=7, double_tempo="nearest"))
    assert (metric.kind.refine, metric.kind.double_tempo) == (7, "nearest")
    assert metric.kind.points == "outlines"
    assert metric.distance(*two(metric)) == expected.distance(*two(expected))
    assert metric.distance(*two(metric)) != pytest.approx(Metric(plain).distance(*two(Metric(plain))))
    assert np.isfinite(metric.distance(*two(metric)))


def test_sequences_are_bundled_with_the_embedding_that_finds_songs_to_match(tmp_path):
    untrained(1).save(tmp_path / "projection.npz")
    embedding = Metric(Embeddings(encoder.content_of(write_model(tmp_path / "model.pt")), [0.9, 1.1]))
    embedding.save(tmp_path / "first.pt")
    files = ("--projection", tmp_path / "projection.npz", "--first-step", tmp_path / "first.pt")
    found, expected = two(bundle(tmp_path, *files))[0], two(embedding)[0]
    np.testing.assert_array_equal(found.point, expected)
    np.testing.assert_array_equal(found.point.sought, expected.sought)


def test_what_is_fused_is_bundled_with_the_scale_of_each_part(tmp_path):
    parts, references, kinds, scales = [], [], [], []
    for number, name in enumerate(("one", "other"), start=1):
        folder = tmp_path / "models" / name / "1"
        folder.mkdir(parents=True)
        model = write_model(folder / "model.pt", model={"embedding": 4 * number})
        parts.append(folder / "metric.pt")
        kinds.append(Embeddings(encoder.content_of(model)))
        Metric(kinds[-1]).save(parts[-1])
        references.append(tmp_path / "embeddings" / name / "1" / "train.h5")
        points = np.random.default_rng(number).normal(size=(6, 3)).astype(np.float32) * number
        columns = (np.array([f"{letter}_{song}" for song in range(6)]) for letter in "WP")
        embeddings.write(references[-1], *columns, np.array(["train", *5 * ["valid"]]), points, None, {})
        scales.append(scale(embeddings.read(references[-1])))
    metric = bundle(tmp_path, "--parts", *parts, "--references", *references[::-1])
    expected = Metric(Fused(kinds, scales))
    assert metric.distance(*two(metric)) == expected.distance(*two(expected))
    assert metric.name == "vector/3 (fused)"


def test_the_file_says_which_songs_it_was_trained_on_and_no_others(tmp_path):
    model = write_model(tmp_path / "model.pt")
    trained_on = bundle(tmp_path, "--model", model).about["trained_on"]
    assert (trained_on["works"], trained_on["songs"]) == (2, 3)
    fewer_tests = bundle(tmp_path, "--model", model, songs=SONGS[:3]).about["trained_on"]
    others = bundle(tmp_path, "--model", model, songs=SONGS[1:]).about["trained_on"]
    assert fewer_tests == trained_on
    assert others["digest"] != trained_on["digest"]
