"""The report: a run on one self-contained HTML page, without network access and without timestamps.

Names, titles and settings are untrusted: the template escapes all of them, and a content security policy lets
the page run only its own script.
"""

import base64
import hashlib
import itertools
import json
import math
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from coversim.dataset import titles
from coversim.errors import CoversimError
from coversim.report import plots as figures
from coversim.report.inputs import (
    Cost,
    History,
    Key,
    Queries,
    Result,
    benchmarks_of_run,
    read_alignment_seconds,
    read_config,
    read_costs,
    read_histories,
    read_results,
    read_set_aside,
    read_settings,
    read_summaries,
)
from coversim.report.tables import Table, collections_of, make_headline, make_table, reference_of
from coversim.storage.atomic import replacing

PACKAGES = ("snakemake", "torch", "numpy", "scipy", "h5py", "pandas", "pyarrow", "scikit-learn")
# sections of the configuration that are shown; an experiment's settings are those that its model carries
OF_RUN = ("name", "datasets", "demo_corpus", "on_bad_song", "shards", "split", "pairs", "seeds", "evaluation")
SET_ASIDE_SHOWN = 50
QUERIES_SHOWN = 8
LINES_SHOWN = 6  # in the figure of first ranks: more cannot be told apart
CPU_BUDGET = 400  # MB, of a CPU job
# Printed by the brief for tensors of [20890, 41760] and [12453, 24887]; nobody measured it again.
BRIEF_GIGABYTES = (9.85, 2.10)


