"""What a run consists of: its data sets, experiments and collections, and the names of what they share.

The main Snakemake process makes the plan from the configuration and one walk through each data set, without
writing anything. It writes the catalogue when it begins to run jobs; a job makes the plan from the configuration
and that catalogue.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coversim.dataset.catalogue import (
    DataSet,
    catalogue_files,
    check_split,
    encoded,
    shard_name,
    split_works,
    summarise,
    write_if_changed,
)
from coversim.dataset.da_tacos import File, Layout, Problem, Song, recognise, walk
from coversim.dataset.titles import find
from coversim.demo import songs as demo_songs
from coversim.errors import CoversimError
from coversim.siamese.kinds import KINDS
from coversim.workflow.config import as_json, experiments

PREFERRED_FEATURES = ("crema", "hpcp", "cens")  # where the configuration names none: the first there is
PATCH_KEYS = {
    "fourier": ("seconds", "hop", "sharpness", "compression"),
    "frames": ("seconds", "hop", "sharpness"),
    "flat": ("sharpness",),
}
CATALOGUE = Path("catalogue")
CONFIG = Path("config.json")
DEMO_TITLES = f"demo_corpus/{demo_songs.METADATA}"
WALKED = (
    "datasets",
    "demo_corpus",
    "shards",
    "split",
)  # sections of the configuration on which a catalogue depends
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
    songs: dict[str, int]
    """Number of songs of each data set."""
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
    unreachable: str = ""
    """Why the data sets could not be walked, where the plan is made from the catalogue of the last run."""
    digests: dict[str, str] = field(default_factory=dict, compare=False)
    """Of the content of each file of the catalogue, and of titles; known to the main process only."""
    files: Callable[[], Iterator[tuple[Path, str]]] = field(default=lambda: iter(()), compare=False)
    """Path below the results and text of each file of the catalogue that is to be written."""

    def write(self, results: Path) -> None:
        """Write the catalogue: to be called while Snakemake holds its lock."""
        for path, text in self.files():
            write_if_changed(results / path, text)

    def corpus_of(self, dataset: str) -> list[str]:
        """What must be written before a data set's songs can be read: the demo corpus."""
        return [DEMO_TITLES] if self.demo and dataset == "train" else []

    def parts_of(self, experiment: str, seed: str, dataset: str) -> list[str]:
        """The embeddings of a data set that a run fuses."""
        return [f"embeddings/{run}/{dataset}.h5" for run in self.fused[experiment][seed]]


def make_plan(config: Mapping[str, Any], results: Path, walk: bool) -> Plan:
    """The plan of a run in the folder `results`: from a walk through its data sets, or from its catalogue."""
    datasets = [name for name in ("train", "benchmark") if config["datasets"].get(name)]
    found: dict[str, DataSet] = {}
    unreachable = ""
    if walk:
        try:
            for name in datasets:
                found[name] = _walk(config, name, results, found.get("train"))
        except CoversimError as error:
            if not _has_catalogue_of(config, results):
                raise
            # songs cannot be read now; what was made from them can be looked at
            found, unreachable = {}, str(error)
            logging.warning("%s. Planning from the catalogue of the last run", error)
    summaries = {
        name: summarise(found[name]) if name in found else _read_summary(results, name) for name in datasets
    }
    for name in datasets:
        check_split(summaries[name], ("train", "valid") if name == "train" else ("benchmark",))
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
    used = sorted({feature for feature, _ in frames.values()})

    def files() -> Iterator[tuple[Path, str]]:
        # made anew for each use, so that the texts of a million songs are never in memory together
        yield CONFIG, json.dumps(config, indent=1, ensure_ascii=False) + "\n"
        for name, data_set in found.items():
            yield from catalogue_files(data_set, CATALOGUE / name, used, config["shards"])

    titles = [summary["metadata"] for summary in summaries.values() if summary["metadata"]]
    embedding = {
        name: chosen
        for name, chosen in settings.items()
        if not KINDS[chosen["model"]["kind"]].pairwise and not chosen["fuse"]
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
        songs={name: summary["songs"] for name, summary in summaries.items()},
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
            experiment: [f"pca/{patches_name(chosen)}/pca-{chosen['pca']['components']}.npz"]
            if experiment in with_pca
            else []
            for experiment, chosen in settings.items()
        },
        pairs_of={
            experiment: ["pairs/train.parquet"]
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
        titles=titles,
        demo=config["datasets"]["train"]["root"] is None,
        unreachable=unreachable,
        digests=_digests(results, files, titles, found) if walk else {},
        files=files,
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

    Of `model` a kind has its own keys, and of `train` what is not trained has next to none.
    """
    train, model = settings["train"], settings["model"]
    kind = KINDS[model["kind"]]
    untrained = ("epochs", "works") if kind.fitted_on else ("epochs",)
    return {key: value for key, value in settings.items() if key not in ("query", "rerank", "fuse")} | {
        "train": {key: train[key] for key in (train if train["epochs"] else untrained) if key != "device"},
        "model": {key: model[key] for key in ("kind", *kind.reads)},
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
    if KINDS[kind].pairwise and not settings["fuse"]:
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
    path = results / CATALOGUE / dataset / "summary.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CoversimError(
            f"{path}: no catalogue yet. Remedy: start the workflow by its main command, which makes it"
        ) from None


def _has_catalogue_of(config: Mapping[str, Any], results: Path) -> bool:
    """Whether the last run in this folder was of the same data sets, divided in the same way."""
    try:
        last = json.loads((results / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(last.get(section) == config[section] for section in WALKED)


def _digests(
    results: Path,
    files: Callable[[], Iterator[tuple[Path, str]]],
    titles: list[str],
    found: Mapping[str, DataSet],
) -> dict[str, str]:
    """SHA-256, by path below the results: what decides whether a job that reads the file is stale."""
    digests = {str(path): hashlib.sha256(encoded(text)).hexdigest() for path, text in files()}
    on_disk = [path for path in titles if path != DEMO_TITLES]  # which a rule makes
    if not found:
        on_disk += [str(path.relative_to(results)) for path in (results / CATALOGUE).rglob("*.*")]
    for path in on_disk:
        place = Path(os.path.normpath(results / path))  # before the first run the folder itself is not there
        if place.is_file():
            with place.open("rb") as file:
                digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _walk(config: Mapping[str, Any], dataset: str, results: Path, train: DataSet | None) -> DataSet:
    """What a data set holds; works of a benchmark on which something was fitted or chosen are `shared`."""
    chosen = dict.fromkeys(("subset", "layout", "features")) | config["datasets"][dataset]
    root = chosen["root"]
    if root is None and dataset == "train":
        root, (layout, songs, problems) = "demo_corpus", _demo_songs(config["demo_corpus"])
        metadata: str | None = DEMO_TITLES
    else:
        layout = recognise(
            root, chosen["subset"], chosen["layout"], chosen["features"], key=f"datasets.{dataset}"
        )
        songs, problems = walk(root, layout)
        titles = find(root, layout.subset)
        metadata = str(_seen_from(results, titles)) if titles else None
        root = str(_seen_from(results, Path(root)))
    works = {song.work for song in songs}
    if train is None:
        split = split_works(works, config["split"])
    else:
        split = {work: "shared" if train.split.get(work) in SEEN_SPLITS else "benchmark" for work in works}
    return DataSet(root, layout, metadata, songs, problems, split)


def _seen_from(folder: Path, path: Path) -> Path:
    """A path that is relative to the present folder, relative to another one; an absolute path as it is."""
    return path if path.is_absolute() else Path(os.path.relpath(path, folder))


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
