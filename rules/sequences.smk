# Takes the same frames and the projection of their patches. Leaves each shard's songs as sequences of vectors, and the
# distances of each shard's queries to the songs of their collection. All but those depend on features and projection alone.


rule sequence_hubs:
    """Sequences of a hundred training songs, which show how well a song scores with everything."""
    input:
        frames=frames_of_hubs,
        copies=COPIES_TO_TRAIN,
        projection="sequences/{features}/{projection}/projection.npz",
    output:
        hubs="sequences/{features}/{projection}/hubs.h5",
    log:
        "logs/sequence_hubs/{features}-{projection}.log",
    benchmark:
        "benchmarks/sequence_hubs/{features}-{projection}.tsv"
    localrule: True
    conda:
        "../envs/sequences.yaml"
    resources:
        mem_mb=growing(600),
        runtime=growing(30),
    params:
        code=code("sequence_hubs.py"),
        content=content(*SONGS_TO_TRAIN),
        songs=SONGS_TO_TRAIN,
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_hubs.py'
        " --frames {input.frames:q} --songs {params.songs:q} --copies {input.copies:q}"
        " --projection {input.projection:q}"
        " --output {output.hubs:q} 2> {log:q}"


rule sequences:
    """A shard's songs as sequences of vectors, and how well each scores with songs to learn from."""
    input:
        frames=frames_of_shard,
        copies="copies/{dataset}.tsv",
        projection="sequences/{features}/{projection}/projection.npz",
        hubs="sequences/{features}/{projection}/hubs.h5",
    output:
        sequences="sequences/{features}/{projection}/songs/{dataset}/{shard}.h5",
    log:
        "logs/sequences/{features}-{projection}-{dataset}-{shard}.log",
    benchmark:
        "benchmarks/sequences/{features}-{projection}-{dataset}-{shard}.tsv"
    retries: RETRIES
    conda:
        "../envs/sequences.yaml"
    resources:
        mem_mb=growing(900, per_mb=3),
        runtime=growing(30, per_mb=1),
    params:
        code=code("sequences.py"),
        content=content("catalogue/{dataset}/songs/{shard}.tsv"),
        songs="catalogue/{dataset}/songs/{shard}.tsv",
    shell:
        'python "$COVERSIM_SCRIPTS"/sequences.py'
        " --frames {input.frames:q} --songs {params.songs:q} --copies {input.copies:q}"
        " --projection {input.projection:q}"
        " --hubs {input.hubs:q} --output {output.sequences:q} 2> {log:q}"


rule sequence_collection:
    """The sequences of a collection's songs, of all shards, so that each job of `match` has one input."""
    input:
        sequences=sequences_to_join,
    output:
        sequences="sequences/{features}/{projection}/collections/{collection}.h5",
    log:
        "logs/sequence_collection/{features}-{projection}-{collection}.log",
    benchmark:
        "benchmarks/sequence_collection/{features}-{projection}/{collection}.tsv"
    localrule: True
    conda:
        "../envs/sequences.yaml"
    resources:
        mem_mb=growing(600),
        runtime=growing(30),
    params:
        code=code("sequence_collection.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_collection.py'
        " --sequences {input.sequences:q} --collection {wildcards.collection}"
        " --output {output.sequences:q} 2> {log:q}"


rule match:
    """Match a shard's songs with those of their collection, pair by pair."""
    input:
        sequences=sequences_to_match,
        copies=copies_of_collection,
        candidates=candidates_of,
        projection=projection_to_double_by,
    output:
        distances="aligned/{experiment}/{seed}/{collection}/{shard}.h5",
    log:
        "logs/match/{experiment}-{seed}-{collection}-{shard}.log",
    benchmark:
        "benchmarks/match/{experiment}/{seed}/{collection}/{shard}.tsv"
    wildcard_constraints:
        experiment=one_of(AS_SEQUENCES),
    retries: RETRIES
    conda:
        "../envs/sequences.yaml"
    resources:
        mem_mb=megabytes_to_match,
        runtime=per_shard(resources.matching_minutes),
    params:
        code=code("match.py"),
        content=content(songs_of_collection),
        songs=songs_of_collection,
        refine=refine_of,
        double_tempo=double_tempo_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/match.py'
        " --collection {wildcards.collection} --shard {wildcards.shard}"
        " --sequences {input.sequences:q} --songs {params.songs:q} --copies {input.copies:q}"
        " --candidates {input.candidates:q}"
        " --refine {params.refine} --double-tempo {params.double_tempo}"
        " --projection {input.projection:q}"
        " --output {output.distances:q} 2> {log:q}"
