"""What each kind of change reruns: staleness.tsv against the real Snakemake.

Dry runs tell the jobs of every row; some rows are truly run, with COVERSIM_RUN_ROWS=all every one that trains.
"""

import os
import re
import shutil

import pytest
import yaml

import what_reruns
from coversim.workflow.config import merge
from place import CONFIG, RESULTS
from staleness import CHANGES, make_change, table
from workflow import ROOT, jobs, plan, run

ROWS = table()
ROW = {row.change: row for row in ROWS}
TRULY_RUN = (
    "every song file touched",
    "a song's content, its size kept, its time older",
    "content of a song that only tests",
    "Snakemake's metadata deleted",
)
if os.environ.get("COVERSIM_RUN_ROWS") == "all":
    TRULY_RUN = [
        row.change for row in ROWS if row.jobs["train"] and row.change != "a shard of frames damaged"
    ]


@pytest.mark.parametrize("change", ROW)
def test_a_change_reruns_what_the_table_says(change, place):
    options = make_change(place, ROW[change])
    assert jobs(plan(place, *options)) == ROW[change].jobs


@pytest.mark.parametrize("change", TRULY_RUN)
def test_a_network_is_trained_where_the_table_says_so(change, place):
    shutil.rmtree(place / RESULTS / "logs" / "train")
    options = make_change(place, ROW[change])
    assert jobs(run(place, *options)) == ROW[change].jobs
    logs = [path.read_text() for path in (place / "run" / "results").glob("*/logs/train/*.log")]
    trains = any(re.search(r"epoch \d+/\d+ ", log) for log in logs)
    assert ROW[change].epochs == ("yes" if trains else "no")
    assert not jobs(plan(place, *options))


def test_touch_declares_songs_unchanged_whose_times_changed(place):
    make_change(place, ROW["every song file touched"])
    run(place, "--touch")
    assert not jobs(plan(place))
    make_change(place, ROW["a song's content"])
    assert jobs(plan(place))["fft"] == 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_the_table_says_for_every_train_job_whether_it_trains(row):
    assert row.epochs in (("yes", "no") if row.jobs["train"] else ("–",))
    assert row.why


def test_the_docs_show_the_table():
    assert what_reruns.PAGE.read_text() == what_reruns.markdown(), (
        "python tests/workflow/what_reruns.py writes it"
    )


def test_every_kind_of_change_has_a_row():
    assert {row.change for row in ROWS} >= set(CHANGES)


def test_every_module_and_script_has_a_row():
    code = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "scripts").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.stat().st_size
    }
    assert code == {row.change for row in ROWS if row.change.startswith("scripts/")}


def test_every_key_of_the_configuration_has_a_row():
    def keys(section: dict, prefix: str = "") -> set[str]:
        nested = {
            key: value for key, value in section.items() if isinstance(value, dict) and key != "experiments"
        }
        found = {prefix + key for key in section if key not in nested}
        return found.union(*(keys(value, f"{prefix}{key}.") for key, value in nested.items()))

    defaults = yaml.safe_load((ROOT / "config.yaml").read_text())
    changed = {row.change.split(" = ")[0] for row in ROWS if row.kind == "config"}
    assert keys(merge(defaults, CONFIG)) <= {
        re.sub(r"^experiments\..*", "experiments", key) for key in changed
    }
