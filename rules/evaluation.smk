# Takes embeddings, distances by alignment, and pair tables. Leaves the metrics of every experiment, seed and
# collection, the songs that are found, and the way from distance to probability.


rule evaluate:
    """Exact retrieval and pair metrics of one experiment, and the probability of a cover at a distance."""
    input:
        embeddings=embeddings_to_evaluate,
        aligned=aligned_of,
        pairs=collect("pairs/{collection}.parquet", collection=PLAN.collections),
    output:
        metrics="evaluation/{experiment}/{seed}/metrics.json",
        ranks="evaluation/{experiment}/{seed}/ranks.parquet",
        pairs="evaluation/{experiment}/{seed}/pairs.parquet",
        found="evaluation/{experiment}/{seed}/found.parquet",
        calibration="evaluation/{experiment}/{seed}/calibration.json",
    log:
        "logs/evaluate/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/evaluate/{experiment}-{seed}.tsv"
    retries: RETRIES
    conda:
        "../envs/siamese.yaml"
    resources:
        # measured: to rank 15,000 songs of 1,024 numbers, 740 MB and 15 s on one core; with hubs corrected, 760 MB and
        # 41 s; re-ranked, at most 200 MB more: no GPU is worth waiting for
        mem_mb=growing(1500),
        runtime=growing(20),
    params:
        code=code("evaluate.py"),
        settings=lookup(within=config, dpath="evaluation"),
        collections=PLAN.collections,
        weight=weight_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/evaluate.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --embeddings {input.embeddings:q} --aligned {input.aligned:q}"
        " --weight {params.weight} --neighbours {params.settings[neighbours]}"
        " --collections {params.collections:q} --pairs {input.pairs:q}"
        " --resamples {params.settings[resamples]}"
        " --bootstrap-seed {params.settings[seed]} --threads {threads}"
        " --output {output.metrics:q} --ranks {output.ranks:q}"
        " --pair-distances {output.pairs:q} --found {output.found:q}"
        " --calibration {output.calibration:q} 2> {log:q}"


rule metrics:
    """One table: a row per experiment, seed and collection."""
    input:
        metrics=[f"evaluation/{run}/metrics.json" for run in PLAN.runs],
        histories=list(HISTORIES.values()),
    output:
        table=report("metrics.tsv", caption="captions/metrics.rst", category="Metrics"),
    log:
        "logs/metrics.log",
    benchmark:
        "benchmarks/metrics/metrics.tsv"
    localrule: True
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code("metrics.py"),
        histories=[f"{run}={path}" for run, path in HISTORIES.items()],
        order=PLAN.runs,
    shell:
        'python "$COVERSIM_SCRIPTS"/metrics.py'
        " --metrics {input.metrics:q} --histories {params.histories:q} --output {output.table:q} 2> {log:q}"
