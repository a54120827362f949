# Takes the frames of the training songs. Leaves the principal components of their patches: each shard's
# moments, merged exactly.


rule pca_moments:
    """Count, mean and scatter of a shard's patches, training songs only."""
    input:
        frames=lambda wildcards: frames_of(
            PLAN.patches[wildcards.patches], "train", wildcards.shard
        ),
        songs="<results>/catalogue/train/songs/{shard}.tsv",
    output:
        moments="<results>/pca/{patches}/moments/{shard}.npz",
    log:
        "<logs>/pca_moments/{patches}-{shard}.log",
    benchmark:
        "<benchmarks>/pca_moments/{patches}-{shard}.tsv"
    conda:
        "../envs/siamese.yaml"
    params:
        code=code("pca_moments.py"),
        settings=lookup(within=PLAN.patch_settings, dpath="{patches}"),
    shell:
        'python "$COVERSIM_SCRIPTS"/pca_moments.py'
        " --frames {input.frames:q} --songs {input.songs:q} --settings {params.settings:q}"
        " --output {output.moments:q} 2> {log:q}"


rule pca:
    """Merge the shards' moments and take the leading principal components."""
    input:
        moments=collect(
            "<results>/pca/{{patches}}/moments/{shard}.npz", shard=PLAN.shards
        ),
    output:
        pca="<results>/pca/{patches}/pca-{components}.npz",
    log:
        "<logs>/pca/{patches}-{components}.log",
    benchmark:
        "<benchmarks>/pca/{patches}-{components}.tsv"
    conda:
        "../envs/features.yaml"
    params:
        code=code("pca.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/pca.py'
        " --moments {input.moments:q} --components {wildcards.components}"
        " --output {output.pca:q} 2> {log:q}"
