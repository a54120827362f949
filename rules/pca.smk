# Takes the frames of the training songs. Leaves the principal components of their patches: each shard's
# moments, merged exactly.


rule pca_moments:
    """Count, mean and scatter of a shard's patches, training songs only."""
    input:
        frames=frames_of_patches,
    output:
        moments="pca/{patches}/moments/{dataset}/{shard}.npz",
    log:
        "logs/pca_moments/{patches}-{dataset}-{shard}.log",
    benchmark:
        "benchmarks/pca_moments/{patches}-{dataset}-{shard}.tsv"
    retries: RETRIES
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=of_patches(resources.moments_megabytes),
        runtime=growing(10, per_mb=0.5),  # measured: 5 s for 1 MB of frames
    params:
        code=code("pca_moments.py"),
        content=content(
            "catalogue/{dataset}/songs/{shard}.tsv", "patches/{patches}.json"
        ),
        songs="catalogue/{dataset}/songs/{shard}.tsv",
        settings="patches/{patches}.json",
    shell:
        'python "$COVERSIM_SCRIPTS"/pca_moments.py'
        " --frames {input.frames:q} --songs {params.songs:q} --settings {params.settings:q}"
        " --output {output.moments:q} 2> {log:q}"


# two seconds of work up to this size
LIGHT_PCA = all(
    patch_size(experiment.settings) <= 3072 for experiment in PLAN.patches.values()
)


rule pca:
    """Merge the shards' moments, data sets weighing the same, and take the leading principal components."""
    input:
        moments=collect(
            "pca/{{patches}}/moments/{dataset}/{shard}.npz",
            dataset=PLAN.training,
            shard=PLAN.shards,
        ),
    output:
        pca="pca/{patches}/pca-{components}.npz",
    log:
        "logs/pca/{patches}-{components}.log",
    benchmark:
        "benchmarks/pca/{patches}-{components}.tsv"
    retries: RETRIES
    localrule: LIGHT_PCA
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=of_patches(resources.pca_megabytes),
        runtime=growing(30),
    params:
        code=code("pca.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/pca.py'
        " --moments {input.moments:q} --components {wildcards.components}"
        " --output {output.pca:q} 2> {log:q}"
