"""The data sets of a run, by name, and the collections of songs that they are evaluated as."""

from collections.abc import Mapping, Sequence
from typing import Any

from coversim.errors import CoversimError

ROLES = {"train": "train", "benchmark": "benchmark"}  # of the names that imply one; all others train
DEFAULTS = dict.fromkeys(("root", "subset", "layout", "features", "rate", "same_works"))


def data_sets(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings of each data set, `role` included: first those to train with, then benchmarks, each by name.

    A data set `train` without a root is the demo corpus, which any data set with a root replaces.

    Raises
    ------
    CoversimError
        If there are benchmarks only, or the demo corpus is described as a data set of one's own is.
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
    return dict(ordered)


def sources(training: Sequence[str], benchmarks: Sequence[str]) -> dict[str, list[str]]:
    """The data sets whose songs make each collection.

    A collection is a split of all training data sets, one of a single one (`test/irish`) where there are several, or a
    benchmark, by its name.
    """
    of_all = {split: list(training) for split in ("train", "valid", "test")}
    of_each = {f"{split}/{name}": [name] for split in of_all for name in training if len(training) > 1}
    return of_all | of_each | {name: [name] for name in benchmarks}
