"""What a run consists of: its data sets, experiments and collections, and the names of what they share.

The main Snakemake process makes the plan from the configuration and one walk through each data set, and
leaves the catalogue on disk; a job makes it from the configuration and that catalogue.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coversim import demo_songs, tsv
from coversim.catalogue import (
    check_split,
    shard_name,
    split_works,
    write_catalogue,
    write_if_changed,
    write_manifests,
)
from coversim.config import as_json, experiments
from coversim.errors import CoversimError
from coversim.layout import File, Layout, Problem, Song, recognise, walk
from coversim.metadata import find

PREFERRED_FEATURES = ("crema", "hpcp", "cens")  # where the configuration names none: the first there is
PATCH_KEYS = {
    "fourier": ("seconds", "hop", "sharpness", "compression"),
    "frames": ("seconds", "hop", "sharpness"),
    "flat": ("sharpness",),
}
BASELINES = {  # kinds of model without a network, and the settings of model and train that they read
    "mean": (("kind", "tempi"), ("epochs",)),
    "median": (("kind", "tempi"), ("epochs",)),
    "lda": (("kind", "tempi", "embedding"), ("epochs", "works")),
}
PAIRWISE = ("qmax", "chroma")  # kinds of model that compare songs pair by pair and embed none
SEEN_SPLITS = ("train", "valid")  # splits whose works a benchmark must not hold: something was chosen on them


@dataclass(frozen=True)
class Plan:
    """Names that the rules look up; every attribute follows from the configuration and the catalogue."""

    datasets: list[str]
    """`train`, and `benchmark` where one is configured."""
    collections: list[str]
    """What is evaluated: `valid`, `test` unless the split has none, `benchmark`."""
    dataset_of: dict[str, str]
    """The data set of each collection, and of the training pairs."""
    shards: list[str]
    settings: dict[str, str]
    """JSON of each experiment's resolved settings."""
    frames: dict[str, dict[str, str]]
    """Each kind of frames: its feature, and the arguments that set its sampling."""
    frames_of: dict[str, list[str]]
    """The kinds of frames of each experiment, one per feature."""
    patches: dict[str, str]
    """Each kind of patches with a PCA, and one experiment that has it."""
    patch_settings: dict[str, str]
    """JSON of the settings on which each kind of patches depends."""
    pca_of: dict[str, list[str]]
    """The PCA file of each experiment, if it has one."""
    pairs_of: dict[str, list[str]]
    """The pair table that each experiment trains on, if it does."""
    runs: list[str]
    """experiment/seed of each evaluation; an experiment that trains nothing has one seed."""
    models: list[str]
    """experiment/seed of each model: all runs but those of experiments that compare songs pair by pair, or fuse."""
    embedded: list[str]
    """experiment/seed of all embeddings: those of models, and those that are fused."""
    fused: dict[str, dict[str, list[str]]]
    """Of each experiment that fuses others, and each seed: experiment/seed of its parts."""
    alignment: dict[str, str]
    """Arguments of each experiment that aligns songs: to compare all with all, or to re-rank."""
    query: dict[str, str]
    """Arguments of each experiment that says what a song is sought by; empty where by its own embedding."""
    rerank: dict[str, str]
    """Arguments of each experiment's re-ranking; empty without one."""
    device: dict[str, str]
    """Where each experiment computes."""
    titles: list[str]
    """The metadata file of each data set that has one: what its songs are called."""
    demo: bool
    """Whether the training data set is the demo corpus."""
    demo_metadata: str = demo_songs.METADATA

    def corpus_of(self, wildcards: Any) -> list[str]:
        """What must be written before a data set's songs can be read: the demo corpus."""
        return (
            [f"<results>/demo_corpus/{self.demo_metadata}"]
            if self.demo and wildcards.dataset == "train"
            else []
        )


