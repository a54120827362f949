# Takes the song files, for which a shard's manifest stands. Leaves each shard's chroma at a low, fixed frame
# rate, or in a fixed number of frames: one file per feature.


rule fft:
    """Downsample one feature of a shard's songs along time, one song in memory at a time."""
    input:
        manifest=lambda wildcards: (
            "<results>/catalogue/{dataset}/manifests/"
            f"{PLAN.frames[wildcards.frames]['feature']}/{{shard}}.tsv"
        ),
        corpus=PLAN.corpus_of,
    output:
        frames="<results>/fft/{dataset}/{frames}/{shard}.h5",
    log:
        "<logs>/fft/{dataset}-{frames}-{shard}.log",
    benchmark:
        "<benchmarks>/fft/{dataset}-{frames}-{shard}.tsv"
    conda:
        "../envs/features.yaml"
    params:
        code=code("fft.py"),
        # not an input: a data set that moved is still the same
        summary=lambda wildcards: RESULTS
        / "catalogue"
        / wildcards.dataset
        / "summary.json",
        feature=lookup(within=PLAN.frames, dpath="{frames}/feature"),
        sampling=lookup(within=PLAN.frames, dpath="{frames}/sampling"),
        on_bad_song=lookup(within=config, dpath="on_bad_song"),
    shell:
        'python "$COVERSIM_SCRIPTS"/fft.py'
        " --manifest {input.manifest:q} --summary {params.summary:q}"
        " --feature {params.feature} {params.sampling} --on-bad-song {params.on_bad_song}"
        " --output {output.frames:q} 2> {log:q}"
