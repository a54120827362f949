# Takes the configuration. Leaves the demo corpus, where no data set is named, and the list of the songs that
# were set aside on the way, with reason and remedy.


rule demo_corpus:
    """Write the embedded corpus of works and covers as Da-TACOS files."""
    output:
        metadata=f"<results>/demo_corpus/{PLAN.demo_metadata}",
    log:
        "<logs>/demo_corpus.log",
    benchmark:
        "<benchmarks>/demo_corpus/demo_corpus.tsv"
    conda:
        "../envs/features.yaml"
    threads: 2
    params:
        code=code("demo_corpus.py"),
        root=subpath(output.metadata, ancestor=2),
        corpus=lookup(within=config, dpath="demo_corpus"),
    shell:
        'python "$COVERSIM_SCRIPTS"/demo_corpus.py'
        " --works {params.corpus[works]} --seed {params.corpus[seed]} --jobs {threads}"
        " --root {params.root:q} --metadata {output.metadata:q} 2> {log:q}"


rule set_aside:
    """List the songs that were set aside, of all data sets and features, with reason and remedy."""
    input:
        problems=collect(
            "<results>/catalogue/{dataset}/problems.tsv", dataset=PLAN.datasets
        ),
        frames=collect(
            "<results>/fft/{dataset}/{frames}/{shard}.h5",
            dataset=PLAN.datasets,
            frames=PLAN.frames,
            shard=PLAN.shards,
        ),
    output:
        table="<results>/set_aside.tsv",
    log:
        "<logs>/set_aside.log",
    benchmark:
        "<benchmarks>/set_aside/set_aside.tsv"
    conda:
        "../envs/features.yaml"
    params:
        code=code("set_aside.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/set_aside.py'
        " --problems {input.problems:q} --frames {input.frames:q}"
        " --output {output.table:q} 2> {log:q}"
