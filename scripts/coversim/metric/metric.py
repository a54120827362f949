"""A finished metric: one file, which knows all that it takes to compare songs, and what compares them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coversim.errors import CoversimError
from coversim.evaluation import probability
from coversim.evaluation.probability import PRIOR, Calibration
from coversim.metric import places
from coversim.metric.kinds.kind import Kind
from coversim.metric.kinds.known import KINDS
from coversim.metric.kinds.sequences import Sequences
from coversim.metric.of_run import metric_of
from coversim.metric.places import Place
from coversim.metric.songs import Song, opened
from coversim.sequences.passages import untrained
from coversim.sequences.projection import PatchEncoder
from coversim.storage import torch_files
from coversim.storage.checksums import check

# Songs are embedded one by one, and oneDNN keeps what it made for each length: 1,024 such things, 2 GB, unless told otherwise.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")

FORMAT = "coversim metric"
VERSION = 8
KEYS = {"format", "version", "kind", "content", "calibration", "about"}
OF_TRAINING = {"settings", "projection", "linear", "network", "digest", "epoch"}
"""Keys of model.pt, which the rule `train` leaves: a metric without calibration."""


@dataclass(frozen=True)
class Comparison:
    """What a metric says of two songs."""

    distance: float
    probability: float | None  # None without a calibration
    prior: float
    verdicts: dict[str, bool | None]  # by operating point
    place: Place | None


class Metric:
    """The distance of two songs, small for covers.

        metric = Metric.load("results/mine/models/sequence/1/metric.pt")
        a, b = metric.embed("P_1.h5"), metric.embed(chroma, rate=44100 / 512)
        metric.distance(a, b), metric.probability(a, b)

    Wherever a song is wanted, a path will do: a file of features in the form of Da-TACOS.

    Attributes
    ----------
    kind : what compares songs: an embedding, or a sequence
    calibration : from distance to probability; None where there were no pairs to fit it to
    about : experiment, seed, settings, and what it was trained on
    """

    def __init__(
        self, kind: Kind, calibration: Mapping[str, Any] | None = None, about: Mapping[str, Any] | None = None
    ):
        """`calibration` is what calibration.json holds."""
        self.kind, self.about = kind, dict(about or {})
        self._calibration = calibration
        self.calibration: Calibration | None = probability.read(calibration) if calibration else None

    @property
    def name(self) -> str:
        """Experiment and seed, and which kind it is of."""
        run = "/".join(str(self.about[key]) for key in ("experiment", "seed") if key in self.about)
        return f"{run or 'unnamed'} ({self.kind.name})"

    @property
    def operating_points(self) -> dict[str, dict[str, Any]]:
        """By name: the `threshold`, and of each collection that it was not fitted to, what it was worth there."""
        return self._calibration["operating_points"] if self._calibration else {}

    @classmethod
    def load(cls, path: str | os.PathLike, device: str = "cpu") -> "Metric":
        """Read what `save` wrote; a model.pt of a training is a metric without calibration.

        The folder of a run's results stands for the metric of its first experiment; `name` says which that is.

        Raises CoversimError for a file that is absent, damaged, or of a form that this version does not know.
        """
        path = Path(path)
        if path.is_dir():
            path, _ = metric_of(path)
        content = _read(path)
        if content.keys() == OF_TRAINING:
            content = {"kind": "embedding", "content": {"model": content, "query_tempi": []}} | dict.fromkeys(
                ("calibration", "about"), "{}"
            )
        else:
            _check_form(path, content)
        try:
            kind = KINDS[content["kind"]].of(content["content"], device)
            return cls(kind, json.loads(content["calibration"]), json.loads(content["about"]))
        except Exception as error:  # torch raises all sorts of errors where weights do not fit
            raise CoversimError(f"{path}: what it holds does not fit together ({error}). {REMEDY}") from error

    def save(self, path: str | os.PathLike) -> None:
        """Write all of it to a file that appears once it is whole, and that no code is run to read."""
        torch_files.save(
            path,
            {
                "format": FORMAT,
                "version": VERSION,
                "kind": self.kind.name,
                "content": self.kind.content(),
                "calibration": json.dumps(self._calibration or {}, sort_keys=True),
                "about": json.dumps(self.about, sort_keys=True),
            },
        )

    def opened(self, song: Any, rate: float | None = None) -> Song:
        """The chroma of a song that the metric sees: see coversim.metric.songs."""
        return song if isinstance(song, Song) else opened(song, self.kind.features, rate)

    def embed(self, song: Any, rate: float | None = None) -> Any:
        """What the metric compares of a song, whatever it was trained to see of it: tempi, sampling, PCA.

        Parameters
        ----------
        song : path of a file, or array (12, T), or (C, 12, T) where the metric sees C features; row 0 is pitch class C
        rate : frames per second, of an array; of a file too, where they are not those of Da-TACOS
        """
        return self.kind.embed(self.opened(song, rate))

    def distance(self, a: Any, b: Any) -> float:
        """The distance of two songs, each a path or what `embed` made of it.

        Where songs are sought at several tempi (`query.tempi`), `a` is the one that is sought. As sequences, where `a` is
        compared second by second with each half second of `b`, the distance is not quite symmetric: the other way round
        it differs by .5 % as a rule, and seldom by more than 5 %.
        """
        a, b = (self.embed(song) if isinstance(song, str | os.PathLike | Song) else song for song in (a, b))
        return float(self.kind.distances(a, self.kind.packed([b]))[0])

    def probability(self, a: Any, b: Any, prior: float = PRIOR) -> float:
        """The probability that two songs are covers of each other, where before comparing them it was `prior`."""
        if self.calibration is None:
            raise CoversimError(
                "this metric was not calibrated, so it knows distances only. Remedy: load metric.pt, which the workflow "
                "leaves beside model.pt; it needs validation works with covers"
            )
        return self.calibration.probability(self.distance(a, b), prior)

    def compare(self, a: Any, b: Any, prior: float = PRIOR) -> Comparison:
        """All that is known of two songs: paths, or what `opened` gives."""
        a, b = self.opened(a), self.opened(b)
        distance = self.distance(a, b)
        known = self.calibration
        return Comparison(
            distance,
            known.probability(distance, prior) if known else None,
            prior,
            known.verdicts(distance) if known else {},
            places.common(a, b, self.projection),
        )

    @property
    def projection(self) -> PatchEncoder:
        """By which it is found where two songs match: its own, or patches as they are."""
        if isinstance(self.kind, Sequences):
            return self.kind.projection
        return untrained(len(self.kind.features))

    def same_as(self, other: "Metric") -> bool:
        """Whether what both make of songs can be compared."""
        return self.kind.name == other.kind.name and _equal(self.kind.content(), other.kind.content())

    def says_as(self, other: "Metric") -> bool:
        """Whether both say the same of distances: probabilities, verdicts, and where they come from."""
        return self._calibration == other._calibration and self.about == other.about


REMEDY = "Remedy: have the workflow make it anew: delete it and run, or copy it again"


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CoversimError(
            f"{path}: no such file. Remedy: name a metric.pt; the target bundles leaves one in models/<experiment>/<seed>, "
            "but none of experiments that align songs frame by frame (Qmax, mean chroma)"
        )
    check(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises all sorts of errors on a damaged file
        raise CoversimError(f"{path}: not a metric, or a damaged one. {REMEDY}") from error
    if not isinstance(content, dict):
        raise CoversimError(f"{path}: no metric, but {type(content).__name__}. {REMEDY}")
    return content


def _check_form(path: Path, content: dict[str, Any]) -> None:
    """Raise CoversimError for what this version would misunderstand."""
    if content.get("format") != FORMAT:
        raise CoversimError(f"{path}: no metric of coversim. Remedy: name a metric.pt of a run")
    if content.get("version") != VERSION:
        raise CoversimError(
            f"{path}: of version {content.get('version')}, and this coversim reads version {VERSION}. "
            "Remedy: use the coversim that wrote it, or have this one's workflow make it anew"
        )
    if content.keys() != KEYS:
        odd = ", ".join(sorted(map(str, content.keys() ^ KEYS)))
        raise CoversimError(f"{path}: entries that are missing or unknown: {odd}. {REMEDY}")
    if content["kind"] not in KINDS:
        raise CoversimError(
            f"{path}: a metric of kind {content['kind']!r}; this coversim knows {', '.join(KINDS)}. "
            "Remedy: install a newer coversim"
        )


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)
