"""What a run consists of: its data sets, experiments and collections, and the names of what they share.

The main Snakemake process makes the plan from the configuration and one walk through each data set, without
writing anything. It writes the catalogue when it begins to run jobs; a job makes the plan from the configuration
and that catalogue.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from coversim.dataset.catalogue import (
    DataSet,
    catalogue_files,
    check_splits,
    encoded,
    shard_name,
    summarise,
    write_if_changed,
)
from coversim.dataset.features import FRAME_RATE
from coversim.errors import CoversimError
from coversim.storage.checksums import digest
from coversim.workflow.data_sets import DEMO_TITLES, check_found, data_sets, sources, walk_all
from coversim.workflow.experiments import Experiment, patch_settings, resolve

PREFERRED_FEATURES = ("crema", "hpcp", "cens")  # where the configuration names none: the first there is
CATALOGUE = Path("catalogue")
CONFIG = Path("config.json")
WALKED = ("datasets", "demo_corpus", "shards", "split")  # sections on which a catalogue depends


@dataclass(frozen=True)
class Plan:
    """Names that the rules look up; every attribute follows from the configuration and the catalogue."""

    datasets: list[str]
    """All data sets, those to train with first."""
    training: list[str]
    """Those that are split and trained with; the others are benchmarks."""
    collections: list[str]
    """What is evaluated: `valid` and `test` (unless the split has none) over all training data sets, where there are
    several also of each (`test/irish`), and each benchmark, by its name."""
    sources: dict[str, list[str]]
    """The data sets of each collection, and of the training pairs."""
    songs: dict[str, int]
    """Number of songs of each data set."""
    rates: dict[str, float]
    """Frames per second of the files of each data set."""
    shards: list[str]
    experiments: dict[str, Experiment]
    titles: list[str]
    """The metadata file of each data set that has one: what its songs are called."""
    demo: bool
    """Whether the training data set is the demo corpus."""
    unreachable: str = ""
    """Why the data sets could not be walked, where the plan is made from the catalogue of the last run."""
    digests: dict[str, str] = field(default_factory=dict, compare=False)
    """Of the content of each file of the catalogue; known to the main process only."""
    files: Callable[[], Iterator[tuple[Path, str]]] = field(default=lambda: iter(()), compare=False)
    """Path below the results and text of each file of the catalogue that is to be written."""

    def write(self, results: Path) -> None:
        """Write the catalogue: to be called while Snakemake holds its lock."""
        for path, text in self.files():
            write_if_changed(results / path, text)

    @property
    def runs(self) -> list[str]:
        """experiment/seed of each evaluation."""
        return [run for experiment in self.experiments.values() for run in experiment.runs]

    @property
    def models(self) -> list[str]:
        """experiment/seed of each model."""
        return [
            run for experiment in self.experiments.values() if experiment.has_model for run in experiment.runs
        ]

    @property
    def frames(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Each kind of frames: its feature and sampling."""
        return {
            name: kind for experiment in self.experiments.values() for name, kind in experiment.frames.items()
        }

    @property
    def telling_frames(self) -> str:
        """The kind of frames by which copies are told: that of most experiments, so that one more seldom changes it."""
        used = Counter(name for experiment in self.experiments.values() for name in experiment.frames)
        return min(used, key=lambda name: (-used[name], name))

    @property
    def patches(self) -> dict[str, Experiment]:
        """Each kind of patches with principal components, and an experiment that has it."""
        return {
            experiment.patches: experiment for experiment in self.experiments.values() if experiment.patches
        }

    def corpus_of(self, dataset: str) -> list[str]:
        """What must be written before a data set's songs can be read: the demo corpus."""
        return [DEMO_TITLES] if self.demo and dataset == "train" else []

    @property
    def training_pairs(self) -> list[str]:
        """The collections of training pairs: one of each training data set."""
        return [f"train/{name}" for name in self.training] if len(self.training) > 1 else ["train"]


