"""The experiments of a run: the settings of each, and the names of what they make and share."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coversim.dataset.features import FEATURES
from coversim.errors import CoversimError
from coversim.siamese.kinds import KINDS
from coversim.workflow.config import merge

PITCH_CLASSES = 12
PRODUCTS = 42  # of the bispectrum, for each two lags
SEQUENCE_RATE = 4  # frames per second that coversim.sequences is made for
SECTIONS = ("features", "fft", "representation", "pca", "model", "train", "query", "rerank")
PATCH_KEYS = {
    "fourier": ("seconds", "hop", "power", "sharpness", "compression", "bispectrum"),
    "frames": ("seconds", "hop", "power", "sharpness"),
    "flat": ("sharpness",),
}


@dataclass(frozen=True)
class Experiment:
    """A named entry of the configuration, resolved."""

    name: str
    settings: dict[str, Any]
    """All sections of SECTIONS, and `fuse`."""
    seeds: list[int]
    """One where nothing is trained."""
    parts: list["Experiment"]
    """Experiments whose embeddings it joins; it has no model of its own then."""

    @property
    def runs(self) -> list[str]:
        """experiment/seed of each evaluation."""
        return [f"{self.name}/{seed}" for seed in self.seeds]

    @property
    def has_model(self) -> bool:
        return not self.parts and not KINDS[self.settings["model"]["kind"]].pairwise

    @property
    def has_network(self) -> bool:
        return self.has_model and KINDS[self.settings["model"]["kind"]].trains

    @property
    def trains(self) -> bool:
        """Whether it, or a part of it, is trained, and so depends on the seed."""
        return any(part.trains for part in self.parts) or (
            (self.has_model or self.trains_sequences) and self.settings["train"]["epochs"] > 0
        )

    @property
    def trains_sequences(self) -> bool:
        """Whether a network makes the vectors of its sequences."""
        return not self.parts and KINDS[self.settings["model"]["kind"]].projection == "network"

    @property
    def embeds(self) -> bool:
        return self.has_model or bool(self.parts)

    @property
    def reranks(self) -> bool:
        return self.settings["rerank"]["candidates"] > 0

    @property
    def aligns(self) -> bool:
        return self.reranks or not self.embeds

    @property
    def compares_by(self) -> str:
        """The kind by which it compares songs pair by pair, or would if it re-ranked."""
        return self.settings["rerank"]["by"] if self.embeds else self.settings["model"]["kind"]

    @property
    def projection(self) -> str:
        """How patches become the vectors of its sequences; empty where it does not compare sequences."""
        kind = KINDS[self.compares_by].projection if self.aligns else ""
        return f"{kind}-{self.training}" if self.trains_sequences else kind

    def projection_of(self, seed: int | str) -> str:
        """The same with this seed, on which a network depends."""
        return f"{self.projection}-{seed}" if self.trains_sequences else self.projection

    @property
    def frames(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Its kinds of frames: feature and sampling of each. What joins others sees frames only to align them."""
        if self.parts and not self.reranks:
            return {}
        fft = self.settings["fft"]
        return {frames_name(feature, fft): (feature, fft) for feature in self.settings["features"]}

    @property
    def patches(self) -> str:
        """The name of its patches; empty without principal components."""
        return patches_name(self.settings) if self.has_model and self.settings["pca"]["components"] else ""

    @property
    def model_settings(self) -> dict[str, Any]:
        """Settings on which the model depends: not on where it is computed, nor on what comes after it."""
        train, model = self.settings["train"], self.settings["model"]
        kind = KINDS[model["kind"]]
        untrained = ("epochs", "works") if kind.fitted_on else ("epochs",)
        unread = ("query", "rerank", "fuse", *(("representation", "pca") if self.trains_sequences else ()))
        kept = {key: value for key, value in self.settings.items() if key not in unread}
        return kept | {
            "train": {
                key: train[key] for key in (train if train["epochs"] else untrained) if key != "device"
            },
            "model": {key: model[key] for key in ("kind", *kind.reads)},
        }

    @property
    def training(self) -> str:
        """The name of its model's training: that of others, too, whose models depend on equal settings."""
        return hashlib.sha256(as_json(self.model_settings).encode()).hexdigest()[:12]

    @property
    def alignment(self) -> dict[str, Any]:
        """How its songs are compared pair by pair: all with all, or each with the first that its embedding finds."""
        method = self.compares_by
        return {
            "method": f"{method}-{self.training}" if self.trains_sequences else method,
            "transpositions": self.settings["model"]["transpositions"] if method == "qmax" else 1,
            "sharpness": words(self.settings["model"]["sharpness"]),
            "candidates": self.settings["rerank"]["candidates"],
            "refine": self.settings["model"]["refine"] if self.projection else 0,
            "double_tempo": self.double_tempo,
        }

    @property
    def double_tempo(self) -> str:
        """Which songs it compares as sequences at twice their tempo as well: by a linear projection, not by a network."""
        linear = self.projection and not self.trains_sequences
        return self.settings["model"]["double_tempo"] if linear else "none"

    @property
    def weight(self) -> float | str:
        """Of the comparison pair by pair beside its embedding; empty where there are not both."""
        return self.settings["rerank"]["weight"] if self.embeds and self.reranks else ""

    def run_of(self, seed: int | str) -> str:
        """Its run beside that of another experiment with this seed."""
        return f"{self.name}/{seed if int(seed) in self.seeds else self.seeds[0]}"


