# Takes what the evaluations, the trainings and the jobs of a run left. Leaves one self-contained HTML file.

SUMMARIES = collect("catalogue/{dataset}/summary.json", dataset=PLAN.datasets)
SETTINGS_OF_PATCHES = collect("patches/{patches}.json", patches=PLAN.patches)
PARTS_OF_PAGE = sorted(
    f"report/{path.relative_to(SCRIPTS / 'coversim' / 'report')}"
    for kind in ("*.j2", "*.css", "*.js")
    for path in (SCRIPTS / "coversim" / "report").rglob(kind)
)


rule report:
    """The run as one HTML page: what ran on what, metrics with intervals, what was set aside, cost."""
    input:
        evaluations=rules.metrics.input.metrics,
        ranks=[f"evaluation/{run}/ranks.parquet" for run in PLAN.runs],
        found=[f"evaluation/{run}/found.parquet" for run in PLAN.runs],
        pairs=[f"evaluation/{run}/pairs.parquet" for run in PLAN.runs],
        calibrations=[f"evaluation/{run}/calibration.json" for run in PLAN.runs],
        embeddings=EMBEDDINGS_TO_MAP,
        frames=FRAMES_TO_TELL,
        pca=PCA_TO_SHOW,
        histories=list(HISTORIES.values()),
        set_aside=rules.set_aside.output.table,
        corpus=PLAN.corpus_of("train"),
    output:
        report=report("report.html", caption="captions/report.rst", category="Report"),
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
            *PARTS_OF_PAGE,
        ),
        content=content("config.json", *SUMMARIES, *SETTINGS_OF_PATCHES),  # which tell of titles too
        summaries=SUMMARIES,
        titles=PLAN.titles,
        histories=[f"{run}={path}" for run, path in HISTORIES.items()],
    shell:
        'python "$COVERSIM_SCRIPTS"/report.py'
        " --config config.json"
        " --evaluations {input.evaluations:q} --ranks {input.ranks:q} --found {input.found:q}"
        " --pairs {input.pairs:q} --calibrations {input.calibrations:q} --embeddings {input.embeddings:q}"
        " --frames {input.frames:q} --pca {input.pca:q} --records .snakemake/metadata"
        " --histories {params.histories:q} --set-aside {input.set_aside:q}"
        " --summaries {params.summaries:q} --titles {params.titles:q}"
        " --benchmarks benchmarks --output {output.report:q} 2> {log:q}"
