# Takes frames, and embeddings where these are to be re-ranked. Leaves the distances of each shard's queries to
# the songs of their collection, or to those that the embedding finds first.


rule align:
    """Align a shard's songs with those of their collection, pair by pair."""
    input:
        frames=frames_to_align,
        copies=copies_of_collection,
        embeddings=embeddings_to_align,
    output:
        distances="aligned/{experiment}/{seed}/{collection}/{shard}.h5",
    log:
        "logs/align/{experiment}-{seed}-{collection}-{shard}.log",
    benchmark:
        "benchmarks/align/{experiment}/{seed}/{collection}/{shard}.tsv"
    wildcard_constraints:
        experiment=one_of(PLAN.experiments.keys() - AS_SEQUENCES),
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=megabytes_to_align,
        runtime=minutes_to_align,
    params:
        code=code("align.py"),
        content=content(songs_of_collection),
        songs=songs_of_collection,
        settings=alignment_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/align.py'
        " --method {params.settings[method]} --transpositions {params.settings[transpositions]}"
        " --sharpness {params.settings[sharpness]}"
        " --candidates {params.settings[candidates]}"
        " --collection {wildcards.collection} --shard {wildcards.shard}"
        " --frames {input.frames:q} --songs {params.songs:q} --embeddings {input.embeddings:q}"
        " --copies {input.copies:q}"
        " --output {output.distances:q} 2> {log:q}"
