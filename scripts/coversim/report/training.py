"""Which experiments learned something, and how the training of the networks went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from coversim.report.plots import Axis, Chart, Line, points, spanning
from coversim.report.tables import Table, Training
from coversim.siamese.kinds import KINDS


def what_trained(epochs: pd.DataFrame, settings: Mapping[str, Any]) -> Training:
    """Trained are the experiments of which a seed kept a later epoch than 0, those that are fitted to covers at once, and
    those that fuse one of them.
    """
    chosen = {name: one or {} for name, one in (settings.get("experiments") or {}).items()}
    at_once = {name for name, one in chosen.items() if _learns_at_once(one, settings)}
    first = epochs[epochs.kept & (epochs.epoch == 0) & ~epochs.experiment.isin(at_once)]
    untrained = first.groupby("experiment").seed.agg(list).to_dict()
    seeds = epochs.groupby("experiment").seed.nunique()
    trained = {name for name in seeds.index if len(untrained.get(name, ())) < seeds[name]} | at_once
    fused = {name for name, one in chosen.items() if trained & set(one.get("fuse", ()))}
    return Training(trained | fused, untrained)


def _learns_at_once(chosen: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether an experiment's kind of model learns from covers before any epoch, of songs or of sequences."""
    model = settings.get("model", {}) | chosen.get("model", {})
    kind = KINDS.get(model.get("kind"))
    if kind is None:
        return False
    if kind.trains and kind.fitted_on:  # its linear part does, which only shows where no epoch follows
        epochs = (settings.get("train", {}) | chosen.get("train", {})).get("epochs")
        return epochs == 0 and model.get("linear") != 0
    return bool(kind.fitted_on) or kind.projection in ("lda", "network")


def best_baseline(tables: Sequence[Table]) -> tuple[str, float] | None:
    """The baseline of the highest validation MAP, of several data sets the mean within each, as trainings measure it."""
    within = [table for table in tables if table.collection.startswith("valid/")]
    maps = pd.DataFrame(
        [
            (row.experiment, row.metrics["map"].value)
            for table in within or [table for table in tables if table.collection == "valid"]
            for row in table.rows
            if row.kind == "baseline"
        ],
        columns=["experiment", "map"],
    )
    means = maps.groupby("experiment")["map"].mean().dropna()
    return None if means.empty else (str(means.idxmax()), float(means.max()))


def training_charts(epochs: pd.DataFrame, tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Loss and validation MAP of each trained experiment; the MAP on one common axis, beside the best baseline."""
    reference = best_baseline(tables)
    axis = spanning([*epochs.valid_map, *([reference[1]] if reference else [])])
    order = [row.experiment for row in tables[0].rows]
    charts = []
    for experiment in sorted(
        epochs.experiment.unique(), key=lambda name: order.index(name) if name in order else len(order)
    ):
        own = epochs[epochs.experiment == experiment]
        loss = spanning(own.train_loss)
        charts.append(
            {
                "experiment": experiment,
                "kept": [int(epoch) for epoch in own.epoch[own.kept]],
                "epochs": int(own.epoch.max()),
                "loss": training_chart(own, "train_loss", "training loss", loss, name_epochs=False),
                "map": training_chart(own, "valid_map", "validation MAP", axis, reference),
            }
        )
    return charts


def training_chart(
    epochs: pd.DataFrame,
    column: str,
    title: str,
    axis: Axis,
    reference: tuple[str, float] | None = None,
    name_epochs: bool = True,
) -> Chart:
    """`train_loss` or `valid_map` over the epochs of an experiment, one line per seed, the kept epochs marked.

    `epochs` has the columns seed, epoch, `column` and kept. `reference` is a baseline's name and value, drawn across;
    without `name_epochs` the horizontal axis is bare, for a plot that stands on another of the same epochs.
    """
    x = Axis(epochs.epoch.min(), epochs.epoch.max())
    chart = Chart(
        title=title,
        description=f"{title} over {epochs.epoch.nunique()} epochs, {epochs.seed.nunique()} seeds",
        x_label="epoch" if name_epochs else "",
        y_label=title,
        x_ticks=[(at, label) for at, label in x.ticks() if "." not in label] if name_epochs else [],
        y_ticks=axis.ticks(3),
    )
    drawn = epochs[np.isfinite(epochs[column])]
    for seed, line in drawn.groupby("seed"):
        drawn_line = points(map(x.at, line.epoch), map(axis.at, line[column]))
        chart.lines.append(Line(f"seed {seed}", "curve", drawn_line))
    kept = drawn[drawn.kept]
    chart.dots = [
        (x.at(epoch), round(100 - axis.at(value), 2))
        for epoch, value in zip(kept.epoch, kept[column], strict=True)
    ]
    if reference:
        chart.across.append((round(100 - axis.at(reference[1]), 2), reference[0]))
    for epoch, rows in epochs.groupby("epoch"):
        said = [f"epoch {epoch:g}"]
        for seed, value, is_kept in zip(rows.seed, rows[column], rows.kept, strict=True):
            shown = f"{value:.4g}" if math.isfinite(value) else "–"
            said.append(f"seed {seed}: {shown}{' (kept)' if is_kept else ''}")
        chart.tips.append((x.at(epoch), "\n".join(said)))
    return chart
