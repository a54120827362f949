"""A small metric, and songs in the layout of Da-TACOS."""

import json
from pathlib import Path

import pytest

import corpus
from coversim.metric.kinds.points import Embeddings
from coversim.metric.metric import Metric
from coversim.siamese import encoder as encoders
from metric_files import CALIBRATION, WORKS, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture(scope="session")
def metric_file(model) -> Path:
    path = model.with_name("metric.pt")
    about = {"experiment": "vector", "seed": 1}
    Metric(Embeddings(encoders.content_of(model)), CALIBRATION, about).save(path)
    return path


@pytest.fixture(scope="session")
def songs(tmp_path_factory) -> Path:
    """The folder of a small data set, with titles."""
    root = corpus.write_corpus(tmp_path_factory.mktemp("söngs and more"), WORKS, seconds=30)
    titles = {"W_1": {"P_a": {"work_title": "Hé Jude", "perf_title": "", "perf_artist": "The Beetles"}}}
    folder = root / "da-tacos_metadata"
    folder.mkdir()
    (folder / "da-tacos_toy_subset_metadata.json").write_text(json.dumps(titles))
    return root
