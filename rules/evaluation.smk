# Takes embeddings, distances by alignment, and pair tables. Leaves the figures of every experiment, seed and
# collection.


rule evaluate:
    """Exact retrieval and pair figures of one experiment, with bootstrap intervals over works."""
    input:
        embeddings=embeddings_to_evaluate,
        aligned=aligned_of,
        pairs=collect("pairs/{collection}.parquet", collection=PLAN.collections),
    output:
        metrics="evaluation/{experiment}/{seed}/metrics.json",
        ranks="evaluation/{experiment}/{seed}/ranks.parquet",
    log:
        "logs/evaluate/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/evaluate/{experiment}-{seed}.tsv"
    conda:
        "../envs/siamese.yaml"
    resources:
        gpu=1,
        mem_mb=megabytes(4000),  # measured: 310 MB to rank 15,000 songs; the rest is an allowance for CUDA
        runtime=minutes(60),
    params:
        code=code("evaluate.py"),
        settings=lookup(within=config, dpath="evaluation"),
        rerank=lookup(within=PLAN.rerank, dpath="{experiment}"),
        device=lookup(within=PLAN.device, dpath="{experiment}"),
    shell:
        "{PYTHON:q} {SCRIPTS:q}/evaluate.py"
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --embeddings {input.embeddings:q} --aligned {input.aligned:q} {params.rerank}"
        " --pairs {input.pairs:q} --resamples {params.settings[resamples]}"
        " --bootstrap-seed {params.settings[seed]} --device {params.device}"
        " --output {output.metrics:q} --ranks {output.ranks:q} 2> {log:q}"


rule metrics:
    """One table: a row per experiment, seed and collection."""
    input:
        metrics=[f"evaluation/{run}/metrics.json" for run in PLAN.runs],
    output:
        table=report("metrics.tsv", caption="captions/metrics.rst", category="Figures"),
    log:
        "logs/metrics.log",
    benchmark:
        "benchmarks/metrics/metrics.tsv"
    localrule: True
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=megabytes(500),
        runtime=minutes(30),
    params:
        code=code("metrics.py"),
    shell:
        "{PYTHON:q} {SCRIPTS:q}/metrics.py"
        " --metrics {input.metrics:q} --output {output.table:q} 2> {log:q}"