def make_plan(config: Mapping[str, Any], results: Path, walk: bool) -> Plan:
    """The plan of a run in the folder `results`: from a walk through its data sets, or from its catalogue."""
    datasets = data_sets(config)
    found, unreachable = _walk(config, datasets, results) if walk else ({}, "")
    if config["on_bad_song"] == "fail":
        for name, data_set in found.items():
            check_found(datasets[name]["root"], data_set.problems)
    summaries = {
        name: summarise(found[name]) if name in found else _read_summary(results, name) for name in datasets
    }
    training = [name for name, chosen in datasets.items() if chosen["role"] == "train"]
    check_splits([summaries[name] for name in training], ("train", "valid"))
    experiments = resolve(config, _default_features([summaries[name]["features"] for name in training]))
    _check_features(experiments, summaries)
    sources_of = sources(datasets)
    # made anew for each use, so that the texts of a million songs are never in memory together
    files = partial(_files, config, experiments, found)
    return Plan(
        datasets=list(datasets),
        training=training,
        collections=_evaluated(sources_of, summaries),
        sources=sources_of,
        songs={name: summary["songs"] for name, summary in summaries.items()},
        rates={name: chosen["rate"] or FRAME_RATE for name, chosen in datasets.items()},
        shards=[shard_name(shard) for shard in range(config["shards"])],
        experiments=experiments,
        titles=[summary["titles"][0] for summary in summaries.values() if summary["titles"]],
        demo=datasets[training[0]]["root"] is None,
        unreachable=unreachable,
        digests=_digests(results, files(), found) if walk else {},
        files=files,
    )


def _walk(
    config: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]], results: Path
) -> tuple[dict[str, DataSet], str]:
    """What the data sets hold; nothing, and why, where the catalogue of the last run can stand in for them."""
    try:
        return walk_all(config, datasets, results), ""
    except CoversimError as error:
        if not _has_catalogue_of(config, results):
            raise
        # songs cannot be read now; what was made from them can be looked at
        logging.warning("%s. Planning from the catalogue of the last run", error)
        return {}, str(error)


def _evaluated(
    sources_of: Mapping[str, Sequence[str]], summaries: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The collections that are evaluated: all but those to train with, of splits that there are."""
    split_of = {name: name.partition("/")[0] for name in sources_of}
    return [
        name
        for name, datasets in sources_of.items()
        if split_of[name] != "train"
        and any(split_of[name] in summaries[dataset]["split"] for dataset in datasets)
    ]


def _files(
    config: Mapping[str, Any], experiments: Mapping[str, Experiment], found: Mapping[str, DataSet]
) -> Iterator[tuple[Path, str]]:
    """Path below the results and text of each file of the catalogue."""
    yield CONFIG, _text({**_sorted(config), "experiments": config["experiments"]})
    for name, one in experiments.items():
        yield Path("experiments", f"{name}.json"), _text(_sorted(one.model_settings))
        if one.patches:
            yield Path("patches", f"{one.patches}.json"), _text(_sorted(patch_settings(one.settings)))
    used = sorted({feature for one in experiments.values() for feature, _ in one.frames.values()})
    for name, data_set in found.items():
        yield from catalogue_files(data_set, CATALOGUE / name, used, config["shards"])


def _default_features(available: list[list[str]]) -> list[str]:
    """The best feature that all training data sets have; without one, that of the first, which is then refused."""
    common = [feature for feature in PREFERRED_FEATURES if all(feature in has for has in available)]
    return [*common, *available[0]][:1]


def _check_features(
    experiments: Mapping[str, Experiment], summaries: Mapping[str, Mapping[str, Any]]
) -> None:
    for experiment, (dataset, summary) in product(experiments.values(), summaries.items()):
        for feature, _ in experiment.frames.values():
            if feature not in summary["features"]:
                raise CoversimError(
                    f"experiment '{experiment.name}' uses {feature}, which the data set {summary['root']} does not have "
                    f"(datasets.{dataset}.features: {', '.join(summary['features'])}). Remedy: change `features`"
                )


def _sorted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Equal settings in equal order."""
    return json.loads(json.dumps(settings, sort_keys=True))


def _text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=1, ensure_ascii=False) + "\n"


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
    results: Path, files: Iterable[tuple[Path, str]], found: Mapping[str, DataSet]
) -> dict[str, str]:
    """SHA-256, by path below the results: what decides whether a job that reads the file is stale."""
    digests = {str(path): hashlib.sha256(encoded(text)).hexdigest() for path, text in files}
    for path in () if found else (results / CATALOGUE).rglob("[!.]*.*"):
        digests[str(path.relative_to(results))] = digest(path)
    return digests
