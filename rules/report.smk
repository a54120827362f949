# Takes the figures, training histories and measurements of a run. Leaves one self-contained HTML file.


rule report:
    """The run as one HTML page: what ran on what, figures with intervals, what was set aside, cost."""
    input:
        config="<results>/config.json",
        evaluations=rules.metrics.input.metrics,
        ranks=[f"<results>/evaluation/{run}/ranks.parquet" for run in PLAN.runs],
        histories=[f"<results>/models/{run}/history.tsv" for run in PLAN.models],
        set_aside=rules.set_aside.output.table,
        summaries=collect(
            "<results>/catalogue/{dataset}/summary.json", dataset=PLAN.datasets
        ),
        titles=PLAN.titles,
    output:
        report="<results>/report.html",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report/report.tsv"
    conda:
        "../envs/evaluation.yaml"
    params:
        code=code(
            "report.py",
            "report.html.j2",
            "report_macros.html.j2",
            "report.css",
            "report.js",
        ),
        name=lookup(within=config, dpath="name"),
        benchmarks=RESULTS / "benchmarks",
    shell:
        'python "$COVERSIM_SCRIPTS"/report.py --name {params.name:q} --config {input.config:q}'
        " --evaluations {input.evaluations:q} --ranks {input.ranks:q}"
        " --histories {input.histories:q} --set-aside {input.set_aside:q} --summaries {input.summaries:q}"
        " --titles {input.titles:q}"
        " --benchmarks {params.benchmarks:q} --output {output.report:q} 2> {log:q}"
