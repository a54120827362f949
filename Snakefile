"""Cover-song similarity on Da-TACOS: from feature files to a trained and evaluated metric.

snakemake --cores all                            the demo corpus (config.yaml)
snakemake --cores all --configfile mine.yaml     yours: mine.yaml holds only what differs
"""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

# `workflow.basedir` would be the caller's, where another workflow uses this one as a module
CLONE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))


configfile: str(CLONE / "config.yaml")


include: "rules/common.smk"
include: "rules/inputs/dataset.smk"
include: "rules/inputs/siamese.smk"
include: "rules/inputs/sequences.smk"
include: "rules/resources.smk"


WILDCARDS = (
    "components dataset experiment features frames patches projection seed shard"
)


# none is narrower than what the configuration allows: a target that no rule can make would be taken for a source
wildcard_constraints:
    **dict.fromkeys(WILDCARDS.split(), "[^/]+"),
    collection="[^/]+(/[^/]+)?",  # a split, or a split of a data set


include: "rules/dataset.smk"
include: "rules/features.smk"
include: "rules/pca.smk"
include: "rules/pairs.smk"
include: "rules/siamese.smk"
include: "rules/alignment.smk"
include: "rules/projection.smk"
include: "rules/sequences.smk"
include: "rules/evaluation.smk"
include: "rules/metric.smk"
include: "rules/report.smk"
include: "rules/verify.smk"


rule all:
    """The table of metrics, the songs set aside, and the report."""
    default_target: True
    input:
        rules.metrics.output,
        rules.set_aside.output,
        rules.report.output,


if workflow.is_main_process:
    claim.doubt_unrecorded(RESULTS, is_output)


onstart:
    with workflow_errors():
        claim.begin(RESULTS, PLAN, workflow.dag)
        terminal.begin(workflow)


onsuccess:
    terminal.end(workflow)
    if claim.end(RESULTS):
        print_headline(RESULTS)


onerror:
    terminal.end(workflow)
    if claim.end(RESULTS):
        print_set_aside(RESULTS)
