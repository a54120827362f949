"""The report: a run on one self-contained HTML page, without network access and without timestamps.

Names, titles and settings are untrusted: the template escapes all of them, and a content security policy lets
the page run only its own script.
"""

import base64
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from math import isfinite, isnan, nan
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from coversim.dataset import titles
from coversim.evaluation.metric_names import PAIRS, RERANKED, RETRIEVAL
from coversim.report import inputs, plots
from coversim.report.inputs import Key, Results
from coversim.report.tables import (
    Headline,
    Table,
    Training,
    collections_of,
    make_headline,
    make_table,
    reference_of,
)
from coversim.storage import json_files
from coversim.storage.atomic import replacing

PACKAGES = ("snakemake", "torch", "numpy", "scipy", "h5py", "pandas", "pyarrow", "scikit-learn")
# sections of the configuration that are shown; an experiment's settings are those that its model carries
OF_RUN = ("name", "datasets", "demo_corpus", "on_bad_song", "shards", "split", "pairs", "seeds", "evaluation")
SET_ASIDE_SHOWN = 50
QUERIES_SHOWN = 8
LINES_SHOWN = 6  # in the plot of first ranks: more cannot be told apart
CPU_BUDGET = 400  # MB, of a CPU job
# Printed by the brief for tensors of [20890, 41760] and [12453, 24887]; nobody measured it again.
BRIEF_GIGABYTES = (9.85, 2.10)


def write_report(
    output: Path,
    *,
    config: Path,
    evaluations: Sequence[Path],
    ranks: Sequence[Path],
    histories: Sequence[Path],
    set_aside: Path,
    summaries: Sequence[Path],
    benchmarks: Path,
    titles: Sequence[Path] = (),
    found: Sequence[Path] = (),
) -> None:
    """Write the page.

    Parameters
    ----------
    output : the HTML file; replaced whole or not at all
    config : resolved configuration, JSON
    evaluations, ranks, histories : `…/{experiment}/{seed}/metrics.json`, `ranks.parquet`, `history.tsv`
    set_aside : table of the songs that were set aside
    summaries : `…/{dataset}/summary.json`
    benchmarks : folder of Snakemake's benchmark files, `{rule}/**/*.tsv`
    titles : metadata files of the data sets, for the titles of songs
    found : `…/{experiment}/{seed}/found.parquet`, for what stood first in the place of a cover

    Raises
    ------
    CoversimError
        If there is nothing to report, or a file is damaged.
    """
    settings = json_files.read(config)
    results = inputs.read_results(evaluations, ranks)
    epochs = inputs.read_histories(histories)
    jobs = inputs.read_jobs(benchmarks)
    context = {
        "name": settings["name"],
        "summaries": {path.parts[-2]: json_files.read(path) for path in summaries},
        **_comparisons(results, epochs, settings, inputs.alignment_seconds(jobs), _titles(titles), found),
        "set_aside": _set_aside(inputs.read_table(set_aside), set_aside.name),
        **_costs(inputs.costs_of(jobs)),
        "versions": _versions(),
        "config": _json({key: settings[key] for key in OF_RUN if key in settings}),
        "settings": {
            path.parts[-3]: _json(json_files.read(path).get("settings", {})) for path in sorted(evaluations)
        },
    }
    with replacing(output) as temporary:
        temporary.write_text(_render(context), encoding="utf-8", errors="backslashreplace")


def _comparisons(
    results: Results,
    epochs: pd.DataFrame,
    settings: Mapping[str, Any],
    alignment_seconds: Mapping[Key, float],
    titles: Mapping[tuple[str, str], str],
    found: Sequence[Path],
) -> dict[str, Any]:
    """What the page says of the experiments."""
    experiments = list(results.metrics.index.unique("experiment"))
    ordered = [name for name in settings.get("experiments") or {} if name in experiments]
    reference = reference_of(ordered or experiments)
    bootstrap = {key: settings["evaluation"][key] for key in ("resamples", "seed")}
    training = _training(epochs, settings)
    tables = [
        make_table(results, collection, training, reference, **bootstrap)
        for collection in collections_of(results)
    ]
    headline = make_headline(tables, results, **bootstrap)
    collection = headline.table.collection
    kinds = _line_kinds(headline, reference)
    first_ranks = {
        experiment: results.first_ranks[collection, experiment]
        for experiment in kinds
        if (collection, experiment) in results.first_ranks
    }
    of_best = sorted(path for path in found if path.parts[-3] == headline.row.experiment)
    return {
        "tables": tables,
        "headline": headline,
        "reference": reference,
        "resamples": bootstrap["resamples"],
        "retrieval": RETRIEVAL,
        "reranked": RERANKED,
        "pairs": PAIRS,
        "forests": {table.collection: _forest(table) for table in tables},
        "first_ranks": plots.first_rank_chart(first_ranks, headline.table.songs, kinds),
        "histograms": _histograms(results, headline.table),
        "trainings": _training_charts(epochs, tables),
        "queries": _queries(
            results.queries.get((collection, headline.row.experiment)),
            titles,
            inputs.read_first(of_best[0], collection) if of_best else {},
        ),
        "alignments": _alignments(results, headline.table, alignment_seconds),
    }


