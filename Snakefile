"""Cover-song similarity on Da-TACOS: from feature files to a trained and evaluated metric.

snakemake --cores all                            the demo corpus (config.yaml)
snakemake --cores all --configfile mine.yaml     yours: mine.yaml holds only what differs
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"


pathvars:
    results=str(RESULTS),
    logs=str(RESULTS / "logs"),
    benchmarks=str(RESULTS / "benchmarks"),


wildcard_constraints:
    dataset="train|benchmark",
    collection="train|valid|test|benchmark",
    frames=r"[a-z]+-[0-9.]+(hz|frames)",
    shard="[0-9]{4}",
    components="[0-9]+",
    experiment="[A-Za-z0-9_-]+",
    seed="[0-9]+",


include: "rules/dataset.smk"
include: "rules/features.smk"
include: "rules/pca.smk"
include: "rules/pairs.smk"
include: "rules/siamese.smk"
include: "rules/alignment.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"
include: "rules/verify.smk"


rule all:
    """The table of figures, the songs set aside, and the report."""
    default_target: True
    input:
        rules.metrics.output,
        rules.set_aside.output,
        rules.report.output,


onsuccess:
    remove_leftovers(RESULTS)
    print_headline(RESULTS)


onerror:
    print_set_aside(RESULTS)
