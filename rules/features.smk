# Takes the song files, for which a shard's manifest stands. Leaves each shard's chroma at a low, fixed frame
# rate, or in a fixed number of frames: one file per feature.


rule fft:
    """Downsample one feature of a shard's songs along time, one song in memory at a time."""
    input:
        corpus=corpus_of,
    output:
        frames="fft/{dataset}/{frames}/{shard}.h5",
    log:
        "logs/fft/{dataset}-{frames}-{shard}.log",
    benchmark:
        "benchmarks/fft/{dataset}-{frames}-{shard}.tsv"
    priority: 2  # before set_aside
    retries: RETRIES
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(600),  # measured: 86 MB, whatever the number of songs
        runtime=minutes_to_downsample,
    params:
        code=code("fft.py"),
        content=content(manifest_of),
        corpus=corpus_content,
        manifest=manifest_of,
        # its content is no matter: a data set that moved is still the same
        summary="catalogue/{dataset}/summary.json",
        settings=sampling_of,
        frame_rate=lookup(within=PLAN.rates, dpath="{dataset}"),
        on_bad_song=lookup(within=config, dpath="on_bad_song"),
    shell:
        'python "$COVERSIM_SCRIPTS"/fft.py'
        " --manifest {params.manifest:q} --summary {params.summary:q}"
        " --feature {params.settings[feature]} --frame-rate {params.frame_rate}"
        " --rate {params.settings[rate]} --frames {params.settings[frames]}"
        " --on-bad-song {params.on_bad_song}"
        " --output {output.frames:q} 2> {log:q}"
