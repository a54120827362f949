"""What Snakemake allows and this workflow refuses, since its "nothing to be done" would not be true."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snakemake.settings.enums import RerunTrigger

from coversim.errors import CoversimError

NEEDED = {RerunTrigger.CODE, RerunTrigger.INPUT, RerunTrigger.MTIME, RerunTrigger.PARAMS}


def refuse_braces(clone: str) -> None:
    """Raise CoversimError where Snakemake would take a part of the workflow's own path for a wildcard."""
    if set(clone) & set("{}"):
        raise CoversimError(
            f"{clone}: Snakemake takes braces for wildcards. Remedy: put the workflow into a folder without them"
        )


def refuse_what_hides_changes(workflow: Any) -> None:
    """Raise CoversimError where an option, of the command line or a profile, would hide that a job is stale.

    `workflow` is Snakemake's; its options are known once the Snakefile is parsed.
    """
    dag, execution = workflow.dag_settings, workflow.execution_settings
    refused = {
        "rerun-triggers": dag and not set(dag.rerun_triggers) >= NEEDED,
        "keep-incomplete": execution and execution.keep_incomplete,
        "ignore-incomplete": execution and execution.ignore_incomplete,
        "no-hooks": execution and execution.no_hooks,
    }
    for option, given in refused.items():
        if given:
            raise CoversimError(
                f"--{option} would hide that results are stale. Remedy: leave it out; look into the profile too"
            )


def refuse_to_replace_our_report(arguments: Sequence[str]) -> None:
    """Raise CoversimError where Snakemake's own report, `report.html` unless named, would replace that of the run."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--report", nargs="?", const="report.html")
    known, _ = parser.parse_known_args(arguments)
    if known.report and Path(known.report).name == "report.html":
        raise CoversimError(
            "--report would replace the report of the run. Remedy: name another file: --report snakemake.html"
        )
