# Takes frames, and embeddings where these are to be re-ranked. Leaves the songs that the embedding finds first, and the
# distances of each shard's queries to those, or to all songs of their collection.


rule candidates:
    """Find the songs of a collection that each query finds first, by the embedding."""
    input:
        embeddings=embeddings_to_choose_by,
    output:
        candidates="candidates/{experiment}/{seed}/{collection}.h5",
    log:
        "logs/candidates/{experiment}-{seed}-{collection}.log",
    benchmark:
        "benchmarks/candidates/{experiment}/{seed}/{collection}.tsv"
    retries: RETRIES
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=megabytes_to_choose,
        runtime=growing(30),
    params:
        code=code("candidates.py"),
        candidates=candidates_wanted,
    shell:
        'python "$COVERSIM_SCRIPTS"/candidates.py'
        " --embeddings {input.embeddings:q} --collection {wildcards.collection}"
        " --candidates {params.candidates} --output {output.candidates:q} 2> {log:q}"


rule align:
    """Align a shard's songs with those of their collection, pair by pair."""
    input:
        frames=frames_to_align,
        copies=copies_of_collection,
        candidates=candidates_of,
    output:
        distances="aligned/{experiment}/{seed}/{collection}/{shard}.h5",
    log:
        "logs/align/{experiment}-{seed}-{collection}-{shard}.log",
    benchmark:
        "benchmarks/align/{experiment}/{seed}/{collection}/{shard}.tsv"
    wildcard_constraints:
        experiment=one_of(PLAN.experiments.keys() - AS_SEQUENCES),
    retries: RETRIES
    conda:
        "../envs/sequences.yaml"
    resources:
        mem_mb=per_shard(resources.alignment_megabytes),
        runtime=per_shard(resources.alignment_minutes),
    params:
        code=code("align.py"),
        content=content(songs_of_collection),
        songs=songs_of_collection,
        settings=alignment_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/align.py'
        " --method {params.settings[method]} --transpositions {params.settings[transpositions]}"
        " --sharpness {params.settings[sharpness]}"
        " --collection {wildcards.collection} --shard {wildcards.shard}"
        " --frames {input.frames:q} --songs {params.songs:q} --copies {input.copies:q}"
        " --candidates {input.candidates:q}"
        " --output {output.distances:q} 2> {log:q}"
