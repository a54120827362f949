# Takes the configuration and the data sets. Leaves the run's folder, which becomes the working directory, the plan, and
# the digests that decide what is stale.

import os
import re
import shlex
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path

SCRIPTS = CLONE / "scripts"
sys.path.insert(0, str(SCRIPTS))

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from coversim.errors import CoversimError
from coversim.report.console import print_headline, print_set_aside
from coversim.storage import fence
from coversim.workflow import claim, resources, terminal
from coversim.workflow.code_digest import code_digest
from coversim.workflow.config import (
    check_files,
    merge,
    names_of,
    naming,
    read,
    validate,
)
from coversim.workflow.data_sets import DEMO_TITLES
from coversim.workflow.experiments import patch_size, words
from coversim.workflow.options import (
    refuse_braces,
    refuse_to_replace_our_report,
    refuse_what_hides_changes,
)
from coversim.workflow.plan import make_plan
from coversim.workflow.resources import growing

# shell commands find the scripts by COVERSIM_SCRIPTS, wherever the clone lies; their `python` is the one that runs
# Snakemake, or that of the job's conda environment
prefix = f"export COVERSIM_SCRIPTS={shlex.quote(str(SCRIPTS))}"
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    prefix += f' PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'
shell.prefix(f"{prefix}; ".replace("{", "{{").replace("}", "}}"))


@contextmanager
def workflow_errors():
    """What the user can mend is said without a traceback."""
    try:
        yield
    except CoversimError as error:
        raise WorkflowError(str(error)) from None


with workflow_errors():
    refuse_braces(str(CLONE))
    check_files(workflow.configfiles)
    files = names_of(workflow.configfiles)
    files += ["--config"] if workflow.config_settings.config else []
    # Snakemake puts the experiments of a user's file before those of config.yaml, and merges that of a module over nothing
    config = merge(read(CLONE / "config.yaml"), config)
    schema = CLONE / "schemas" / "config.schema.yaml"
    config = validate(config, schema, files)
    if workflow.is_main_process:
        RESULTS = Path(
            workflow.overwrite_workdir or Path("results", config["name"])
        ).absolute()
        os.environ.pop(fence.RUN, None)
        refuse_to_replace_our_report(sys.argv[1:])
        claim.check_folder(RESULTS)
        claim.clear_dead_lock(RESULTS)
    elif fence.superseded():
        raise CoversimError(
            "another run has begun: this job is not wanted any more. Remedy: none is needed"
        )
    else:
        RESULTS = fence.results_of_job()
    with naming(files, *names_of([CLONE / "config.yaml"])):
        PLAN = make_plan(config, RESULTS, walk=workflow.is_main_process)


workdir: RESULTS


@cache
def digest_of(script, assets):
    return code_digest(
        SCRIPTS / script, *(SCRIPTS / "coversim" / asset for asset in assets)
    )


def code(script, *assets):
    """For `params`: the digest of a script, of the modules that it imports and of its assets."""

    def of_job(wildcards):
        if workflow.is_main_process:
            refuse_what_hides_changes(workflow)
        return digest_of(script, assets)

    return of_job


def content(*paths):
    """For `params`: the digests of what files that the plan writes hold, given their paths or functions of wildcards."""

    def of_job(wildcards):
        named = []
        for path in paths:
            found = path(wildcards) if callable(path) else path.format(**wildcards)
            named += [found] if isinstance(found, str) else found
        return [PLAN.digests.get(path, "") for path in named]

    return of_job


def one_of(names):
    """Pattern of a wildcard that is one of these names; none matches where there is none."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def is_output(path):
    """Whether a rule makes this file."""
    return any(rule.is_producer(path) for rule in workflow.rules)
