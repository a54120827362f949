"""The report says what the files of the run say: no more, and escaped."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from coversim.errors import CoversimError
from coversim.evaluation.metric_names import RERANKED
from coversim.report.costs import costs_of
from coversim.report.inputs import Results, alignment_seconds, read_jobs, read_results
from coversim.report.page import write_report
from coversim.report.tables import (
    Difference,
    Training,
    collections_of,
    make_headline,
    make_table,
    paired_difference,
)
from page import Page
from simulated_run import EXPERIMENTS, simulate

HOSTILE = "\"><script>alert('☠ & ü')</script>{{ 7*7 }}</title>"


@pytest.fixture(scope="module")
def page(run):
    write_report(**run)
    return Page(run["output"])


def tables_of(run, trained=("vector", "brief"), reference="vector"):
    results = read_results(run["evaluations"], run["ranks"])
    tables = [make_table(results, c, Training({*trained}, {}), reference, 500, 0) for c in ("test", "valid")]
    return results, tables


def average_precisions(run, experiment, collection):
    """Per query, the mean over seeds, read without the report's own reader."""
    tables = [pq.read_table(p).to_pandas() for p in run["ranks"] if p.parts[-3] == experiment]
    values = [
        t[t.collection == collection].set_index(["work", "performance"]).average_precision for t in tables
    ]
    return sum(values) / len(values)


def test_the_page_needs_no_network(run, page):
    addresses = [
        value
        for _, attributes in page.elements
        for key, value in attributes.items()
        if key in ("src", "href")
    ]
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    assert "link" not in {tag for tag, _ in page.elements}
    assert "url(" not in run["output"].read_text()


def test_the_page_is_light(run, page):
    assert run["output"].stat().st_size < 500_000


def test_the_same_run_gives_the_same_page(run, page):
    before = run["output"].read_bytes()
    shuffled = {key: value[::-1] if isinstance(value, list) else value for key, value in run.items()}
    write_report(**shuffled)
    assert run["output"].read_bytes() == before


def test_the_headline_states_the_paired_differences_to_baselines_and_brief(run, page):
    best = average_precisions(run, "vector", "test")
    assert f"vector finds covers with a mean average precision of {best.mean():.3f}" in page.text
    for other in ("pca", "ftm2d", "brief"):
        difference = (best - average_precisions(run, other, "test")).mean()
        assert f"above {other} by {difference:.3f}" in page.text


def test_a_difference_whose_interval_includes_zero_is_not_claimed(tmp_path):
    run = simulate(tmp_path, {"vector": 0.6, "pca": 0.6})
    results, tables = tables_of(run, trained=["vector"])
    headline = make_headline(tables, results, "vector", 500, 0)
    (_, difference), *_ = headline.beside
    assert not difference.significant
    write_report(**run)
    assert "not significantly different from pca" in Page(run["output"]).text


def test_a_trained_experiment_below_a_baseline_is_said_to_be_below(tmp_path):
    run = simulate(tmp_path, {"vector": 0.8, "pca": 0.3})
    write_report(**run)
    assert "below pca by" in Page(run["output"]).text


@pytest.mark.parametrize(
    ("low", "high", "significant"), [(-0.1, 0.1, False), (0.01, 0.1, True), (-0.2, -0.1, True)]
)
def test_a_difference_is_significant_if_its_interval_excludes_zero(low, high, significant):
    assert Difference(0.0, low, high, 0.5).significant == significant


def test_the_first_experiment_of_the_configuration_speaks_whatever_the_metrics_say(tmp_path):
    run = simulate(tmp_path, {"sequence": 0.7, "vector": 0.4, "pca": 0.5}, seeds=[1], songs=True)
    write_report(**run)
    text = Page(run["output"]).text
    assert "sequence finds covers with a mean average precision of" in text
    assert "sequence is the first experiment of the configuration; no metric chose it" in text
    assert re.search("below vector by .* below pca by", text)  # the first step is named beside the baselines
    assert "Δ MAP is the paired difference to sequence" in text


def test_the_map_is_of_the_first_experiment_that_embeds_songs(tmp_path):
    run = simulate(tmp_path, {"sequence": 0.3, "vector": 0.6, "pca": 0.4}, seeds=[1], songs=True)
    run["embeddings"] = [path for path in run["embeddings"] if path.parts[-3] != "sequence"]
    write_report(**run)
    assert "songs as vector embeds them" in Page(run["output"]).text


