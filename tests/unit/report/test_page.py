"""The report says what the files of the run say: no more, and escaped."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from coversim.errors import CoversimError
from coversim.report.costs import costs_of
from coversim.report.inputs import read_jobs
from coversim.report.page import write_report
from page import Page
from simulated_run import simulate

HOSTILE = "\"><script>alert('☠ & ü')</script>{{ 7*7 }}</title>"


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


def test_where_songs_were_ordered_anew_the_hardest_queries_are_those_of_that_order(tmp_path):
    run = simulate(tmp_path, {"vector": 0.7}, seeds=[1], collections=["valid"], reranked=["vector"])
    write_report(**run)
    text = Page(run["output"]).text
    ranks = pq.read_table(run["ranks"][0]).to_pandas().set_index("performance")
    section = text[text.index("Hardest and easiest queries") :]
    said = re.findall(r"/ (P_\w+) (first instead: .*? )?(\d+) (\d+) ([01]\.\d{3})", section)
    assert said
    for query, instead, _, first_rank, average_precision in said:
        assert (first_rank == "1") != bool(instead)
        assert float(average_precision) == pytest.approx(ranks.average_precision_reranked[query], abs=5e-4)
    assert "were ordered anew, while a probability is of the distance alone" in text


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
