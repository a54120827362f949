"""The data sets of a run, by name, what they hold, and the collections of songs that they are evaluated as."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coversim.dataset.catalogue import DataSet, Titles, split_works
from coversim.dataset.da_tacos import File, Layout, Problem, SongFiles, recognise, walk
from coversim.dataset.same_works import chains, renamed
from coversim.dataset.same_works import read as read_same_works
from coversim.dataset.splits import SPLITS
from coversim.dataset.titles import find
from coversim.demo import songs as demo_songs
from coversim.errors import CoversimError
from coversim.storage.checksums import digest

ROLES = {"train": "train", "benchmark": "benchmark"}  # of the names that imply one; all others train
SEEN_SPLITS = ("train", "valid")  # splits whose works a benchmark must not hold: something was chosen on them
DEMO_TITLES = f"demo_corpus/{demo_songs.METADATA}"
DEFAULTS = dict.fromkeys(("root", "subset", "layout", "features", "rate", "same_works"))


def data_sets(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings of each data set, `role` included: first those to train with, then benchmarks, each by name.

    A data set `train` without a root is the demo corpus, which any data set with a root replaces.

    Raises
    ------
    CoversimError
        If there are benchmarks only, the demo corpus is described as a data set of one's own is, or the split is made for
        one data set to train with and there are several.
    """
    named = {
        name: DEFAULTS | chosen | {"role": chosen.get("role") or ROLES.get(name, "train")}
        for name, chosen in sorted(config["datasets"].items())
        if chosen
    }
    for name, chosen in named.items():
        described = [key for key in DEFAULTS if chosen[key] is not None]
        if described and chosen["root"] is None:
            raise CoversimError(
                f"datasets.{name}: {', '.join(described)} would not be read without a root. Remedy: set datasets.{name}.root "
                "to the folder of the data set, or remove the rest"
            )
    with_root = {name: chosen for name, chosen in named.items() if chosen["root"] is not None}
    ordered = sorted((with_root or named).items(), key=lambda item: item[1]["role"] != "train")
    if not ordered or ordered[0][1]["role"] != "train":
        raise CoversimError(
            f"datasets: {', '.join(with_root)} is evaluated only, and there is nothing to train with. Remedy: add a data "
            "set with role: train, or give one of these that role"
        )
    training = [name for name, chosen in ordered if chosen["role"] == "train"]
    if len(training) > 1 and config["split"]["method"] == "first":
        raise CoversimError(
            f"split.method: first divides one data set, and {', '.join(training)} are several. Remedy: set it to hash, "
            "by which works that they share fall into the same split"
        )
    return dict(ordered)


def sources(datasets: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The data sets whose songs make each collection.

    A collection is a split of all training data sets, one of a single one (`test/irish`) where there are several, or a
    benchmark, by its name.
    """
    training = [name for name, chosen in datasets.items() if chosen["role"] == "train"]
    of_all = {split: list(training) for split in SPLITS}
    of_each = {f"{split}/{name}": [name] for split in of_all for name in training if len(training) > 1}
    return of_all | of_each | {name: [name] for name in datasets if name not in training}


def walk_all(
    config: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]], results: Path
) -> dict[str, DataSet]:
    """What each data set holds, those to train with first; paths as they are seen from the folder `results`.

    The split of a benchmark's works is its name; of those on which something was fitted or chosen it is `shared`. One
    CoversimError says what is wrong with each data set.
    """
    found: dict[str, DataSet] = {}
    seen: set[str] = set()
    wrong = []
    tables: dict[str, dict[str, str]] = {}
    for name, chosen in datasets.items():
        try:
            if chosen["root"] is None:
                data_set = _demo_corpus(config["demo_corpus"])
            else:
                names = read_same_works(Path(chosen["same_works"])) if chosen["same_works"] else {}
                tables[f"datasets.{name}.same_works"] = names
                data_set = _walk(name, chosen, names, results)
            works = {song.work for song in data_set.songs}
            if chosen["role"] == "train":
                split = split_works(works, config["split"])
                seen |= {work for work, of in split.items() if of in SEEN_SPLITS}
            else:
                split = {work: "shared" if work in seen else name for work in works}
        except CoversimError as error:
            wrong.append(str(error))
        else:
            found[name] = data_set._replace(split=split)
    wrong += chains(tables)
    if wrong:
        raise CoversimError("\n".join(wrong))
    return found


def _walk(name: str, chosen: Mapping[str, Any], names: dict[str, str], results: Path) -> DataSet:
    """What a data set with a root holds, its works by their other `names`, not yet split."""
    root = chosen["root"]
    layout = recognise(root, chosen["subset"], chosen["layout"], chosen["features"], key=f"datasets.{name}")
    songs, problems = walk(root, layout)
    if names:
        songs = renamed(songs, names)
    metadata = find(root, layout.subset)
    try:
        titles = Titles(str(_seen_from(results, metadata)), digest(metadata)) if metadata else None
    except OSError as error:
        raise CoversimError(f"{metadata}: {error.strerror}. Remedy: make it readable") from error
    return DataSet(str(_seen_from(results, Path(root))), layout, titles, songs, problems, {})


def check_found(root: str, problems: Sequence[Problem]) -> None:
    """Raise CoversimError for the first file that cannot be a song, as jobs do for those that they cannot use."""
    for problem in problems:
        song = f"{problem.work} {problem.performance}".rstrip()
        raise CoversimError(
            f"{root}: {song}: {problem.reason}. Remedy: {problem.remedy}, or set on_bad_song: set_aside, which lists all"
        )


def _demo_corpus(demo: Mapping[str, Any]) -> DataSet:
    """The demo corpus, known before a rule writes it; its files' sizes and times are left at zero."""
    songs = [
        SongFiles(
            work,
            performance,
            {feature: File(path, 0, 0) for feature, path in demo_songs.files(work, performance).items()},
        )
        for work, performance in demo_songs.songs(demo["works"], demo["seed"])
    ]
    layout = Layout("per-feature", demo_songs.SUBSET, demo_songs.FEATURES)
    return DataSet("demo_corpus", layout, Titles(DEMO_TITLES, ""), songs, [], {})


def _seen_from(folder: Path, path: Path) -> Path:
    """A path that is relative to the present folder, relative to another one, which a link may lead to; an absolute path as it is."""
    return (
        path
        if path.is_absolute()
        else Path(os.path.relpath(os.path.realpath(path), os.path.realpath(folder)))
    )
