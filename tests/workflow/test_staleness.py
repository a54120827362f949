"""What each kind of change reruns: staleness.tsv against the real Snakemake."""

import re

import pytest
import yaml

import what_reruns
from coversim.config import merge
from staleness import CHANGES, CONFIG, RESULTS, Row, make_change, table
from workflow import ROOT, jobs, plan, run, where

ROWS = table()
TRULY_RUN = (
    "every song file touched",
    "a song's content, its size kept, its time older",
    "content of a song that only tests",
    "Snakemake's metadata deleted",
)


def rows(*changes: str) -> list[Row]:
    return [row for row in ROWS if row.change in changes]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_a_change_reruns_what_the_table_says(row, place):
    change = make_change(place, row)
    assert jobs(plan([*where(place), *change])) == row.jobs


@pytest.mark.parametrize("row", rows(*TRULY_RUN), ids=lambda row: row.change)
def test_a_network_is_trained_where_the_table_says_so(row, place):
    change = make_change(place, row)
    assert jobs(run([*where(place), *change], place / "run")) == row.jobs
    log = (place / RESULTS / "logs" / "train" / "network-1.log").read_text()
    assert ("epoch 2/2" in log) == (row.epochs == "yes")
    assert ("trained before" in log) == (row.epochs == "no")
    assert not jobs(plan(where(place)))


def test_touch_declares_songs_unchanged_whose_times_changed(place):
    [row] = rows("every song file touched")
    make_change(place, row)
    run([*where(place), "--touch"], place / "run")
    assert not jobs(plan(where(place)))
    make_change(place, rows("a song's content")[0])
    assert jobs(plan(where(place)))["fft"] == 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_the_table_says_for_every_train_job_whether_it_trains(row):
    assert row.epochs in (("yes", "no") if row.jobs["train"] else ("–",))
    assert row.why


def test_the_readme_shows_the_table():
    _, shown, _ = what_reruns.parts(what_reruns.README.read_text())
    assert shown == what_reruns.markdown(), "python tests/workflow/what_reruns.py writes it"


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
