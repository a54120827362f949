"""The report: a run on one self-contained HTML page, without network access.

Names, titles and settings are untrusted: the template escapes all of them, and a content security policy lets
the page run only its own script.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup

from coversim.dataset.labels import COVER
from coversim.evaluation import probability
from coversim.evaluation.headline import first_of
from coversim.evaluation.metric_names import PAIRS, RERANKED, RETRIEVAL
from coversim.report import (
    components,
    costs,
    curves,
    distributions,
    downsampling,
    examples,
    forest,
    formats,
    inputs,
    neighbours,
    passages,
    provenance,
    queries,
    reliability,
    songmap,
    songs,
    strata,
    training,
)
from coversim.report.inputs import Key, Results
from coversim.report.songs import Songs
from coversim.report.tables import (
    Headline,
    Table,
    collections_of,
    make_headline,
    make_table,
)
from coversim.storage import json_files
from coversim.storage.atomic import replacing

# sections of the configuration that are shown; an experiment's settings are those that its model carries
OF_RUN = ("name", "datasets", "demo_corpus", "on_bad_song", "shards", "split", "pairs", "seeds", "evaluation")
SET_ASIDE_SHOWN = 50
SCRIPTS = ("report.js", "search.js", "map.js")
LINES_SHOWN = 6  # in a plot of experiments: more cannot be told apart


class Files(NamedTuple):
    """What a run left; see `write_report`."""

    config: Path
    evaluations: Sequence[Path]
    ranks: Sequence[Path]
    histories: Mapping[str, Path]
    set_aside: Path
    summaries: Sequence[Path]
    benchmarks: Path
    titles: Sequence[Path] = ()
    found: Sequence[Path] = ()
    pairs: Sequence[Path] = ()
    calibrations: Sequence[Path] = ()
    embeddings: Sequence[Path] = ()
    frames: Sequence[Path] = ()
    pca: Sequence[Path] = ()
    records: Path | None = None


def write_report(output: Path, **files: Any) -> None:
    """Write the page.

    Parameters
    ----------
    output : the HTML file; replaced whole or not at all
    config : resolved configuration, JSON
    evaluations, ranks : `…/{experiment}/{seed}/metrics.json`, `ranks.parquet`
    histories : history.tsv of each training, by `{experiment}/{seed}`
    set_aside : table of the songs that were set aside
    summaries : `catalogue/{dataset}/summary.json`
    benchmarks : folder of Snakemake's benchmark files, `{rule}/**/*.tsv`
    titles : metadata files of the data sets, for the titles of songs
    found, pairs, calibrations : `…/{experiment}/{seed}/found.parquet`, `pairs.parquet`, `calibration.json`
    embeddings : `…/{experiment}/{seed}/{dataset}.h5`, for the map
    frames : `fft/{dataset}/{frames}/{shard}.h5`, for lengths, keys and pictures of songs
    pca : `pca/{patches}/pca-{components}.npz`
    records : folder of Snakemake's records, `.snakemake/metadata`

    Raises
    ------
    CoversimError
        If there is nothing to report, or a file is damaged.
    """
    context = _context(Files(**files))
    with replacing(output) as temporary:
        temporary.write_text(_render(context), encoding="utf-8", errors="backslashreplace")


def _context(files: Files) -> dict[str, Any]:
    settings = json_files.read(files.config)
    results = inputs.read_results(files.evaluations, files.ranks)
    epochs = inputs.read_histories(files.histories)
    jobs = inputs.read_jobs(files.benchmarks)
    gantt = costs.gantt(inputs.read_records(files.records, files.benchmarks))
    return {
        "name": settings["name"],
        "summaries": {path.parts[-2]: json_files.read(path) for path in files.summaries},
        **_comparisons(results, epochs, settings, inputs.alignment_seconds(jobs), files),
        "components": components.first_kinds(files.pca),
        "set_aside": _set_aside(inputs.read_table(files.set_aside), files.set_aside.name),
        **costs.costs(costs.costs_of(jobs)),
        "gantt": gantt,
        "commit": provenance.commit(),
        "date": provenance.date(gantt.ended),
        "versions": provenance.versions(),
        "config": _json({key: settings[key] for key in OF_RUN if key in settings}),
        "settings": {
            path.parts[-3]: _json(json_files.read(path).get("settings", {}))
            for path in sorted(files.evaluations)
        },
    }


def _comparisons(
    results: Results,
    epochs: pd.DataFrame,
    settings: Mapping[str, Any],
    alignment_seconds: Mapping[Key, float],
    files: Files,
) -> dict[str, Any]:
    """What the page says of the experiments."""
    collections = collections_of(results)
    order = [*(settings.get("experiments") or {}), *results.metrics.index.unique("experiment")]
    first = first_of(order, results.metrics.loc[collections[0]].index.unique("experiment"))
    bootstrap = {key: settings["evaluation"][key] for key in ("resamples", "seed")}
    trained = training.what_trained(epochs, settings)
    tables = [make_table(results, collection, trained, first, **bootstrap) for collection in collections]
    headline = make_headline(tables, results, first, **bootstrap)
    return {
        "tables": tables,
        "headline": headline,
        "resamples": bootstrap["resamples"],
        "retrieval": RETRIEVAL,
        "reranked": RERANKED,
        "pairs": PAIRS,
        "forests": {table.collection: forest.forest(table) for table in tables},
        "trainings": training.training_charts(epochs, tables),
        "histograms": distributions.histograms(results, headline.table),
        "alignments": _alignments(results, headline.table, alignment_seconds),
        **_of_headline(results, tables, headline, order, bootstrap, files),
    }


def _of_headline(
    results: Results,
    tables: Sequence[Table],
    headline: Headline,
    order: Sequence[str],
    bootstrap: Mapping[str, int],
    files: Files,
) -> dict[str, Any]:
    """What the page says of the collection that speaks first: curves, parts of it, and single songs."""
    first, collection, pool = headline.row.experiment, headline.table.collection, headline.table.songs
    kinds = _line_kinds(headline)
    asked = {
        name: results.queries[collection, name] for name in kinds if (collection, name) in results.queries
    }
    first_ranks = {name: results.first_ranks[collection, name] for name in asked}
    of_first = inputs.first_seeds(files.found).get(first)
    found = inputs.read_found(of_first, collection) if of_first else inputs.NOTHING_FOUND
    contents = {name: json_files.read(path) for name, path in inputs.first_seeds(files.calibrations).items()}
    calibrations = {name: contents[name] for name in kinds if name in contents}
    fitted = probability.read(contents[first]) if first in contents else None
    pairs = {
        name: table
        for name, table in inputs.read_pairs(files.pairs, collection, list(kinds)).items()
        if table.label.nunique() == 2
    }
    known = songs.read(files.titles, files.frames, _names(found, pairs.get(first)))
    covers = _called(pairs, calibrations)
    heard = passages.in_common(covers.get(first, inputs.NO_PAIRS), known)
    return {
        "curves": [
            curves.first_rank_chart(first_ranks, pool, kinds),
            curves.recall_chart(asked, pool, kinds),
        ]
        if asked
        else [],
        "errors": [curves.roc_chart(pairs, kinds), curves.det_chart(pairs, kinds)] if pairs else [],
        "reliabilities": [
            chart
            for chart in (
                reliability.reliability_chart(calibrations, collection, kinds),
                reliability.found_chart(found, first, kinds),
            )
            if chart
        ],
        "operating_points": reliability.operating_points(calibrations, collection, list(kinds)),
        "kinds": kinds,
        "heard": len(heard),
        "strata": [
            one
            for one in (
                strata.by_collection(tables, list(kinds)),
                strata.by_size(asked, **bootstrap),
                strata.by_length(asked, known.seconds, **bootstrap),
                strata.by_transposition(covers, heard, **bootstrap),
                strata.by_tempo(covers, heard, **bootstrap),
                strata.by_ratio(covers, known.seconds, **bootstrap),
            )
            if one.parts
        ],
        "missed": examples.missed(pairs[first], known, fitted) if first in pairs else [],
        "convincing": examples.convincing(found, known, fitted),
        "search": neighbours.search_data(found, known),
        "map": _map(order, collection, known, files),
        "downsampled": downsampling.downsampled(files.frames, files.summaries, known),
        "queries": queries.hardest_and_easiest(asked.get(first), found, known),
        "reranked_first": queries.was_reranked(asked.get(first)),
    }


def _names(found: pd.DataFrame, pairs: pd.DataFrame | None) -> set[songs.Name]:
    """Work and performance of all songs of the collection that are spoken of."""
    tables = [found[["work", "performance"]], found[["found_work", "found_performance"]]]
    tables += [pairs[[f"work_{side}", f"performance_{side}"]] for side in "ab" if pairs is not None]
    return {name for table in tables for name in table.drop_duplicates().itertuples(index=False, name=None)}


def _called(
    pairs: Mapping[str, pd.DataFrame], calibrations: Mapping[str, Mapping[str, Any]]
) -> dict[str, pd.DataFrame]:
    """The cover pairs of each experiment, and whether the threshold of the best accuracy calls them covers."""
    limits = {
        name: content["operating_points"]["best_accuracy"]["threshold"]
        for name, content in calibrations.items()
        if content["operating_points"]
    }
    return {
        name: table[table.label == COVER].assign(
            called=lambda covers, name=name: covers.distance <= limits[name]
        )
        for name, table in pairs.items()
        if name in limits
    }


def _map(order: Sequence[str], collection: str, known: Songs, files: Files) -> songmap.Map | None:
    """The map of the first experiment that embeds songs."""
    there: dict[str, list[Path]] = {}
    for path in sorted(files.embeddings):
        there.setdefault(path.parts[-3], []).append(path)
    first = first_of(order, there)
    if not first:
        return None
    seed = min({path.parts[-2] for path in there[first]}, key=int)
    return songmap.song_map(
        first, [path for path in there[first] if path.parts[-2] == seed], collection, known
    )


def _json(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=2, ensure_ascii=False)


def _line_kinds(headline: Headline) -> dict[str, str]:
    """Experiment → CSS class of its line: the headline's, the baselines, then by MAP, up to a limit."""
    experiments = [row.experiment for row in headline.table.rows]
    baselines = [row.experiment for row in headline.table.rows if row.kind == "baseline"]
    chosen = dict.fromkeys([headline.row.experiment, *baselines, *experiments])
    return {name: f"line-{place}" for place, name in enumerate([*chosen][:LINES_SHOWN])}


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


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _render(context: Mapping[str, Any]) -> str:
    script = "".join(map(_asset, SCRIPTS))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= formats.FILTERS
    return environment.get_template("report.html.j2").render(
        context,
        style=Markup(_asset("report.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
