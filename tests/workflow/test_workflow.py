"""The whole workflow, by the real Snakemake, from song files to the report."""

import csv
import json
import re

import numpy as np
import pytest
import yaml

from coversim import Metric
from coversim.storage import embeddings
from coversim.workflow.config import merge
from workflow import ROOT, SMALL, jobs, snakemake

RULES = {
    "demo_corpus",
    "fft",
    "copies",
    "pca_moments",
    "pca",
    "pairs",
    "train",
    "fit",
    "embed",
    "embed_baseline",
    "evaluate",
    "metrics",
    "set_aside",
    "report",
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished small run, in a folder whose name needs quoting; no test may change it."""
    directory = tmp_path_factory.mktemp("run") / "it's “a” run $HOME"
    return directory, snakemake(directory, afresh=True)


@pytest.fixture(scope="session")
def results(finished):
    return finished[0] / "results" / "small"


def read_tsv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def test_every_rule_runs(finished):
    assert set(jobs(finished[1])) == RULES


def test_fft_and_pca_moments_fan_out_over_the_shards(finished):
    ran = jobs(finished[1])
    assert ran["fft"] == 2 * SMALL["shards"]  # crema at 4 Hz, and in 64 frames for the brief
    assert ran["pca_moments"] == 3 * SMALL["shards"]  # the patches of vector, brief and pca


def test_the_metrics_table_has_the_experiments_in_the_order_of_the_configuration(results):
    rows = read_tsv(results / "metrics.tsv")
    assert [(row["experiment"], row["collection"]) for row in rows] == [
        (experiment, collection)
        for experiment in ("vector", "brief", "ftm2d", "pca")
        for collection in ("valid", "test")
    ]
    columns = "experiment seed kept_epoch collection works songs queries map map_low map_high mr1 mrr p_at_10 hit_at_1 hit_at_10 roc_auc roc_auc_nearest eer accuracy"
    assert list(rows[0])[:19] == columns.split()
    for row in rows:
        assert 0 <= float(row["map_low"]) <= float(row["map"]) <= float(row["map_high"]) <= 1


def test_nothing_remains_to_be_done(finished):
    assert "Nothing to be done" in snakemake(finished[0], "-n").stdout


def test_the_end_says_the_figures_and_where_the_report_is(finished, results):
    assert "MAP (95 % interval)" in finished[1].stdout
    assert f"report: {results}/report.html" in finished[1].stdout
    assert (results / "report.html").stat().st_size > 10_000


def test_two_runs_with_the_same_seed_give_the_same_figures(finished, results, tmp_path):
    snakemake(tmp_path / "again")
    again = tmp_path / "again" / "results" / "small"
    for name in (
        "metrics.tsv",
        "pairs/train.parquet",
        "models/vector/1/model.pt",
        "embeddings/brief/1/train.h5",
    ):
        assert (again / name).read_bytes() == (results / name).read_bytes(), name


def test_the_rule_graph_is_drawn(finished):
    graph = snakemake(finished[0], "--rulegraph").stdout
    assert all(f'label = "{rule}"' in graph for rule in RULES)


def test_the_summary_lists_the_outputs(finished):
    assert "metrics.tsv" in snakemake(finished[0], "--summary").stdout


def test_snakemake_finds_nothing_to_mend_in_the_rules(tmp_path):
    assert "Congratulations" in snakemake(tmp_path / "lint", "--lint").stdout


def test_the_dry_run_of_a_fresh_clone_plans_everything(tmp_path):
    assert set(jobs(snakemake(tmp_path / "fresh", "-n"))) == RULES


def test_a_mistake_in_the_configuration_is_one_clear_message(tmp_path):
    done = snakemake(tmp_path / "run", "-n", config={"shard": 3}, check=False)
    assert done.returncode != 0
    assert "unknown key 'shard': did you mean 'shards'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_missing_data_set_is_one_clear_message(tmp_path):
    config = {"datasets": {"train": {"root": str(tmp_path / "nowhere")}}}
    done = snakemake(tmp_path / "run", "-n", config=config, check=False)
    assert done.returncode != 0
    assert f"\n{tmp_path / 'run.yaml'}: {tmp_path / 'nowhere'}: No such file" in done.stdout
    assert "Remedy: set datasets.train.root" in done.stdout
    assert "Traceback" not in done.stdout


def test_every_job_has_its_peak_memory_measured(results):
    measured = {path.parent.name for path in (results / "benchmarks").glob("*/*.tsv")}
    assert measured == RULES - {"fit", "embed_baseline"}  # measured with `train` and `embed`


def test_the_configuration_of_the_run_is_kept(results):
    kept = json.loads((results / "config.json").read_text())
    assert kept["demo_corpus"]["works"] == 30


def test_the_repository_stays_clean(finished):
    assert not (ROOT / "results" / "small").exists()


def test_the_ablation_trains_every_factor_with_three_seeds_in_one_run(tmp_path):
    ablation = yaml.safe_load((ROOT / "config" / "ablation.yaml").read_text())
    planned = snakemake(tmp_path / "ablation", "-n", config=merge(SMALL, ablation))
    fitted, fused = ["linear_alone", "untrained", "ftm2d", "pca"], ["features_late"]
    networks = {*ablation["experiments"], "vector", "brief"} - {*fitted, *fused, "sequence"}
    assert jobs(planned)["train"] == 3 * len(networks)
    assert jobs(planned)["fit"] == len(fitted)
    assert jobs(planned)["fuse"] == 3 * len(fused)
    assert jobs(planned)["fft"] == 3 * SMALL["shards"]  # two features, and the frames of the brief


CLASSICS = yaml.safe_load((ROOT / "config" / "classics.yaml").read_text())


@pytest.fixture(scope="module")
def classics(tmp_path_factory):
    """A finished run of the classics, with the first songs of `vector` and of a late fusion re-ranked."""
    config = merge(merge(SMALL, CLASSICS), {"experiments": {"brief": None, "ftm2d": None, "pca": None}})
    few = {"rerank": {"candidates": 5, "by": "qmax"}}
    reranked = {"vector": few, "late": {"fuse": ["vector", "lda"], **few}}
    config = merge(config, {"experiments": reranked, "train": {"epochs": 1}})
    directory = tmp_path_factory.mktemp("classics") / "run"
    return directory / "results" / "small", snakemake(directory, config=config), config


def test_alignment_fans_out_over_the_shards_of_each_collection(classics):
    aligned = ("chroma", "qmax", "qmax_sharp", "qmax_2hz", "vector", "late")
    assert jobs(classics[1])["align"] == len(aligned) * 2 * SMALL["shards"]
    assert jobs(classics[1])["train"] == 2  # vector, vector_tempi
    assert jobs(classics[1])["fit"] == 5  # lda, lda_same, pca_20s, untrained, whitened
    assert not (classics[0] / "models" / "qmax").exists()


def test_the_classics_stand_in_the_same_table_after_the_experiments_of_config_yaml(classics):
    table = read_tsv(classics[0] / "metrics.tsv")
    assert list(dict.fromkeys(row["experiment"] for row in table))[:2] == ["vector", "chroma"]
    rows = {(row["experiment"], row["collection"]): row for row in table}
    assert {name for name, _ in rows} == {
        "chroma",
        "lda",
        "lda_same",
        "pca_20s",
        "untrained",
        "whitened",
        "qmax",
        "qmax_sharp",
        "qmax_2hz",
        "vector",
        "vector_tempi",
        "late",
    }
    for row in rows.values():
        assert 0 < float(row["map_low"]) <= float(row["map"]) <= float(row["map_high"]) <= 1
        assert 0 <= float(row["roc_auc_nearest"]) <= float(row["roc_auc"]) <= 1
    pools = {(row["collection"], row["songs"], row["queries"]) for row in rows.values()}
    assert len(pools) == 2  # the same songs and queries for all
    assert float(rows["qmax", "valid"]["map"]) > float(rows["chroma", "valid"]["map"])


def test_late_fusion_trains_nothing_and_holds_all_its_parts(classics):
    fused, *parts = (
        embeddings.read(classics[0] / f"embeddings/{name}/1/train.h5").embeddings
        for name in ("late", "vector", "lda")
    )
    assert jobs(classics[1])["fuse"] == 1
    assert fused.shape[1] == sum(part.shape[1] for part in parts)
    assert not (classics[0] / "models" / "late" / "1" / "model.pt").exists()


def test_late_fusion_is_bundled_and_embeds_songs_as_the_run_does(classics):
    snakemake(classics[0].parents[1], "models/late/1/metric.pt", config=classics[2])
    metric = Metric.load(classics[0] / "models" / "late" / "1" / "metric.pt")
    songs = embeddings.read(classics[0] / "embeddings" / "late" / "1" / "train.h5")
    [file] = (classics[0] / "demo_corpus").rglob(f"{songs.performances[0]}_crema.h5")
    np.testing.assert_allclose(metric.embed(file).vector, songs.embeddings[0], atol=1e-4)


def test_re_ranked_figures_are_further_columns(classics):
    rows = {(row["experiment"], row["collection"]): row for row in read_tsv(classics[0] / "metrics.tsv")}
    for collection in ("valid", "test"):
        for row in (rows["vector", collection], rows["late", collection]):
            assert row["candidates_reranked"] == "5"
            for metric in ("map", "mrr", "hit_at_1"):
                ends = [float(row[f"{metric}_reranked{end}"]) for end in ("_low", "", "_high")]
                assert ends == sorted(ends)
        assert rows["qmax", collection]["map_reranked"] == ""
        assert all(0 < float(row["map_hubs"]) <= 1 for (_, of), row in rows.items() if of == collection)
    assert "Re-ranked" in (classics[0] / "report.html").read_text()


def test_no_alignment_job_takes_more_than_400_mb(classics):
    results, _, config = classics
    experiments = ("qmax", "chroma", "vector")
    targets = [f"aligned/{experiment}/1/valid/0000.h5" for experiment in experiments]
    for target in targets:
        (results / target).unlink()
    snakemake(results.parents[1], *targets, config=config, afresh=True)
    for experiment in experiments:
        log = (results / "logs" / "align" / f"{experiment}-1-valid-0000.log").read_text()
        assert int(re.search(r"peak memory (\d+) MB", log)[1]) <= 400
        assert re.search(r"ms per pair, [\d.]+ s per query", log)