def _json(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=2, ensure_ascii=False)


def _training(epochs: pd.DataFrame, settings: Mapping[str, Any]) -> Training:
    """Trained are the experiments of which a seed kept a later epoch than 0, and those that fuse one of them."""
    untrained = epochs[epochs.kept & (epochs.epoch == 0)].groupby("experiment").seed.agg(list).to_dict()
    seeds = epochs.groupby("experiment").seed.nunique()
    trained = {name for name in seeds.index if len(untrained.get(name, ())) < seeds[name]}
    fused = {
        name
        for name, chosen in (settings.get("experiments") or {}).items()
        if chosen and trained & set(chosen.get("fuse", ()))
    }
    return Training(trained | fused, untrained)


def _line_kinds(headline: Headline, reference: str) -> dict[str, str]:
    """Experiment → CSS class of its line: the best, the reference, the baselines, then by MAP, up to a limit."""
    experiments = [row.experiment for row in headline.table.rows]
    baselines = [row.experiment for row in headline.table.rows if row.kind == "baseline"]
    chosen = dict.fromkeys([headline.row.experiment, reference, *baselines, *experiments])
    shown = [name for name in chosen if name in experiments][:LINES_SHOWN]
    return {name: f"line-{place}" for place, name in enumerate(shown)}


def _forest(table: Table) -> dict[str, Any]:
    """Axes of the dot-and-interval plot of a table: MAP, and its difference to the reference."""
    maps = [
        value
        for row in table.rows
        for value in (row.metrics["map"].high, row.metrics["map"].value, *row.map_of_seeds)
    ]
    differences = [
        value for row in table.rows if row.difference for value in (row.difference.low, row.difference.high)
    ]
    return {
        "map": plots.spanning(maps, zero=True),
        "difference": plots.spanning(differences, zero=True) if differences else None,
    }


def _alignments(results: Results, table: Table, seconds: Mapping[Key, float]) -> list[dict[str, Any]]:
    """What aligning songs took per query: with so many candidates, or (NaN) with all songs."""
    means = results.metrics.loc[table.collection].groupby("experiment").mean()
    return [
        {
            "experiment": row.experiment,
            "candidates": means.get("candidates_reranked", {}).get(row.experiment, nan),
            "share": means.get("candidates_reranked_share", {}).get(row.experiment, nan),
            "seconds": seconds[table.collection, row.experiment] / max(1, table.queries),
        }
        for row in table.rows
        if (table.collection, row.experiment) in seconds
    ]


def _histograms(results: Results, table: Table) -> list[dict[str, Any]]:
    """Distances under each experiment's first seed, in the order of the table."""
    charts = []
    for row in table.rows:
        place = (table.collection, row.experiment, row.seeds[0][0])
        threshold = results.metrics["threshold"].get(place, nan)
        if chart := plots.histogram_chart(row.experiment, results.histograms.get(place), threshold):
            charts.append({"chart": chart, "row": row})
    return charts


def _best_baseline(tables: Sequence[Table]) -> tuple[str, float] | None:
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


