# Takes the catalogue. Leaves a table of cover pairs (label 0) and as many non-cover pairs (label 1) for each
# collection; both songs of a pair are of the same split.


rule pairs:
    """All cover pairs of a collection, and as many seeded non-cover pairs."""
    input:
        songs=lambda wildcards: f"<results>/catalogue/{PLAN.dataset_of[wildcards.collection]}/songs.tsv",
    output:
        pairs="<results>/pairs/{collection}.parquet",
    log:
        "<logs>/pairs/{collection}.log",
    benchmark:
        "<benchmarks>/pairs/{collection}.tsv"
    conda:
        "../envs/evaluation.yaml"
    params:
        code=code("pairs.py"),
        seed=lookup(within=config, dpath="pairs/seed"),
    shell:
        'python "$COVERSIM_SCRIPTS"/pairs.py'
        " --songs {input.songs:q} --split {wildcards.collection} --seed {params.seed}"
        " --output {output.pairs:q} 2> {log:q}"
