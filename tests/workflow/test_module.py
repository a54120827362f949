"""Another workflow uses this one as a module."""

import yaml

from workflow import ROOT, jobs, run_in

CALLER = f"""
configfile: "caller.yaml"

module coversim:
    snakefile: "{ROOT}/Snakefile"
    config: config

use rule * from coversim as coversim_*

onstart:
    coversim.onstart()
"""
CONFIG = {
    "name": "called",
    "demo_corpus": {"works": 30, "seed": 1},
    "shards": 2,
    "evaluation": {"resamples": 100},
    "experiments": dict.fromkeys(("vector", "brief", "pca", "sequence")),
}


def test_a_caller_runs_the_workflow_from_its_own_folder_over_the_defaults(tmp_path):
    (tmp_path / "Snakefile").write_text(CALLER)
    (tmp_path / "caller.yaml").write_text(yaml.safe_dump(CONFIG))
    run_in(tmp_path)
    assert (tmp_path / "results" / "called" / "report.html").is_file()
    assert (tmp_path / "results" / "called" / "metrics.tsv").read_text().count("\nftm2d\t") == 2
    again = run_in(tmp_path, "-n")
    assert not jobs(again)
    assert "Nothing to be done" in again.stdout
