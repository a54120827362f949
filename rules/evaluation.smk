# Takes embeddings, distances by alignment, and pair tables. Leaves the figures of every experiment, seed and
# collection.


rule evaluate:
    """Exact retrieval and pair figures of one experiment, with bootstrap intervals over works."""
    input:
        embeddings=lambda wildcards: embeddings_of(wildcards, PLAN.datasets),
        aligned=aligned_of,
        pairs=collect(
            "<results>/pairs/{collection}.parquet", collection=PLAN.collections
        ),
    output:
        metrics="<results>/evaluation/{experiment}/{seed}/metrics.json",
        ranks="<results>/evaluation/{experiment}/{seed}/ranks.parquet",
    log:
        "<logs>/evaluate/{experiment}-{seed}.log",
    benchmark:
        "<benchmarks>/evaluate/{experiment}-{seed}.tsv"
    conda:
        "../envs/siamese.yaml"
    params:
        code=code("evaluate.py"),
        bootstrap=lookup(within=config, dpath="evaluation"),
        rerank=lookup(within=PLAN.rerank, dpath="{experiment}"),
        device=lookup(within=PLAN.device, dpath="{experiment}"),
    shell:
        'python "$COVERSIM_SCRIPTS"/evaluate.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --embeddings {input.embeddings:q} --aligned {input.aligned:q} {params.rerank}"
        " --pairs {input.pairs:q} --resamples {params.bootstrap[resamples]}"
        " --bootstrap-seed {params.bootstrap[seed]} --device {params.device}"
        " --output {output.metrics:q} --ranks {output.ranks:q} 2> {log:q}"


rule metrics:
    """One table: a row per experiment, seed and collection."""
    input:
        metrics=[f"<results>/evaluation/{run}/metrics.json" for run in PLAN.runs],
    output:
        table="<results>/metrics.tsv",
    log:
        "<logs>/metrics.log",
    benchmark:
        "<benchmarks>/metrics/metrics.tsv"
    conda:
        "../envs/evaluation.yaml"
    params:
        code=code("metrics.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/metrics.py'
        " --metrics {input.metrics:q} --output {output.table:q} 2> {log:q}"
