"""What Snakemake is asked for, and what the workflow makes of it: nothing that is stale passes for up to date."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coversim.storage.fence import claim_of
from place import RESULTS, song
from staleness import make_change, table
from workflow import jobs, logs, plan, run, start

ROW = {row.change: row for row in table()}
PAIRS = "pairs/valid.parquet"


@pytest.mark.parametrize(
    "option",
    [
        ["--rerun-triggers", "mtime"],
        ["--keep-incomplete"],
        ["--ignore-incomplete"],
        ["--no-hooks"],
    ],
    ids=lambda option: option[0],
)
def test_an_option_that_would_hide_a_change_is_refused(place, option):
    for dry in ([], ["-n"]):
        done = run(place, *option, *dry, check=False)
        assert done.returncode != 0
        assert f"{option[0]} would hide that results are stale. Remedy: leave it out" in done.stdout


def test_such_an_option_in_a_profile_is_refused(place):
    (place / "hasty").mkdir()
    (place / "hasty" / "profile.yaml").write_text("rerun-triggers: mtime\n")
    done = run(place, "--profile", place / "hasty", check=False)
    assert "--rerun-triggers would hide" in done.stdout


def test_snakemakes_report_does_not_replace_ours(place, tmp_path):
    ours = (place / RESULTS / "report.html").read_bytes()
    command = [sys.executable, "-m", "snakemake", "--snakefile", place / "clone" / "Snakefile"]

    def report(*name):
        options = ("--configfile", place / "run.yaml", "--report", *name)
        return subprocess.run(
            list(map(str, (*command, *options))),
            cwd=place / "run",
            capture_output=True,
            text=True,
            check=False,
        )

    bare = report()
    assert bare.returncode != 0
    assert "Remedy: name another file: --report snakemake.html" in bare.stderr
    assert report("snakemake.html").returncode == 0
    theirs = (place / RESULTS / "snakemake.html").read_text(encoding="utf-8")
    for category, name, caption in (
        ("Report", "report.html", "The run on one page"),
        ("Metrics", "metrics.tsv", "One row per experiment"),
        ("Songs", "set_aside.tsv", "Songs that the run went without"),
    ):
        assert all(text in theirs for text in (f'"{category}"', name, caption))
    assert (place / RESULTS / "report.html").read_bytes() == ours


@pytest.mark.parametrize("option", [["--forceall"], ["-R", "train"]], ids=lambda option: option[0])
def test_a_forced_training_is_trained(place, option):
    shutil.rmtree(place / RESULTS / "logs" / "train")
    run(place, *option, "models/network/1/model.pt")
    assert re.search(r"epoch \d+/\d+ ", logs(place / "run"))


def test_after_the_data_set_is_gone_results_can_be_looked_at_and_songs_are_missed(place):
    (place / "data").rename(place / "elsewhere")
    for look in (["-n"], ["--summary"], ["verify"]):
        assert "Planning from the catalogue of the last run" in run(place, *look).stdout
    assert not jobs(plan(place))
    make_change(place, ROW["on_bad_song = fail"])
    done = run(place, check=False)
    assert done.returncode != 0
    assert re.search(r"data, seen from .*Remedy", done.stdout)
    assert not jobs(done), "nothing is made from songs that cannot be read"


def test_the_demo_corpus_counts_by_what_it_is_made_from(place):
    """Its songs are known beforehand: their files' sizes and times are not."""
    configuration = (place / "run.yaml").read_text()
    demo = configuration.replace("root: ../data", "root: null").replace("name: small", "name: demo")
    (place / "run.yaml").write_text(demo + "demo_corpus: {works: 12, seed: 1}\n")
    run(place, "set_aside.tsv")
    (place / "run.yaml").write_text(demo + "demo_corpus: {works: 12, seed: 2}\n")
    run(place, "--until", "demo_corpus")  # as killed before `fft`
    assert jobs(plan(place, "set_aside.tsv")) == {"fft": 3, "copies": 1, "set_aside": 1}


def test_a_clone_below_a_folder_with_braces_says_what_to_do(place, tmp_path):
    (place / "clone").rename(place / "{x}")
    done = run(place, "--snakefile", place / "{x}" / "Snakefile", "-n", check=False)
    assert (
        "Snakemake takes braces for wildcards. Remedy: put the workflow into a folder without them"
        in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_a_dry_run_that_fails_leaves_no_folder(place):
    shutil.rmtree(place / "run" / "results")
    song(place, "train").parents[2].rename(place / "nothing")
    done = plan(place, check=False)
    assert done.returncode != 0
    assert not (place / "run" / "results").exists()


def test_a_run_beside_a_living_one_in_another_folder_of_the_same_place(place, tmp_path):
    make_change(place, ROW["on_bad_song = fail"])
    output = tmp_path / "first.txt"
    first = start(place, output)
    while not claim_of(place / RESULTS).exists():
        assert first.is_alive(), output.read_text()
        time.sleep(0.05)
    configuration = (place / "run.yaml").read_text()
    (place / "run.yaml").write_text(configuration.replace("name: small", "name: other"))
    run(place, "pairs/valid.parquet")
    first.join()
    assert first.exitcode == 0, output.read_text()


def test_a_command_that_a_log_shows_runs_when_it_is_pasted_into_a_shell(place):
    """As CONTRIBUTING.md says."""
    [command] = re.findall(r'python "\$COVERSIM_SCRIPTS"/pairs\.py .*', plan(place, "-p", "-f", PAIRS).stdout)
    before = (place / RESULTS / PAIRS).read_bytes()
    (place / RESULTS / PAIRS).unlink()
    scripts = place / "clone" / "scripts"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-c", command],
        cwd=place / RESULTS,
        env={"COVERSIM_SCRIPTS": str(scripts), "PATH": path},
        check=True,
    )
    assert (place / RESULTS / PAIRS).read_bytes() == before