def _training_charts(epochs: pd.DataFrame, tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Loss and validation MAP of each trained experiment; the MAP on one common axis, beside the best baseline."""
    reference = _best_baseline(tables)
    axis = plots.spanning([*epochs.valid_map, *([reference[1]] if reference else [])])
    order = [row.experiment for row in tables[0].rows]
    charts = []
    for experiment in sorted(
        epochs.experiment.unique(), key=lambda name: order.index(name) if name in order else len(order)
    ):
        own = epochs[epochs.experiment == experiment]
        loss = plots.spanning(own.train_loss)
        charts.append(
            {
                "experiment": experiment,
                "kept": [int(epoch) for epoch in own.epoch[own.kept]],
                "epochs": int(own.epoch.max()),
                "loss": plots.training_chart(own, "train_loss", "training loss", loss, name_epochs=False),
                "map": plots.training_chart(own, "valid_map", "validation MAP", axis, reference),
            }
        )
    return charts


def _queries(
    queries: pd.DataFrame | None,
    titles: Mapping[tuple[str, str], str],
    first: Mapping[tuple[str, str], tuple[str, str]],
) -> dict[str, list[dict[str, Any]]]:
    """The hardest and the easiest queries, one per work, and which song, in `first`, stood before their covers."""
    if queries is None:
        return {}
    shown = min(QUERIES_SHOWN, max(1, queries.index.unique("work").size // 2))
    queries = queries.reset_index()
    orders = {
        "hardest": {"average_precision": True, "first_rank": False, "work": True, "performance": True},
        "easiest": {"average_precision": False, "closeness": True, "work": True, "performance": True},
    }
    return {
        label: [
            query
            | {"title": titles.get((query["work"], query["performance"]), "")}
            | {"instead": _instead(first.get((query["work"], query["performance"])), titles)}
            for query in queries.sort_values([*ascending], ascending=[*ascending.values()])
            .drop_duplicates("work")
            .head(shown)
            .to_dict("records")
        ]
        for label, ascending in orders.items()
    }


def _instead(song: tuple[str, str] | None, titles: Mapping[tuple[str, str], str]) -> str:
    """What stood first instead of a cover, with its title; empty where a cover did."""
    if song is None:
        return ""
    return f"{titles[song]} ({' / '.join(song)})" if titles.get(song) else " / ".join(song)


def _set_aside(songs: pd.DataFrame, name: str) -> dict[str, Any]:
    """The first songs of set_aside.tsv, and how often each reason occurs in all of it, the most frequent first."""
    # most reasons begin with the name of the song's file
    kinds = songs.assign(reason=songs.reason.str.replace(r"(?s)^.*\.h5: ", "", regex=True))
    reasons = kinds.value_counts(["feature", "reason"]).reset_index(name="songs")
    reasons = reasons.sort_values(["songs", "feature", "reason"], ascending=[False, True, True])
    return {
        "name": name,
        "songs": len(songs.drop_duplicates(["dataset", "work", "performance"])),
        "rows": len(songs),
        "first": songs.head(SET_ASIDE_SHOWN).to_dict("records"),
        "reasons": list(reasons.itertuples(index=False, name=None)),
    }


def _costs(costs: pd.DataFrame) -> dict[str, Any]:
    """Time and memory of each rule, on an axis of MB from 0 to the brief's two tensors, or to the largest job."""
    above = costs[costs.peak > CPU_BUDGET].sort_values("peak", ascending=False)
    return {
        "costs": costs.to_dict("records"),
        "above_budget": above.to_dict("records"),
        "cpu_budget": CPU_BUDGET,
        "brief": BRIEF_GIGABYTES,
        "memory_axis": plots.Axis(0, max(1000 * sum(BRIEF_GIGABYTES), costs.peak.max(skipna=True) or 0)),
    }


def _titles(files: Sequence[Path]) -> dict[tuple[str, str], str]:
    """(work, performance) → title and artist of the performance."""
    return {
        name: " · ".join(filter(None, (song.performance_title or song.work_title, song.performance_artist)))
        for file in files
        for name, song in titles.read(file).items()
    }


def _versions() -> list[tuple[str, str]]:
    """Python and the packages, as they are in the environment that writes the report."""
    versions = [("Python", platform.python_version())]
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions.append((package, version(package)))
    return versions


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _render(context: Mapping[str, Any]) -> str:
    script = _asset("report.js")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "fixed": fixed,
        "signed": signed,
        "count": count,
        "duration": duration,
        "megabytes": megabytes,
        "probability": probability,
    }
    return environment.get_template("report.html.j2").render(
        context,
        style=Markup(_asset("report.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def fixed(value: float, digits: int = 3) -> str:
    """A number with so many digits; a dash for NaN and infinity."""
    return f"{value:,.{digits}f}".replace("-", "−") if isfinite(value) else "–"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign."""
    return f"{value:+,.{digits}f}".replace("-", "−") if isfinite(value) else "–"


def count(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Time in the two largest units that say something."""
    if isnan(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def megabytes(value: float) -> str:
    """Memory in MB or GB (powers of ten); a dash where it was not sampled."""
    if isnan(value):
        return "–"
    return f"{value / 1000:.2f} GB" if value >= 1000 else f"{value:.0f} MB"


def probability(p: float) -> str:
    """A p value, no smaller than the bootstrap can tell."""
    return "–" if isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
