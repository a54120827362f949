"""The tables of the report, its headline, and what the page says of them."""

import json
import math
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from coversim.evaluation.metric_names import RERANKED
from coversim.report.inputs import Results, alignment_seconds, read_jobs
from coversim.report.page import write_report
from coversim.report.tables import (
    Difference,
    collections_of,
    make_headline,
    paired_difference,
)
from page import Page
from simulated_run import EXPERIMENTS, simulate, tables_of


def average_precisions(run, experiment, collection):
    """Per query, the mean over seeds, read without the report's own reader."""
    tables = [pq.read_table(p).to_pandas() for p in run["ranks"] if p.parts[-3] == experiment]
    values = [
        t[t.collection == collection].set_index(["work", "performance"]).average_precision for t in tables
    ]
    return sum(values) / len(values)


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


def test_test_works_come_first_then_benchmarks_then_validation_works():
    names = ["valid", "valid/b", "covers80", "test/b", "test", "benchmark", "test/a", "valid/a"]
    metrics = pd.DataFrame(
        {"map": 0.5}, pd.MultiIndex.from_product([names, ["x"], [1]], names=["collection", "e", "s"])
    )
    assert collections_of(Results(metrics, {}, {}, {})) == [
        *("test", "test/a", "test/b", "benchmark", "covers80", "valid", "valid/a", "valid/b")
    ]
