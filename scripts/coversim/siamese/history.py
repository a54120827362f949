"""What a training went through: one row per epoch, the first being epoch 0, the untrained network.

Free of torch, since the table of metrics asks which epoch was kept; and of pandas, which no training loads.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from coversim.storage import tsv
from coversim.storage.atomic import replacing
from coversim.storage.checksums import check

HISTORY = ("epoch", "train_loss", "valid_map", "learning_rate", "seconds")


def kept_epoch(valid_maps: Sequence[float]) -> int:
    """The epoch whose weights a model has: the first with the highest of the validation MAPs, from epoch 0 on.

    Without validation covers, where all are NaN, it is the last.
    """
    kept = 0
    for epoch, valid_map in enumerate(valid_maps):
        if not valid_map <= valid_maps[kept]:
            kept = epoch
    return kept


def outcome(valid_maps: Sequence[float]) -> str:
    """What became of a training with these validation MAPs, from epoch 0 on, in words."""
    if not valid_maps:
        return "nothing was trained"
    kept = kept_epoch(valid_maps)
    if kept == 0:
        return "kept epoch 0: training did not help; this is the untrained network"
    return f"kept epoch {kept} of {len(valid_maps) - 1}"


def write_history(path: Path, history: list[dict]) -> None:
    """One row per epoch; the untrained epoch 0 has no loss, and its cell stays empty."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HISTORY, dialect="excel-tab", lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def read_valid_maps(path: Path) -> list[float]:
    """The validation MAP of each epoch of a history that was written; none of what takes no epochs.

    A damaged file is a CoversimError.
    """
    check(path)
    return [float(row["valid_map"]) for row in tsv.read(path)]
