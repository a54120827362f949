# Takes the metrics, training histories and measurements of a run. Leaves one self-contained HTML file.

SUMMARIES = collect("catalogue/{dataset}/summary.json", dataset=PLAN.datasets)


rule report:
    """The run as one HTML page: what ran on what, metrics with intervals, what was set aside, cost."""
    input:
        evaluations=rules.metrics.input.metrics,
        ranks=[f"evaluation/{run}/ranks.parquet" for run in PLAN.runs],
        found=[f"evaluation/{run}/found.parquet" for run in PLAN.runs],
        histories=[f"models/{run}/history.tsv" for run in PLAN.models],
        set_aside=rules.set_aside.output.table,
        corpus=PLAN.corpus_of("train"),
    output:
        report="report.html",
    log:
        "logs/report.log",
    benchmark:
        "benchmarks/report/report.tsv"
    localrule: True
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code(
            "report.py",
            "report/report.html.j2",
            "report/macros.html.j2",
            "report/report.css",
            "report/report.js",
        ),
        content=content("config.json", *SUMMARIES),  # which tell of titles too
        summaries=SUMMARIES,
        titles=PLAN.titles,
    shell:
        'python "$COVERSIM_SCRIPTS"/report.py'
        " --config config.json"
        " --evaluations {input.evaluations:q} --ranks {input.ranks:q} --found {input.found:q}"
        " --histories {input.histories:q} --set-aside {input.set_aside:q}"
        " --summaries {params.summaries:q} --titles {params.titles:q}"
        " --benchmarks benchmarks --output {output.report:q} 2> {log:q}"
