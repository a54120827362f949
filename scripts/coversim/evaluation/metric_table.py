"""The metrics of many experiments, seeds and collections as one table."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from coversim.evaluation.metric_names import PAIRS, RETRIEVAL
from coversim.storage import json_files
from coversim.storage.atomic import replacing

FIRST = (
    *("experiment", "seed", "kept_epoch", "collection", "works", "songs", "queries"),
    *("map", "map_low", "map_high"),
    *(name for name in (*RETRIEVAL, *PAIRS) if name != "map"),
)


def read(paths: Iterable[Path]) -> pd.DataFrame:
    """A row per collection of each metrics.json, with all that it says of it, as objects; NaN where it is silent."""
    return pd.DataFrame(
        [
            {"experiment": found["experiment"], "seed": found["seed"], "collection": collection} | metrics
            for found in map(json_files.read, paths)
            for collection, metrics in found["collections"].items()
        ],
        dtype=object,
    )


def write(path: Path, table: pd.DataFrame) -> None:
    """metrics.tsv: the columns FIRST, then all others but the histogram."""
    columns = [*FIRST, *table.columns.difference([*FIRST, "histogram"], sort=False)]
    with replacing(path) as temporary:
        table.reindex(columns=columns).to_csv(temporary, sep="\t", index=False, lineterminator="\n")