def test_without_the_first_experiment_the_next_one_speaks(tmp_path):
    run = simulate(tmp_path, {"vector": 0.5, "pca": 0.6}, seeds=[1])
    config = json.loads(run["config"].read_text())
    config["experiments"] = {"sequence": None} | config["experiments"]
    run["config"].write_text(json.dumps(config))
    write_report(**run)
    assert "vector finds covers with" in Page(run["output"]).text


def test_metrics_are_means_over_seeds(run):
    _, (test, _) = tables_of(run)
    for row in test.rows:
        assert row.metrics["map"].value == pytest.approx(np.mean(row.map_of_seeds))
        assert row.metrics["map"].low < row.metrics["map"].value < row.metrics["map"].high
    assert {row.experiment: len(row.map_of_seeds) for row in test.rows} == {
        "vector": 3,
        "brief": 3,
        "pca": 1,
        "ftm2d": 1,
    }


def test_experiments_are_compared_on_the_queries_that_both_answered(run):
    results, _ = tables_of(run)
    whole, other = (results.queries["test", experiment] for experiment in ("vector", "pca"))
    whole_difference = paired_difference(whole, other, 500, 0)
    kept = len(other) // 2
    difference = paired_difference(whole, other[:kept], 500, 0)
    expected = (whole.average_precision - other.average_precision)[:kept].mean()
    assert difference.value == pytest.approx(expected)
    assert difference.value != pytest.approx(whole_difference.value)


def test_re_ranked_metrics_stand_beside_the_others_with_their_cost(tmp_path):
    run = simulate(tmp_path, EXPERIMENTS, seeds=[1], reranked=["vector"])
    write_report(**run)
    page = Page(run["output"])
    _, (test, _) = tables_of(run)
    found = {row.experiment: row.metrics for row in test.rows}
    metrics = json.loads(run["evaluations"][0].read_text())["collections"]["test"]
    for name in RERANKED:
        estimate = found["vector"][name]
        assert estimate.value == pytest.approx(metrics[name])
        assert estimate.low < estimate.value < estimate.high
        assert math.isnan(found["pca"][name].value)
        assert f" {estimate.value:.3f} " in page.text
    assert "Re-ranked" in page.text
    per_query = 50 / metrics["queries"]
    assert f"vector {per_query:.2f} s per query, with its first 7 songs" in page.text


def test_what_alignment_took_is_summed_over_shards_and_averaged_over_seeds(tmp_path):
    aligned = {"1/test/0000": 3, "1/test/0001": 4, "2/test/0000": 5, "1/test/my-1-set/0000": 7}
    matched = {"1/test/0000": 1, "1/test/0001": 2}
    for experiment, jobs in (("align/a-1-b", aligned), ("match/sequence", matched)):
        for job, seconds in jobs.items():
            path = tmp_path / experiment / f"{job}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"s\th:m:s\n{seconds}\t-\n")
    assert alignment_seconds(read_jobs(tmp_path)) == {
        ("test", "a-1-b"): 6.0,
        ("test/my-1-set", "a-1-b"): 7.0,
        ("test", "sequence"): 3.0,
    }


def test_metrics_with_hubs_corrected_stand_beside_the_others(run, page):
    _, (test, _) = tables_of(run)
    metrics = [json.loads(path.read_text()) for path in run["evaluations"]]
    for row in test.rows:
        of_seeds = [
            found["collections"]["test"]["map_hubs"]
            for found in metrics
            if found["experiment"] == row.experiment
        ]
        assert row.metrics["map_hubs"].value == pytest.approx(np.mean(of_seeds))
        assert f" {row.metrics['map_hubs'].value:.3f} " in page.text
    assert "MAP with hubs corrected" in page.text


def test_without_re_ranking_nothing_is_said_of_it(page):
    assert "Re-ranked" not in page.text


def test_pool_sizes_are_stated(run, page):
    metrics = json.loads(run["evaluations"][0].read_text())["collections"]["test"]
    assert (
        f"{metrics['queries']} queries among {metrics['songs']} songs of {metrics['works']} works"
        in page.text
    )


def test_a_single_baseline_on_validation_works_has_a_report(tmp_path):
    run = simulate(tmp_path, {"ftm2d": 0.6}, collections=["valid"])
    write_report(**run)
    assert "Nothing was trained in this run" in Page(run["output"]).text


