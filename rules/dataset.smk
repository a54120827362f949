# Takes the configuration. Leaves the demo corpus, where no data set is named, and the list of the songs that
# were set aside on the way, with reason and remedy.


rule demo_corpus:
    """Write the embedded corpus of works and covers as Da-TACOS files."""
    output:
        metadata=DEMO_TITLES,
    log:
        "logs/demo_corpus.log",
    benchmark:
        "benchmarks/demo_corpus/demo_corpus.tsv"
    retries: RETRIES
    conda:
        "../envs/features.yaml"
    threads: 2
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code("demo_corpus.py"),
        root=subpath(output.metadata, ancestor=2),
        settings=lookup(within=config, dpath="demo_corpus"),
    shell:
        'python "$COVERSIM_SCRIPTS"/demo_corpus.py'
        " --works {params.settings[works]} --seed {params.settings[seed]} --jobs {threads}"
        " --root {params.root:q} --metadata {output.metadata:q} 2> {log:q}"


PROBLEMS = collect("catalogue/{dataset}/problems.tsv", dataset=PLAN.datasets)


rule copies:
    """List the songs of a data set that do not count: copies, and works that were seen under another name."""
    input:
        frames=frames_to_compare,
    output:
        copies="copies/{dataset}.tsv",
    log:
        "logs/copies/{dataset}.log",
    benchmark:
        "benchmarks/copies/{dataset}.tsv"
    priority: 1
    localrule: True
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code("copies.py"),
        content=content(songs_to_compare),
        songs=songs_to_compare,
    shell:
        'python "$COVERSIM_SCRIPTS"/copies.py'
        " --dataset {wildcards.dataset} --songs {params.songs:q} --frames {input.frames:q}"
        " --output {output.copies:q} 2> {log:q}"


rule set_aside:
    """List the songs that were set aside, of all data sets and features, with reason and remedy."""
    input:
        frames=collect(
            "fft/{dataset}/{frames}/{shard}.h5",
            dataset=PLAN.datasets,
            frames=PLAN.frames,
            shard=PLAN.shards,
        ),
        copies=collect("copies/{dataset}.tsv", dataset=PLAN.datasets),
    output:
        table=report(
            "set_aside.tsv", caption="captions/set_aside.rst", category="Songs"
        ),
    log:
        "logs/set_aside.log",
    benchmark:
        "benchmarks/set_aside/set_aside.tsv"
    # before anything is learned: where all songs are bad, that fails, and the reasons stand here
    priority: 1
    localrule: True
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        code=code("set_aside.py"),
        content=content(*PROBLEMS),
        problems=PROBLEMS,
        refuse="--refuse" if config["on_bad_song"] == "fail" else "",
    shell:
        'python "$COVERSIM_SCRIPTS"/set_aside.py'
        " --problems {params.problems:q} --copies {input.copies:q} --frames {input.frames:q}"
        " {params.refuse} --output {output.table:q} 2> {log:q}"