def make_plan(config: Mapping[str, Any], results: Path, write: bool) -> Plan:
    """The plan of a run below `results`; with `write`, its catalogue is brought up to date first."""
    datasets = [name for name in ("train", "benchmark") if config["datasets"].get(name)]
    songs = {name: _write_catalogue(config, name, results) for name in datasets if write}
    if write:
        write_if_changed(results / "config.json", json.dumps(config, indent=1, ensure_ascii=False) + "\n")
    summaries = {name: _read_summary(results, name) for name in datasets}
    splits = summaries["train"]["split"]

    settings = experiments(config, _default_features(summaries["train"]["features"]))
    if not settings:
        raise CoversimError("the configuration has no experiment. Remedy: add one under `experiments`")
    # what fuses others sees frames only to align them
    framed = {
        name: chosen
        for name, chosen in settings.items()
        if not chosen["fuse"] or chosen["rerank"]["candidates"]
    }
    for experiment, chosen in framed.items():
        _check_features(experiment, chosen["features"], summaries)
    frames = {
        frames_name(feature, chosen["fft"]): (feature, chosen["fft"])
        for chosen in framed.values()
        for feature in chosen["features"]
    }
    for name, of_dataset in songs.items():
        used = sorted({feature for feature, _ in frames.values()})
        write_manifests(results / "catalogue" / name, of_dataset, used, config["shards"])
    embedding = {
        name: chosen
        for name, chosen in settings.items()
        if chosen["model"]["kind"] not in PAIRWISE and not chosen["fuse"]
    }
    for experiment, chosen in embedding.items():
        _check_tempi(experiment, chosen)
    with_pca = {name: chosen for name, chosen in embedding.items() if chosen["pca"]["components"]}
    fusing = {
        name: _parts(name, chosen["fuse"], embedding) for name, chosen in settings.items() if chosen["fuse"]
    }
    trained = {name for name, chosen in embedding.items() if chosen["train"]["epochs"]}
    trained |= {name for name, parts in fusing.items() if trained & set(parts)}
    seeds = {name: config["seeds"] if name in trained else config["seeds"][:1] for name in settings}
    runs = {name: [f"{name}/{seed}" for seed in of_experiment] for name, of_experiment in seeds.items()}
    return Plan(
        datasets=datasets,
        collections=["valid", *(["test"] if "test" in splits else []), *datasets[1:]],
        dataset_of={"train": "train", "valid": "train", "test": "train", "benchmark": "benchmark"},
        shards=[shard_name(shard) for shard in range(config["shards"])],
        settings={experiment: as_json(model_settings(chosen)) for experiment, chosen in settings.items()},
        frames={
            name: {"feature": feature, "sampling": _sampling(fft)} for name, (feature, fft) in frames.items()
        },
        frames_of={
            experiment: [frames_name(feature, chosen["fft"]) for feature in chosen["features"]]
            for experiment, chosen in framed.items()
        },
        patches={patches_name(chosen): experiment for experiment, chosen in reversed(with_pca.items())},
        patch_settings={
            patches_name(chosen): as_json(patch_settings(chosen)) for chosen in with_pca.values()
        },
        pca_of={
            experiment: [f"<results>/pca/{patches_name(chosen)}/pca-{chosen['pca']['components']}.npz"]
            if experiment in with_pca
            else []
            for experiment, chosen in settings.items()
        },
        pairs_of={
            experiment: ["<results>/pairs/train.parquet"]
            if chosen["train"]["epochs"] and chosen["train"]["loss"]["negatives"] == "pairs"
            else []
            for experiment, chosen in settings.items()
        },
        runs=[run for name in settings for run in runs[name]],
        models=[run for name in embedding for run in runs[name]],
        embedded=[run for name in (*embedding, *fusing) for run in runs[name]],
        fused={
            name: {
                str(seed): [f"{part}/{seed if part in trained else seeds[part][0]}" for part in parts]
                for seed in seeds[name]
            }
            for name, parts in fusing.items()
        },
        alignment={
            name: _alignment(chosen)
            for name, chosen in settings.items()
            if chosen["rerank"]["candidates"] or (name not in embedding and name not in fusing)
        },
        query={name: _query(chosen["query"]) for name, chosen in settings.items()},
        rerank={
            name: _reranking(chosen["rerank"]) if chosen["rerank"]["candidates"] else ""
            for name, chosen in settings.items()
        },
        device={experiment: chosen["train"]["device"] for experiment, chosen in settings.items()},
        titles=[summary["metadata"] for summary in summaries.values() if summary["metadata"]],
        demo=config["datasets"]["train"]["root"] is None,
    )


def frames_name(feature: str, fft: Mapping[str, Any]) -> str:
    """Name of one feature at one sampling, e.g. `crema-4hz` or `hpcp-256frames`."""
    return f"{feature}-{fft['frames']}frames" if fft["frames"] else f"{feature}-{fft['rate']:g}hz"


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