def test_an_experiment_without_one_of_the_collections_is_left_out_of_its_table(tmp_path):
    run = simulate(tmp_path, EXPERIMENTS, seeds=[1])
    lacking = next(path for path in run["evaluations"] if path.parts[-3] == "pca")
    metrics = json.loads(lacking.read_text())
    del metrics["collections"]["test"]
    lacking.write_text(json.dumps(metrics))
    write_report(**run)
    _, (test, valid) = tables_of(run)
    assert "pca" not in [row.experiment for row in test.rows]
    assert "pca" in [row.experiment for row in valid.rows]


def test_a_collection_without_a_query_has_dashes_instead_of_metrics(tmp_path):
    run = simulate(tmp_path, EXPERIMENTS, seeds=[1], works={"valid": 20, "test": 1})
    write_report(**run)
    assert "average precision of –" in Page(run["output"]).text


def test_the_hardest_queries_name_what_stood_first_instead_of_a_cover(tmp_path):
    run = simulate(tmp_path, {"vector": 0.7}, seeds=[1], collections=["valid"])
    table = pq.read_table(run["found"][0]).to_pandas()
    first = table[table["rank"] == 1].set_index("performance")
    missed, hit = first[~first.is_cover], first[first.is_cover]
    titles = tmp_path / "titles.json"
    names = dict(zip(missed.found_performance, missed.found_work, strict=True))
    titles.write_text(
        json.dumps({work: {name: {"perf_title": f"Song {name}"}} for name, work in names.items()})
    )
    write_report(**run, titles=[titles])
    said = re.findall(r"/ (P_\w+)\s*first instead: (?:Song \w+ \()?W_\w+ / (P_\w+)", Page(run["output"]).text)
    assert said
    assert all(missed.found_performance[query] == name for query, name in said)
    assert not {query for query, _ in said} & set(hit.index)


def test_names_and_titles_from_outside_are_shown_as_text(tmp_path):
    song = {"work": HOSTILE, "performance": "P_1", "reason": HOSTILE, "remedy": HOSTILE}
    run = simulate(
        tmp_path,
        {HOSTILE.replace("/", ""): 0.5},
        seeds=[1],
        name=HOSTILE,
        set_aside=[{"dataset": "train", "feature": "crema", **song}],
    )
    query = pq.read_table(run["ranks"][0]).to_pylist()[-1]
    titles = tmp_path / "titles.json"
    titles.write_text(
        json.dumps({query["work"]: {query["performance"]: {"perf_title": HOSTILE, "perf_artist": HOSTILE}}})
    )
    write_report(**run, titles=[titles])
    page = Page(run["output"])
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert [attributes for attributes in scripts if attributes.get("type") != "application/json"] == [{}]
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert page.text.count("<script>alert('☠ & ü')</script>{{ 7*7 }}") > 5


def test_bytes_that_are_no_text_do_not_stop_the_report(tmp_path):
    song = {"work": "W_\udcff", "performance": "P_1", "reason": "no crema file", "remedy": ""}
    run = simulate(
        tmp_path, {"vector": 0.5}, seeds=[1], set_aside=[{"dataset": "train", "feature": "crema", **song}]
    )
    write_report(**run)
    assert r"W_\udcff" in Page(run["output"]).text


def test_fifty_songs_set_aside_are_listed_and_the_others_counted(tmp_path):
    songs = [
        {"dataset": "train", "feature": feature, "work": f"W_{n}", "performance": f"P_{n}", "reason": reason}
        for n in range(40)
        for feature, reason in (("crema", "no crema file"), ("hpcp", f"W_{n}/P_{n}.h5: all values are zero"))
    ]
    run = simulate(tmp_path, {"vector": 0.5}, seeds=[1], set_aside=songs[:75])
    write_report(**run)
    text = Page(run["output"]).text
    assert "38 songs were set aside" in text
    assert "38 × no crema file (crema); 37 × all values are zero (hpcp)" in text
    assert "The other 25 rows are in set_aside.tsv" in text


def costs_by_rule(folder: Path) -> dict:
    return {cost.rule: cost for cost in costs_of(read_jobs(folder)).itertuples()}


def test_costs_add_up_over_the_jobs_of_a_rule(run):
    costs = costs_by_rule(run["benchmarks"])
    assert (costs["fft"].jobs, costs["fft"].seconds, costs["fft"].longest) == (2, 26.0, 13.5)
    assert costs["fft"].peak == pytest.approx(190.0 * 1.048576)  # Snakemake counts MiB
    assert math.isnan(costs["pca"].peak)
    assert math.isnan(costs["metrics"].cpu_seconds)


