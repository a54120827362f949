"""A metric's encoder as an ONNX file: from the chroma of a song to its embedding, without this package or PyTorch.

    input   frames     (features, 12, T) float32, T frames at `rate` Hz, row 0 being pitch class C
    output  embedding  (E,) float32; covers are those whose Euclidean distance is small

Tempi, patches, PCA and network are in it. Sampling is not: frames come at the rate that its metadata tell.
"""

import logging
import math
import warnings
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from coversim.errors import CoversimError
from coversim.metric.kinds.points import Embeddings
from coversim.metric.metric import Metric
from coversim.siamese import encoder as encoders
from coversim.siamese.encoder import Encoder
from coversim.siamese.networks import Motif, gem
from coversim.storage.atomic import replacing

TOLERANCE = 1e-4  # by which a number of an embedding may differ from PyTorch's
MINUTES = 60  # the longest song
LONG = 3.7  # times as long as the shortest song: what is tried


def export(metric: Metric, path: Path) -> dict[str, str]:
    """Write the encoder of a metric, once it was found equal to it on noise; its metadata.

    Raises CoversimError for a metric that is no single network, where ONNX is not installed, or if what ONNX computes
    differs by more than TOLERANCE.
    """
    kind = metric.kind
    if not isinstance(kind, Embeddings):
        raise CoversimError(
            f"{metric.name}: no single network gives its distance, so there is no ONNX of it. Remedy: name an embedding, "
            "e.g. models/vector/1/metric.pt"
        )
    if kind.query_tempi:
        raise CoversimError(
            f"{metric.name}: a song is sought at several tempi, and the ONNX would know one point of it. Remedy: name an "
            "experiment without query.tempi"
        )
    runtime = [_needed(name) for name in ("onnx", "onnxscript", "onnxruntime")][-1]
    encoder, fft = kind.encoder.cpu(), kind.encoder.settings["fft"]
    tempi = encoder.settings["model"]["tempi"]
    shortest = fft["frames"] or _shortest(encoder, tempi)
    metadata = {
        "metric": metric.name,
        "features": " ".join(kind.features),
        "tempi": " ".join(map(str, tempi)),
        **(
            {"frames": str(shortest)}
            if fft["frames"]
            else {"rate": str(fft["rate"]), "least_frames": str(shortest)}
        ),
    }
    noise = _noise(len(kind.features), shortest if fft["frames"] else int(LONG * shortest))
    time = torch.export.Dim("frames", min=shortest, max=MINUTES * 60 * 100)
    program = _translated(_OneSong(encoder, tempi).eval(), noise, {} if fft["frames"] else {2: time})
    program.model.metadata_props.update(metadata)
    with replacing(path, recorded=False) as temporary:
        program.save(temporary)
        for length in {shortest, noise.shape[-1]}:
            _check(runtime, temporary, encoder, noise[..., :length], tempi)
    return metadata


class _OneSong(nn.Module):
    """An encoder of one song, which needs no padding: no shape depends on what a mask holds."""

    def __init__(self, encoder: Encoder, tempi: list[float]):
        super().__init__()
        self.encoder, self.tempi = encoder, tempi

    def forward(self, frames: Tensor) -> Tensor:
        played = [self._embedding(_played(frames, tempo)) for tempo in self.tempi]
        return encoders.mean_embedding(played)[0]

    def _embedding(self, frames: Tensor) -> Tensor:
        encoder, network = self.encoder, self.encoder.network
        lengths = torch.full((1,), frames.shape[-1])
        seen, linear = encoder.inputs(frames[None], lengths)
        if isinstance(network, Motif):
            learned = network.summarised(gem(network.found(seen[0][0]), network.exponent)[None])
        else:
            learned = network(*seen)
        return encoder.joined(learned, linear)


def _played(frames: Tensor, tempo: float) -> Tensor:
    """As coversim.features.patches.at_tempo, in whole numbers, which a shape may be."""
    if tempo == 1:
        return frames
    exact = Fraction(tempo).limit_denominator(10_000)
    length = (2 * frames.shape[-1] * exact.denominator + exact.numerator) // (2 * exact.numerator)
    return interpolate(frames, size=length, mode="linear", align_corners=False)


def _shortest(encoder: Encoder, tempi: list[float]) -> int:
    """Frames that fill one window of each size at the fastest tempo: what is shorter would need padding."""
    seen: list[Any] = [encoder.patches, *([encoder.windows] if encoder.windows else [])]
    sizes = [size for one in seen for size in getattr(one, "sizes", None) or [one.window]]
    return math.ceil((max(sizes) + 1) * max(tempi))


def _noise(features: int, frames: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((features, 12, frames), np.float32))


def _translated(module: nn.Module, example: Tensor, dynamic: dict[int, Any]) -> Any:
    """The ONNX program of a module; what its makers tell each other meanwhile is not for the user."""
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["frames"],
                output_names=["embedding"],
                dynamic_shapes=(dynamic,),
            )
    finally:
        logging.disable(logging.NOTSET)


def _needed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise CoversimError(
            f"to export, {name} must be installed. Remedy: pip install onnx onnxscript onnxruntime"
        ) from error


def _check(runtime: Any, path: Path, encoder: Encoder, frames: Tensor, tempi: list[float]) -> None:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"frames": frames.numpy()})
    expected = encoders.embed(encoder, [frames], torch.device("cpu"), tempi)[0].numpy()
    if found.shape != expected.shape or not np.abs(found - expected).max() <= TOLERANCE:
        raise CoversimError(
            f"what ONNX computes differs from PyTorch by {np.abs(found - expected).max():.1e}. Remedy: try other versions "
            "of torch, onnx and onnxscript"
        )
