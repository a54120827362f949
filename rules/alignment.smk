# Takes frames, and embeddings where these are to be re-ranked. Leaves the distances of each shard's queries to
# the songs of their collection, or to those that the embedding finds first.


rule align:
    """Align a shard's songs with those of their collection, pair by pair."""
    input:
        frames=lambda wildcards: frames_of(
            wildcards.experiment, PLAN.dataset_of[wildcards.collection], PLAN.shards
        ),
        songs=lambda wildcards: f"<results>/catalogue/{PLAN.dataset_of[wildcards.collection]}/songs.tsv",
        embeddings=lambda wildcards: embeddings_of(
            wildcards, [PLAN.dataset_of[wildcards.collection]]
        ),
    output:
        distances="<results>/aligned/{experiment}/{seed}/{collection}/{shard}.h5",
    log:
        "<logs>/align/{experiment}-{seed}-{collection}-{shard}.log",
    benchmark:
        "<benchmarks>/align/{experiment}-{seed}-{collection}-{shard}.tsv"
    conda:
        "../envs/siamese.yaml"
    params:
        code=code("align.py"),
        settings=lookup(within=PLAN.alignment, dpath="{experiment}"),
    shell:
        'python "$COVERSIM_SCRIPTS"/align.py'
        " {params.settings} --collection {wildcards.collection} --shard {wildcards.shard}"
        " --frames {input.frames:q} --songs {input.songs:q} --embeddings {input.embeddings:q}"
        " --output {output.distances:q} 2> {log:q}"
