# Takes the configuration. Leaves what the rules ask for: the catalogue of each data set (made by the main
# process, read by jobs), the settings of each experiment, and the digest of each script's code.

import os
import sys
from functools import cache
from pathlib import Path

SCRIPTS = Path(workflow.basedir, "scripts")
sys.path.insert(0, str(SCRIPTS))
# shell commands find the scripts by COVERSIM_SCRIPTS, wherever the clone lies; their `python` is the one that
# runs Snakemake, or that of the job's conda environment
os.environ.update(
    COVERSIM_SCRIPTS=str(SCRIPTS),
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
)

from snakemake.exceptions import WorkflowError

from coversim.atomic import remove_leftovers
from coversim.config import validate
from coversim.digest import code_digest
from coversim.errors import CoversimError
from coversim.headline import print_headline, print_set_aside
from coversim.orphans import cancel_orphans
from coversim.plan import make_plan
from coversim.running import MARK, claim, end_orphans, forget_what_is_not_recorded

RESULTS = Path("results", config["name"])
# by this the next run knows the jobs of this one
os.environ[MARK] = str(RESULTS.resolve())

try:
    validate(config, Path(workflow.basedir, "schemas", "config.schema.yaml"))
    if workflow.is_main_process:
        claim(RESULTS)
        forget_what_is_not_recorded(RESULTS)
    PLAN = make_plan(config, RESULTS, write=workflow.is_main_process)
except CoversimError as error:
    raise WorkflowError(str(error)) from None


@cache
def code(script, *assets):
    """Digest of a script, of the modules that it imports and of its assets: what its job does."""
    return code_digest(
        SCRIPTS / script, *(SCRIPTS / "coversim" / asset for asset in assets)
    )


def frames_of(experiment, dataset, shard):
    """The shard files of the features that an experiment uses."""
    return collect(
        "<results>/fft/{dataset}/{frames}/{shard}.h5",
        dataset=dataset,
        frames=PLAN.frames_of[experiment],
        shard=shard,
    )


def one_of(names):
    """Pattern of a wildcard that is one of these names; none matches where there is none."""
    return "|".join(sorted(names)) or "(?!)"


def parts_of(wildcards, dataset):
    """The embeddings of a data set that a run fuses."""
    return [
        f"<results>/embeddings/{run}/{dataset}.h5"
        for run in PLAN.fused[wildcards.experiment][wildcards.seed]
    ]


def embeddings_of(wildcards, datasets):
    """The embeddings of a run; none where songs are compared pair by pair."""
    run = f"{wildcards.experiment}/{wildcards.seed}"
    return [
        f"<results>/embeddings/{run}/{dataset}.h5"
        for dataset in datasets
        if run in PLAN.embedded
    ]


def aligned_of(wildcards):
    """The distances by alignment of a run, of all collections, if its experiment aligns songs."""
    run = f"{wildcards.experiment}/{wildcards.seed}"
    return [
        f"<results>/aligned/{run}/{collection}/{shard}.h5"
        for collection in PLAN.collections
        for shard in PLAN.shards
        if wildcards.experiment in PLAN.alignment
    ]


onstart:
    # a run that was killed leaves its jobs running; two jobs must not write one output
    if workflow.executor_plugin.name == "slurm":
        cancel_orphans(Path.cwd())
    end_orphans(RESULTS)
    remove_leftovers(RESULTS)


# light enough to run beside Snakemake, where a cluster job would cost more than the work
localrules:
    pairs,
    pca,
    fuse,
    metrics,
    set_aside,
    report,
    verify,