def test_jobs_that_the_run_no_longer_has_cost_nothing(run, tmp_path):
    folder = shutil.copytree(run["benchmarks"], tmp_path / "benchmarks")
    (folder / "jobs.txt").write_text("benchmarks/fft/train-crema-4hz-1.tsv\nbenchmarks/pca/p-96.tsv\n")
    costs = costs_by_rule(folder)
    assert (costs["fft"].jobs, costs["fft"].seconds) == (1, 13.5)
    assert set(costs) == {"fft", "pca"}


def test_the_settings_shown_are_those_that_models_carry(tmp_path):
    run = simulate(tmp_path, {"vector": 0.5}, seeds=[1])
    [metrics] = run["evaluations"]
    carried = {"settings": {"pca": {"components": 96}}}
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | carried))
    config = json.loads(run["config"].read_text()) | {"pca": {"components": 4}}
    run["config"].write_text(json.dumps(config))
    write_report(**run)
    text = Page(run["output"]).text
    assert '"components": 96' in text
    assert '"components": 4' not in text


def test_the_briefs_memory_is_shown_as_the_briefs(page):
    assert "9.85 + 2.10 GB" in page.text
    assert "The last row is not ours" in page.text


def test_a_run_without_benchmark_files_has_a_report(tmp_path):
    run = simulate(tmp_path, {"vector": 0.5}, seeds=[1]) | {"benchmarks": tmp_path / "absent"}
    write_report(**run)
    assert "No benchmark files were found" in Page(run["output"]).text


@pytest.mark.parametrize("kind", ["evaluations", "ranks"])
def test_a_damaged_file_is_named(tmp_path, kind):
    run = simulate(tmp_path, {"vector": 0.5}, seeds=[1])
    run[kind][0].write_bytes(b"\x00 not what it says")
    with pytest.raises(CoversimError, match=f"{run[kind][0].name}.*Remedy"):
        write_report(**run)
    assert not run["output"].exists()


@pytest.mark.parametrize("content", [b"", b'dataset\tfeature\n"train\tcrema\n'])
def test_a_table_that_was_cut_off_is_named(tmp_path, content):
    run = simulate(tmp_path, {"vector": 0.5}, seeds=[1])
    run["set_aside"].write_bytes(content)
    with pytest.raises(CoversimError, match=r"set_aside.tsv: no table .*Remedy: delete it"):
        write_report(**run)


def test_without_an_evaluation_there_is_no_report(tmp_path):
    run = simulate(tmp_path, {"vector": 0.5}, seeds=[1]) | {"evaluations": [], "ranks": []}
    with pytest.raises(CoversimError, match="no evaluation"):
        write_report(**run)


def test_the_script_writes_the_same_page_without_torch(run, page, tmp_path):
    output = tmp_path / "report.html"
    arguments = [
        *("--config", run["config"], "--set-aside", run["set_aside"]),
        *("--evaluations", *run["evaluations"], "--ranks", *run["ranks"], "--found", *run["found"]),
        *("--pairs", *run["pairs"], "--calibrations", *run["calibrations"], "--frames", *run["frames"]),
        *("--embeddings", *run["embeddings"], "--pca", *run["pca"], "--titles", *run["titles"]),
        *(
            "--histories",
            *(f"{name}={path}" for name, path in run["histories"].items()),
            "--records",
            run["records"],
        ),
        *("--summaries", *run["summaries"], "--benchmarks", run["benchmarks"], "--output", output),
    ]
    scripts = Path(__file__).parents[3] / "scripts"
    (tmp_path / "torch.py").write_text("raise ImportError('the environment of the report has no torch')")
    blocked = f"import sys, runpy; sys.path[:0] = {[str(tmp_path), str(scripts)]!r}; " + (
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", blocked, scripts / "report.py", *arguments], check=True)
    assert output.read_bytes() == run["output"].read_bytes()


def test_test_works_come_first_then_benchmarks_then_validation_works():
    names = ["valid", "valid/b", "covers80", "test/b", "test", "benchmark", "test/a", "valid/a"]
    metrics = pd.DataFrame(
        {"map": 0.5}, pd.MultiIndex.from_product([names, ["x"], [1]], names=["collection", "e", "s"])
    )
    assert collections_of(Results(metrics, {}, {}, {})) == [
        *("test", "test/a", "test/b", "benchmark", "covers80", "valid", "valid/a", "valid/b")
    ]