def resolve(config: Mapping[str, Any], features: list[str]) -> dict[str, Experiment]:
    """The experiments of a configuration; one that is set to null is left out.

    `features` is what to use where the configuration leaves it open.

    Raises
    ------
    CoversimError
        If settings do not go together.
    """
    settings = {
        name: _settings(name, config, changes, features)
        for name, changes in config["experiments"].items()
        if changes is not None
    }
    if not settings:
        raise CoversimError("the configuration has no experiment. Remedy: add one under `experiments`")
    whole = {
        name: _experiment(name, chosen, [], config["seeds"])
        for name, chosen in settings.items()
        if not chosen["fuse"]
    }
    for experiment in whole.values():
        _check_representation(experiment)
        _check_training(experiment)
        _check_tempi(experiment)
        _check_whole_songs(experiment)
        _check_lags(experiment)
    embedding = {name: experiment for name, experiment in whole.items() if experiment.embeds}
    joined = {
        name: _experiment(name, chosen, _parts(name, chosen["fuse"], embedding), config["seeds"])
        for name, chosen in settings.items()
        if chosen["fuse"]
    }
    experiments = {name: (whole | joined)[name] for name in settings}
    for experiment in experiments.values():
        _check_rate(experiment)
        _check_double_tempo(experiment)
        _check_first_step(experiment, experiments)
    return experiments


def _experiment(name: str, settings: dict[str, Any], parts: list[Experiment], seeds: list[int]) -> Experiment:
    experiment = Experiment(name, settings, seeds, parts)
    return experiment if experiment.trains else Experiment(name, settings, seeds[:1], parts)


def _settings(
    name: str, config: Mapping[str, Any], changes: Mapping[str, Any], features: list[str]
) -> dict[str, Any]:
    """An experiment's own entry over the top-level sections; of a sharpness per feature those of its features."""
    _check_fuse(name, changes)
    settings = merge({**{section: config[section] for section in SECTIONS}, "fuse": []}, changes)
    chosen = settings["features"] or features
    _check_chroma(name, chosen)
    of_each = {
        section: {"sharpness": _of_each(section, settings[section]["sharpness"], chosen, name)}
        for section in ("representation", "model")
    }
    return merge({**settings, "features": chosen}, of_each)


def frames_name(feature: str, fft: Mapping[str, Any]) -> str:
    """Name of one feature at one sampling, e.g. `crema-4hz` or `hpcp-256frames`."""
    return f"{feature}-{fft['frames']}frames" if fft["frames"] else f"{feature}-{fft['rate']:.15g}hz"


def patch_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an experiment's settings on which its patches depend."""
    chosen = settings["representation"]
    kept = {key: chosen[key] for key in ("kind", *PATCH_KEYS[chosen["kind"]])}
    return {"features": settings["features"], "fft": settings["fft"], "representation": kept}


def patches_name(settings: Mapping[str, Any]) -> str:
    """Name of an experiment's patches: readable, and different for different patch settings."""
    depends = patch_settings(settings)
    frames = "+".join(frames_name(feature, settings["fft"]) for feature in settings["features"])
    digest = hashlib.sha256(as_json(depends).encode()).hexdigest()[:6]
    return f"{depends['representation']['kind']}-{frames}-{digest}"


