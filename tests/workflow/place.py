"""A place: a folder that holds all that a run of the workflow on a small real corpus needs.

`clone` (of the workflow), `data` (a data set in the layout of Da-TACOS), `run` (where Snakemake is started; the results lie
below it) and `run.yaml`. The run has two experiments on the same patches: a network, and a baseline without one.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import h5py
import yaml

import corpus
from coversim.dataset.splits import split_by_hash
from workflow import ROOT

WORKS = {f"W_{number}": [f"P_{number}.1", f"P_{number}.2"] for number in range(12)}
SPLIT = {"valid": 0.25, "test": 0.25, "seed": 0}
CONFIG = {
    "name": "small",
    "datasets": {"train": {"root": "../data"}},
    "shards": 3,
    "split": SPLIT,
    "representation": {"seconds": [2.0], "bispectrum": [0.0]},
    "pca": {"components": 4},
    "model": {"motifs": 2000, "embedding": 4, "tempi": [1.0]},  # of more than 1 MB, which `staleness` touches
    "train": {"epochs": 2},
    "evaluation": {"resamples": 100},
    "experiments": {
        **dict.fromkeys(("vector", "brief", "ftm2d", "pca", "sequence")),
        "network": {},
        "baseline": {"model": {"kind": "mean"}, "train": {"epochs": 0}},
    },
}
RESULTS = Path("run", "results", CONFIG["name"])
CLONED = ("Snakefile", "config.yaml", "requirements.lock", "envs", "profiles", "rules", "schemas", "scripts")


def make_place(place: Path) -> None:
    """A clone, a data set, and an empty working directory."""
    clone(place)
    corpus.write_corpus(place / "data", WORKS, features=["crema", "hpcp"], seconds=10)
    for path in (song(place, "train"), song(place, "test"), files_of(place, "W_1", "P_1.1")[1]):
        _store_uncompressed(path)  # for changes of content that leave the size as it is
    write_titles(place, "A Title")
    (place / "data" / "same.tsv").write_text("work\tsame_as\nW_1\tW_2\n", encoding="utf-8")
    (place / "run").mkdir()
    write_config(place, CONFIG)


def clone(place: Path) -> None:
    """The workflow, as a clone has it."""
    (place / "clone").mkdir(parents=True)
    for name in CLONED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, place / "clone" / name)


def song(place: Path, split: str) -> Path:
    """The crema file of a song whose work is in the given split."""
    work = of_split(split, WORKS)
    return corpus.song_path(place / "data", work, WORKS[work][0], "crema", "per-feature")


def of_split(split: str, works: Iterable[str]) -> str:
    return next(work for work in works if split_by_hash(work, **SPLIT) == split)


def files_of(place: Path, work: str, performance: str) -> list[Path]:
    return [
        corpus.song_path(place / "data", work, performance, feature, "per-feature")
        for feature in ("crema", "hpcp")
    ]


def write_config(place: Path, config: dict) -> None:
    (place / "run.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def write_titles(place: Path, title: str) -> None:
    path = place / "data" / "da-tacos_metadata" / "da-tacos_toy_subset_metadata.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"W_1": {"P_1.1": {"work_title": title}}}), encoding="utf-8")


def _store_uncompressed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        [(name, array)] = file.items()
        values = array[:]
        del file[name]
        file[name] = values
