"""The encoder as ONNX gives the embeddings that PyTorch gives, of songs of any length and at all tempi."""

from pathlib import Path

import numpy as np
import pytest

from coversim.demo import corpus as demo_corpus
from coversim.demo import songs as demo_songs
from coversim.errors import CoversimError
from coversim.metric.kinds.points import Embeddings, Fused
from coversim.metric.kinds.sequences import Sequences
from coversim.metric.metric import Metric
from coversim.metric.onnx_file import TOLERANCE, export
from coversim.sequences.passages import untrained
from coversim.siamese import encoder as encoders
from metric_files import write_model

REASON = "the extra onnx is not installed"
KINDS = {
    "motif": {"model": {"kind": "motif", "linear": 2.0}, "representation": {"bispectrum": [0.0, 1.0]}},
    "brief": {
        "fft": {"frames": 64},
        "representation": {"kind": "flat"},
        "model": {"kind": "brief", "tempi": [1.0]},
    },
    "median": {"model": {"kind": "median", "tempi": [1.0]}},
}


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> list[Path]:
    """Two songs of the demo corpus."""
    root = tmp_path_factory.mktemp("demo")
    demo_corpus.write(root, 2, 1, root / demo_songs.METADATA)
    return sorted(root.rglob("*_crema.h5"))[:2]


@pytest.mark.parametrize("name", KINDS)
def test_songs_have_the_embeddings_that_the_metric_gives_them(name, songs, tmp_path):
    pytest.importorskip("onnx", reason=REASON)
    pytest.importorskip("onnxscript", reason=REASON)
    runtime = pytest.importorskip("onnxruntime", reason=REASON)
    metric = Metric.load(write_model(tmp_path / "model.pt", **KINDS[name]))
    known = export(metric, tmp_path / "encoder.onnx")
    session = runtime.InferenceSession(tmp_path / "encoder.onnx")
    assert session.get_modelmeta().custom_metadata_map.items() >= known.items()
    for path in songs:
        song = metric.opened(path)
        frames = (
            song.frames(length=int(known["frames"]))
            if "frames" in known
            else song.frames(float(known["rate"]))
        )
        [found] = session.run(None, {"frames": frames})
        np.testing.assert_allclose(found, metric.embed(song).vector, atol=TOLERANCE)
        if "least_frames" in known:
            shortest = frames[..., : int(known["least_frames"])]
            [found] = session.run(None, {"frames": shortest})
            np.testing.assert_allclose(
                found, metric.embed(shortest, float(known["rate"])).vector, atol=TOLERANCE
            )


def test_what_is_no_single_network_is_refused(tmp_path):
    content = encoders.content_of(write_model(tmp_path / "model.pt"))
    for kind in (
        Sequences(["crema"], untrained(1)),
        Fused([Embeddings(content)], [1.0]),
        Embeddings(content, [0.9, 1.1]),
    ):
        with pytest.raises(CoversimError, match="Remedy: name an"):
            export(Metric(kind), tmp_path / "encoder.onnx")
    assert not (tmp_path / "encoder.onnx").exists()