def model_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings on which the model depends: not on where it is computed, nor on what comes after it.

    A baseline has no network.
    """
    train, model = settings["train"], settings["model"]
    of_model, untrained = BASELINES.get(model["kind"], (model, ("epochs",)))
    return {key: value for key, value in settings.items() if key not in ("query", "rerank", "fuse")} | {
        "train": {key: train[key] for key in (train if train["epochs"] else untrained) if key != "device"},
        "model": {key: model[key] for key in of_model},
    }


def _parts(experiment: str, parts: list[str], embedding: Mapping[str, Any]) -> list[str]:
    for part in parts:
        if part not in embedding:
            raise CoversimError(
                f"experiment '{experiment}' fuses '{part}', which has no embedding of its own. Remedy: name "
                f"experiments among {', '.join(embedding)}"
            )
    if len({tuple(tempi) for part in parts if (tempi := embedding[part]["query"]["tempi"])}) > 1:
        raise CoversimError(
            f"experiment '{experiment}' fuses others that are sought at different tempi. Remedy: give them the same "
            "query.tempi"
        )
    return parts


def _alignment(settings: Mapping[str, Any]) -> str:
    kind = settings["model"]["kind"]
    sharpness = " ".join(f"{value:g}" for value in settings["representation"]["sharpness"])
    if kind in PAIRWISE and not settings["fuse"]:
        return f"--method {kind} --sharpness {sharpness}"
    return f"--method qmax --sharpness {sharpness} --candidates {settings['rerank']['candidates']}"


def _query(chosen: Mapping[str, Any]) -> str:
    return (
        " ".join(("--query-tempi", *(f"{tempo:g}" for tempo in chosen["tempi"]))) if chosen["tempi"] else ""
    )


def _reranking(chosen: Mapping[str, Any]) -> str:
    return f"--weight {chosen['weight']:g} --neighbours {chosen['neighbours']}"


def _sampling(fft: Mapping[str, Any]) -> str:
    return f"--frames {fft['frames']}" if fft["frames"] else f"--rate {fft['rate']:g}"


def _default_features(available: list[str]) -> list[str]:
    return [next((feature for feature in PREFERRED_FEATURES if feature in available), available[0])]


def _check_features(experiment: str, features: list[str], summaries: Mapping[str, Mapping[str, Any]]) -> None:
    for dataset, summary in summaries.items():
        for feature in features:
            if feature not in summary["features"]:
                raise CoversimError(
                    f"experiment '{experiment}' uses {feature}, which the data set {summary['root']} does not have "
                    f"(datasets.{dataset}.features: {', '.join(summary['features'])}). Remedy: change `features`"
                )


def _check_tempi(experiment: str, settings: Mapping[str, Any]) -> None:
    tempi = {*settings["model"]["tempi"], *settings["query"]["tempi"]}
    if settings["fft"]["frames"] and tempi != {1}:
        raise CoversimError(
            f"experiment '{experiment}': songs of a fixed number of frames (fft.frames) have no tempo. Remedy: set its "
            "model.tempi to [1.0] and its query.tempi to []"
        )


def _read_summary(results: Path, dataset: str) -> dict[str, Any]:
    path = results / "catalogue" / dataset / "summary.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CoversimError(
            f"{path}: no catalogue yet. Remedy: start the workflow by its main command, which makes it"
        ) from None


def _write_catalogue(config: Mapping[str, Any], dataset: str, results: Path) -> list[Song]:
    """Write a data set's catalogue, but for the manifests; its songs."""
    chosen = dict.fromkeys(("subset", "layout", "features")) | config["datasets"][dataset]
    folder = results / "catalogue" / dataset
    if chosen["root"] is None and dataset == "train":
        root, (layout, songs, problems) = str(results / "demo_corpus"), _demo_songs(config["demo_corpus"])
        metadata = Path(root, demo_songs.METADATA)
    else:
        root = chosen["root"]
        layout = recognise(
            root, chosen["subset"], chosen["layout"], chosen["features"], key=f"datasets.{dataset}"
        )
        songs, problems = walk(root, layout)
        metadata = find(root, layout.subset)
    works = {song.work for song in songs}
    if dataset == "train":
        split = split_works(works, config["split"])
    else:
        seen = _seen_works(results)
        split = {work: "shared" if work in seen else "benchmark" for work in works}
    summary = write_catalogue(folder, root, layout, metadata, songs, problems, split, config["shards"])
    check_split(summary, ("train", "valid") if dataset == "train" else ("benchmark",))
    return songs


def _seen_works(results: Path) -> set[str]:
    """Works of the training data set on which something was fitted or chosen."""
    songs = tsv.read(results / "catalogue" / "train" / "songs.tsv")
    return {song["work"] for song in songs if song["split"] in SEEN_SPLITS}


def _demo_songs(demo: Mapping[str, Any]) -> tuple[Layout, list[Song], list[Problem]]:
    """The demo corpus' songs, known before it is written; its files' sizes and times are left at zero."""
    songs = [
        Song(
            work,
            performance,
            {feature: File(path, 0, 0) for feature, path in demo_songs.files(work, performance).items()},
        )
        for work, performance in demo_songs.songs(demo["works"], demo["seed"])
    ]
    return Layout("per-feature", demo_songs.SUBSET, demo_songs.FEATURES), songs, []
