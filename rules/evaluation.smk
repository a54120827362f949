# Takes embeddings and pair tables. Leaves the figures of every experiment, seed and collection.


rule evaluate:
    """Exact retrieval and pair figures of one experiment, with bootstrap intervals over works."""
    input:
        unpack(
            lambda wildcards: {
                dataset: f"<results>/embeddings/{wildcards.experiment}/{wildcards.seed}/{dataset}.h5"
                for dataset in PLAN.datasets
            }
        ),
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
        embeddings=lambda wildcards, input: [
            input[dataset] for dataset in PLAN.datasets
        ],
        bootstrap=lookup(within=config, dpath="evaluation"),
        device=lookup(within=PLAN.device, dpath="{experiment}"),
    shell:
        'python "$COVERSIM_SCRIPTS"/evaluate.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --embeddings {params.embeddings:q} --pairs {input.pairs:q}"
        " --resamples {params.bootstrap[resamples]} --bootstrap-seed {params.bootstrap[seed]} --device {params.device}"
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