def write_report(
    output: Path,
    *,
    name: str,
    config: Path,
    evaluations: Iterable[Path],
    ranks: Iterable[Path],
    histories: Iterable[Path],
    set_aside: Path,
    summaries: Iterable[Path],
    benchmarks: Path,
    titles: Iterable[Path] = (),
) -> None:
    """Write the page.

    Parameters
    ----------
    output : the HTML file; replaced whole or not at all
    name : name of the run
    config : resolved configuration, JSON
    evaluations, ranks, histories : `…/{experiment}/{seed}/metrics.json`, `ranks.parquet`, `history.tsv`
    set_aside : table of the songs that were set aside
    summaries : `…/{dataset}/summary.json`
    benchmarks : folder of Snakemake's benchmark files, `{rule}/**/*.tsv`
    titles : metadata files of the data sets, for the titles of songs

    Raises
    ------
    CoversimError
        If there is nothing to report, or a file is damaged.
    """
    settings = read_config(config)
    results = read_results(evaluations, ranks)
    if not results:
        raise CoversimError(
            f"{output}: no evaluation to report. Remedy: add an experiment to the configuration"
        )
    trainings = read_histories(histories)
    experiments = list(dict.fromkeys(experiment for _, experiment in results))
    ordered = [name for name in settings.get("experiments") or {} if name in experiments]
    reference = reference_of(ordered or experiments)
    bootstrap = {key: settings["evaluation"][key] for key in ("resamples", "seed")}
    trained = {*trainings, *_fused_of(settings, trainings)}
    tables = [
        make_table(results, collection, trained, reference, **bootstrap)
        for collection in collections_of(results)
    ]
    headline = make_headline(tables, results, **bootstrap)
    spoken = headline.table.collection
    kinds = _line_kinds(
        headline.row.experiment, [row.experiment for row in headline.table.rows], reference, trained
    )
    of_jobs = benchmarks_of_run(benchmarks)
    costs = read_costs(of_jobs, benchmarks)
    page = _environment().get_template("report.html.j2")
    script = _asset("report.js")
    context = {
        "name": name,
        "style": Markup(_asset("report.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "summaries": read_summaries(summaries),
        "tables": tables,
        "headline": headline,
        "reference": reference,
        "resamples": bootstrap["resamples"],
        "forests": {table.collection: _forest(table) for table in tables},
        "first_ranks": figures.first_rank_chart(
            [results[spoken, experiment] for experiment in kinds], headline.table.songs, kinds
        ),
        "line_kinds": kinds,
        "histograms": _histograms(results, headline.table),
        "trainings": _training_charts(trainings, tables),
        "queries": _queries(results[spoken, headline.row.experiment].queries, _titles(titles)),
        "alignments": _alignments(results, headline.table, read_alignment_seconds(of_jobs)),
        "set_aside": read_set_aside(set_aside, SET_ASIDE_SHOWN),
        "set_aside_name": set_aside.name,
        "costs": costs,
        "above_budget": sorted((c for c in costs if c.peak > CPU_BUDGET), key=lambda cost: -cost.peak),
        "cpu_budget": CPU_BUDGET,
        "brief": BRIEF_GIGABYTES,
        "memory_axis": _memory_axis(costs),
        "versions": _versions(),
        "config": _json({key: settings[key] for key in OF_RUN if key in settings}),
        "settings": {name: _json(found) for name, found in read_settings(evaluations).items()},
    }
    with replacing(output) as temporary:
        temporary.write_text(page.render(context), encoding="utf-8", errors="backslashreplace")


def _json(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=2, ensure_ascii=False)


def _fused_of(settings: Mapping[str, Any], trained: Iterable[str]) -> set[str]:
    """Experiments that fuse others, of which at least one was trained."""
    return {
        name
        for name, chosen in (settings.get("experiments") or {}).items()
        if chosen and set(chosen.get("fuse", ())) & set(trained)
    }


def _line_kinds(
    best: str, experiments: Sequence[str], reference: str, trained: Iterable[str]
) -> dict[str, str]:
    """Experiment → CSS class of its line: the best, the reference, the baselines, then by MAP, up to a limit."""
    baselines = [name for name in experiments if name not in set(trained)]
    chosen = list(dict.fromkeys([best, reference, *baselines, *experiments]))
    chosen = [name for name in chosen if name in experiments][:LINES_SHOWN]
    return {name: f"line-{place}" for place, name in enumerate(chosen)}


def _forest(table: Table) -> dict[str, Any]:
    """Axes of the dot-and-interval plot of a table: MAP, and its difference to the reference."""
    maps = [
        v
        for row in table.rows
        for v in (row.figures["map"].high, row.figures["map"].value, *row.map_of_seeds)
    ]
    differences = [
        v for row in table.rows if row.difference for v in (row.difference.low, row.difference.high)
    ]
    return {
        "map": figures.spanning(maps, zero=True),
        "difference": figures.spanning(differences, zero=True) if differences else None,
    }


def _alignments(
    results: Mapping[Key, Result], table: Table, seconds: Mapping[Key, float]
) -> list[dict[str, Any]]:
    """What aligning songs took per query: with so many candidates, or (NaN) with all songs."""
    return [
        {
            "experiment": row.experiment,
            "candidates": results[table.collection, row.experiment].mean("candidates_reranked"),
            "seconds": seconds[table.collection, row.experiment] / max(1, table.queries),
        }
        for row in table.rows
        if (table.collection, row.experiment) in seconds
    ]


def _histograms(results: Mapping[Key, Result], table: Table) -> list[dict[str, Any]]:
    """Distances under each experiment's first seed, in the order of the table."""
    charts = []
    for row in table.rows:
        metrics = results[table.collection, row.experiment].seeds[row.seeds[0]]
        if chart := figures.histogram_chart(row.experiment, metrics):
            charts.append({"chart": chart, "row": row, "seed": row.seeds[0]})
    return charts


def _training_charts(trainings: Mapping[str, list[History]], tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Loss and validation MAP of each trained experiment; the MAP on one common axis, beside the best baseline."""
    runs = [run for experiment in trainings.values() for run in experiment]
    valid = next((table for table in tables if table.collection == "valid"), None)
    baselines = (
        [(row.experiment, row.figures["map"].value) for row in valid.rows if not row.trained] if valid else []
    )
    reference = baselines[0] if baselines else None
    axis = figures.spanning(
        [value for run in runs for value in run.valid_map] + [value for _, value in baselines[:1]]
    )
    charts = []
    order = [row.experiment for row in tables[0].rows]
    for experiment in sorted(trainings, key=lambda name: order.index(name) if name in order else len(order)):
        seeds = trainings[experiment]
        loss = figures.spanning(value for run in seeds for value in run.train_loss)
        charts.append(
            {
                "experiment": experiment,
                "runs": seeds,
                "loss": figures.training_chart(seeds, "train_loss", "training loss", loss, name_epochs=False),
                "map": figures.training_chart(seeds, "valid_map", "validation MAP", axis, reference),
            }
        )
    return charts


def _queries(
    queries: Queries | None, titles: Mapping[tuple[str, str], str]
) -> dict[str, list[dict[str, Any]]]:
    """The hardest and the easiest queries, one per work."""
    if queries is None:
        return {}
    shown = min(QUERIES_SHOWN, max(1, len({work for work, _ in queries.names}) // 2))
    precision, rank = queries.values["map"], queries.values["mr1"]
    rows = range(len(queries.names))
    hardest = sorted(rows, key=lambda row: (precision[row], -rank[row], queries.names[row]))
    easiest = sorted(rows, key=lambda row: (-precision[row], queries.closeness[row], queries.names[row]))
    return {
        label: [
            {
                "name": queries.names[row],
                "title": titles.get(queries.names[row], ""),
                "relevant": queries.relevant[row],
                "average_precision": precision[row],
                "first_rank": rank[row],
            }
            for row in itertools.islice(_one_per_work(order, queries), shown)
        ]
        for label, order in (("hardest", hardest), ("easiest", easiest))
    }


def _one_per_work(order: Iterable[int], queries: Queries) -> Iterator[int]:
    seen = set()
    for row in order:
        work, _ = queries.names[row]
        if work not in seen:
            seen.add(work)
            yield row


def _titles(files: Iterable[Path]) -> dict[tuple[str, str], str]:
    """(work, performance) → title and artist of the performance."""
    return {
        name: " · ".join(filter(None, (song.performance_title or song.work_title, song.performance_artist)))
        for file in files
        for name, song in titles.read(file).items()
    }


def _memory_axis(costs: Sequence[Cost]) -> figures.Axis:
    """Megabytes from 0 to the brief's two tensors, or to the largest job where that is more."""
    return figures.Axis(
        0, max([1000 * sum(BRIEF_GIGABYTES), *(c.peak for c in costs if not math.isnan(c.peak))])
    )


def _versions() -> list[tuple[str, str]]:
    """Python and the packages, as they are in the environment that writes the report."""
    versions = [("Python", platform.python_version())]
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions.append((package, version(package)))
    return versions


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
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
    return environment


def fixed(value: float, digits: int = 3) -> str:
    """A figure with so many digits; a dash for NaN and infinity."""
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign."""
    return f"{value:+,.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def count(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Time in the two largest units that say something."""
    if math.isnan(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def megabytes(value: float) -> str:
    """Memory in MB or GB (powers of ten); a dash where it was not sampled."""
    if math.isnan(value):
        return "–"
    return f"{value / 1000:.2f} GB" if value >= 1000 else f"{value:.0f} MB"


def probability(p: float) -> str:
    """A p value, no smaller than the bootstrap can tell."""
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
