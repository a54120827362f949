# Takes the catalogue. Leaves a table of cover pairs (label 0) and as many non-cover pairs (label 1) for each
# collection; both songs of a pair are of the same split.


rule pairs:
    """All cover pairs of a collection, and as many seeded non-cover pairs."""
    input:
        copies=copies_of_collection,
    output:
        pairs="pairs/{collection}.parquet",
    log:
        "logs/pairs/{collection}.log",
    benchmark:
        "benchmarks/pairs/{collection}.tsv"
    localrule: True
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code("pairs.py"),
        content=content(songs_of_collection),
        songs=songs_of_collection,
        settings=lookup(within=config, dpath="pairs"),
    shell:
        'python "$COVERSIM_SCRIPTS"/pairs.py'
        " --songs {params.songs:q} --copies {input.copies:q} --collection {wildcards.collection} --seed {params.settings[seed]}"
        " --output {output.pairs:q} 2> {log:q}"
