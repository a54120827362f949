# Takes the frames, at 4 per second, of experiments that compare songs as sequences. Leaves the projection of their
# patches, which is fitted to the training songs: principal components, discriminants, a network that adds to them. It
# depends on features and kind alone.


rule sequence_moments:
    """Second moments of a shard's patches, training songs only."""
    input:
        frames=frames_of_shard,
    output:
        moments="sequences/{features}/moments/{dataset}/{shard}.npz",
    log:
        "logs/sequence_moments/{features}-{dataset}-{shard}.log",
    benchmark:
        "benchmarks/sequence_moments/{features}-{dataset}-{shard}.tsv"
    retries: RETRIES
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(600),
        runtime=growing(10, per_mb=0.5),
    params:
        code=code("sequence_moments.py"),
        content=content("catalogue/{dataset}/songs/{shard}.tsv"),
        songs="catalogue/{dataset}/songs/{shard}.tsv",
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_moments.py'
        " --frames {input.frames:q} --songs {params.songs:q}"
        " --output {output.moments:q} 2> {log:q}"


rule sequence_pca:
    """Merge the shards' moments and take the leading principal components."""
    input:
        moments=collect(
            "sequences/{{features}}/moments/{dataset}/{shard}.npz",
            dataset=PLAN.training,
            shard=PLAN.shards,
        ),
    output:
        projection="sequences/{features}/pca/projection.npz",
    log:
        "logs/sequence_pca/{features}.log",
    benchmark:
        "benchmarks/sequence_pca/{features}.tsv"
    localrule: True
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code("sequence_pca.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_pca.py'
        " --moments {input.moments:q} --output {output.projection:q} 2> {log:q}"


rule sequence_differences:
    """Align the covers of a shard's training works; second moments of what differs between aligned patches."""
    input:
        frames=frames_of_shard,
        copies="copies/{dataset}.tsv",
        projection="sequences/{features}/{projection}/projection.npz",
    output:
        moments="sequences/{features}/{projection}/differences/{dataset}/{shard}.npz",
    log:
        "logs/sequence_differences/{features}-{projection}-{dataset}-{shard}.log",
    benchmark:
        "benchmarks/sequence_differences/{features}-{projection}-{dataset}-{shard}.tsv"
    retries: RETRIES
    conda:
        "../envs/sequences.yaml"
    resources:
        mem_mb=growing(900),
        runtime=growing(30, per_mb=2),
    params:
        code=code("sequence_differences.py"),
        content=content("catalogue/{dataset}/songs/{shard}.tsv"),
        songs="catalogue/{dataset}/songs/{shard}.tsv",
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_differences.py'
        " --frames {input.frames:q} --songs {params.songs:q} --copies {input.copies:q}"
        " --projection {input.projection:q}"
        " --output {output.moments:q} 2> {log:q}"


rule sequence_lda:
    """Merge the shards' moments and take the leading discriminants."""
    input:
        moments=rules.sequence_pca.input.moments,
        differences=differences_to_fit,
    output:
        projection="sequences/{features}/{projection}/projection.npz",
    log:
        "logs/sequence_lda/{features}-{projection}.log",
    benchmark:
        "benchmarks/sequence_lda/{features}-{projection}.tsv"
    wildcard_constraints:
        projection=one_of(ALIGNED_IN),
    localrule: True
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code("sequence_lda.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_lda.py'
        " --moments {input.moments:q} --differences {input.differences:q}"
        " --output {output.projection:q} 2> {log:q}"


rule sequence_train:
    """Train a network that adds to the discriminants; go on where an interrupted job stopped, never train the same twice."""
    input:
        frames=frames_of_hubs,
        copies=COPIES_TO_TRAIN,
        start=f"sequences/{{features}}/{STARTS_FROM}/projection.npz",
    output:
        projection="sequences/{features}/{projection}/projection.npz",
        history="sequences/{features}/{projection}/history.tsv",
    log:
        "logs/sequence_train/{features}-{projection}.log",
    benchmark:
        "benchmarks/sequence_train/{features}-{projection}.tsv"
    wildcard_constraints:
        projection=one_of(NETWORKS_OF_SEQUENCES),
    retries: RETRIES
    conda:
        "../envs/sequence_network.yaml"
    threads: 1
    resources:
        gpu=1,
        # measured: 927 MB and 120 s of 7 epochs for 28 MB of frames, which are all held in memory; the rest for CUDA
        mem_mb=growing(4000, per_mb=5),
        # a training that hits the limit goes on from its last epoch
        runtime=growing(60, per_mb=1),
    params:
        code=code("sequence_train.py"),
        content=content(*SONGS_TO_TRAIN, network("settings")),
        songs=SONGS_TO_TRAIN,
        settings=network("settings"),
        seed=network("seed"),
        # not an output: Snakemake deletes those before it reruns a job
        state=network("state"),
        device=network("device"),
    shell:
        'python "$COVERSIM_SCRIPTS"/sequence_train.py'
        " --settings {params.settings:q} --seed {params.seed} --frames {input.frames:q}"
        " --songs {params.songs:q} --copies {input.copies:q} --start {input.start:q}"
        " --code {params.code} --state {params.state:q} --threads {threads} --device {params.device}"
        " --projection {output.projection:q} --history {output.history:q} 2> {log:q}"