def patch_size(settings: Mapping[str, Any]) -> int:
    """Number of values of a patch, as coversim.features.patches makes it."""
    chosen, fft = settings["representation"], settings["fft"]
    if chosen["kind"] == "flat":
        return len(settings["features"]) * PITCH_CLASSES * (fft["frames"] or 1)
    windows = [max(2, round(seconds * fft["rate"])) for seconds in chosen["seconds"]]
    if chosen["kind"] == "frames":
        return len(settings["features"]) * windows[0]
    # of the Fourier transform of real values, without what mirrors another
    bins = [PITCH_CLASSES * (window // 2 + 1) - (10 if window % 2 == 0 else 5) for window in windows]
    lags = {round(seconds * fft["rate"]) for seconds in chosen["bispectrum"]}
    return len(settings["features"]) * (sum(bins) + PRODUCTS * len(lags) ** 2)


def as_json(settings: Any) -> str:
    """Compact JSON with sorted keys: the same settings give the same text."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def words(numbers: Iterable[float]) -> str:
    """Numbers as they are written on a command line."""
    return " ".join(f"{number:g}" for number in numbers)


def _parts(experiment: str, parts: list[str], embedding: Mapping[str, Experiment]) -> list[Experiment]:
    for part in parts:
        if part not in embedding:
            raise CoversimError(
                f"experiment '{experiment}' fuses '{part}', which has no embedding of its own. Remedy: name "
                f"experiments among {', '.join(embedding)}"
            )
    tempi = [embedding[part].settings["query"]["tempi"] for part in parts]
    if len({tuple(chosen) for chosen in tempi if chosen}) > 1:
        raise CoversimError(
            f"experiment '{experiment}' fuses others whose queries have different tempi. Remedy: give them the same query.tempi"
        )
    return [embedding[part] for part in parts]


def _check_representation(experiment: Experiment) -> None:
    chosen, frames = experiment.settings["representation"], experiment.settings["fft"]["frames"]
    model, kind = experiment.settings["model"]["kind"], chosen["kind"]
    if not experiment.has_model:
        return
    wrong = ""
    if kind not in KINDS[model].representations:
        wanted = " or ".join(KINDS[model].representations)
        wrong = f"model.kind: {model} takes no patches of representation.kind: {kind}. Remedy: set that to {wanted}"
    elif kind == "flat" and not frames:
        wrong = "representation.kind: flat needs songs of one length. Remedy: set its fft.frames, e.g. to 256"
    elif kind != "flat" and frames:
        wrong = (
            f"representation.kind: {kind} needs frames at a fixed rate. Remedy: set its fft.frames to null"
        )
    elif kind == "frames" and len(chosen["seconds"]) > 1:
        wrong = "representation.kind: frames has windows of one length. Remedy: list one in its representation.seconds"
    if wrong:
        raise CoversimError(f"experiment '{experiment.name}': {wrong}")


def _check_training(experiment: Experiment) -> None:
    model, train = experiment.settings["model"]["kind"], experiment.settings["train"]
    loss = train["loss"]
    if not experiment.trains:
        return
    wrong = ""
    if not KINDS[model].trains:
        wrong = f"model.kind: {model} has no network to train. Remedy: set its train.epochs to 0"
    elif loss["negatives"] == "pairs" and experiment.trains_sequences:
        wrong = (
            "train.loss.negatives: pairs names songs, and sequence_network learns from patches. Remedy: set it to all, "
            "semi_hard or hardest"
        )
    elif loss["negatives"] == "pairs" and loss["kind"] != "contrastive":
        wrong = (
            f"train.loss.kind: {loss['kind']} needs negatives of the batch, not of the table of pairs. Remedy: set its "
            "train.loss.negatives to all, semi_hard or hardest"
        )
    if wrong:
        raise CoversimError(f"experiment '{experiment.name}': {wrong}")


def _check_tempi(experiment: Experiment) -> None:
    settings = experiment.settings
    tempi = {*settings["model"]["tempi"], *settings["query"]["tempi"]}
    if experiment.has_model and settings["fft"]["frames"] and tempi != {1}:
        raise CoversimError(
            f"experiment '{experiment.name}': songs of a fixed number of frames (fft.frames) have no tempo. Remedy: set "
            "its model.tempi to [1.0] and its query.tempi to []"
        )


def _check_whole_songs(experiment: Experiment) -> None:
    """What a network of one patch per song would meet in its training alone, after hours of other jobs."""
    settings, train = experiment.settings, experiment.settings["train"]
    changed = {
        "train.excerpt": train["excerpt"],
        **{f"train.augmentation.{name}": train["augmentation"][name] for name in ("form", "tempo")},
    }
    wrong = [key for key, value in changed.items() if value]
    flat = settings["representation"]["kind"] == "flat"
    if experiment.has_network and flat and train["epochs"] and wrong:
        raise CoversimError(
            f"experiment '{experiment.name}': a network that sees whole songs (representation.kind: flat) sees them as they "
            f"are. Remedy: set its {', '.join(wrong)} to 0"
        )


def _check_lags(experiment: Experiment) -> None:
    chosen, rate = experiment.settings["representation"], experiment.settings["fft"]["rate"]
    if not (experiment.has_model and chosen["kind"] == "fourier" and chosen["bispectrum"]):
        return
    if round(max(chosen["bispectrum"]) * rate) >= max(2, round(max(chosen["seconds"]) * rate)):
        raise CoversimError(
            f"experiment '{experiment.name}': a lag of its representation.bispectrum is as long as the longest window. "
            "Remedy: choose shorter ones, or [], or a longer window in representation.seconds"
        )


def _check_double_tempo(experiment: Experiment) -> None:
    if experiment.double_tempo == "nearest" and not experiment.settings["model"]["refine"]:
        raise CoversimError(
            f"experiment '{experiment.name}': model.double_tempo is nearest, but no songs are compared again. Remedy: set "
            "model.refine to how many are, or model.double_tempo to all or none"
        )


def _check_first_step(experiment: Experiment, experiments: Mapping[str, Experiment]) -> None:
    found_by = experiment.settings["model"]["first_step"]
    if experiment.embeds or not experiment.projection or found_by is None:
        return
    features = experiment.settings["features"]
    could = [
        name for name, one in experiments.items() if one.has_model and one.settings["features"] == features
    ]
    if found_by not in could:
        raise CoversimError(
            f"experiment '{experiment.name}': its model.first_step '{found_by}' is no experiment of this run that has an "
            f"embedding of its own, of {', '.join(features)} as well. Remedy: "
            + (f"name one of {', '.join(could)}, or " if could else "")
            + "set it to null, and outlines of the sequences find the songs to match"
        )


def _check_rate(experiment: Experiment) -> None:
    fft = experiment.settings["fft"]
    if experiment.projection and (fft["frames"] or fft["rate"] != SEQUENCE_RATE):
        raise CoversimError(
            f"experiment '{experiment.name}': sequences ({experiment.compares_by}) are made of "
            f"{SEQUENCE_RATE} frames per second. Remedy: set its fft.rate to {SEQUENCE_RATE:.1f} and its fft.frames to null"
            + (", or its rerank.by to qmax" if experiment.embeds else "")
        )


def _check_fuse(experiment: str, changes: Mapping[str, Any]) -> None:
    unread = [key for key in ("representation", "pca", "model", "train", "query") if key in changes]
    if changes.get("fuse") and unread:
        raise CoversimError(
            f"experiment '{experiment}' fuses others and trains nothing: {', '.join(unread)} would not be read. "
            "Remedy: remove that, or fuse"
        )


def _check_chroma(experiment: str, features: list[str]) -> None:
    for feature in features:
        if FEATURES[feature].rows != PITCH_CLASSES:
            raise CoversimError(
                f"experiment '{experiment}' uses {feature}, which is no chroma: an encoder sees 12 pitch classes. "
                "Remedy: choose `features` from crema, hpcp and cens"
            )


def _of_each(
    section: str, sharpness: float | Mapping[str, float], features: list[str], experiment: str
) -> list[float]:
    """One value per feature, of one for all or of a mapping."""
    if not isinstance(sharpness, Mapping):
        return [sharpness] * len(features)
    for feature in features:
        if feature not in sharpness:
            raise CoversimError(
                f"experiment '{experiment}': {section}.sharpness has no value for {feature}. Remedy: add it"
            )
    return [sharpness[feature] for feature in features]
