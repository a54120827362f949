# Takes frames, principal components and training pairs. Leaves each experiment's model, one per seed, and the
# embeddings of every song. `train` and `embed` are GPU jobs on a cluster and run on the CPU unchanged.


rule train:
    """Train the Siamese network; go on where an interrupted job stopped, and never train the same twice."""
    input:
        frames=lambda wildcards: frames_of(wildcards.experiment, "train", PLAN.shards),
        songs="<results>/catalogue/train/songs.tsv",
        pairs=lambda wildcards: PLAN.pairs_of[wildcards.experiment],
        pca=lambda wildcards: PLAN.pca_of[wildcards.experiment],
    output:
        model="<results>/models/{experiment}/{seed}/model.pt",
        history="<results>/models/{experiment}/{seed}/history.tsv",
    log:
        "<logs>/train/{experiment}-{seed}.log",
    benchmark:
        "<benchmarks>/train/{experiment}-{seed}.tsv"
    conda:
        "../envs/siamese.yaml"
    threads: 1
    params:
        code=code("train.py"),
        settings=lookup(within=PLAN.settings, dpath="{experiment}"),
        # not an output: Snakemake deletes those before it reruns a job
        state=lambda wildcards: RESULTS
        / "training_state"
        / wildcards.experiment
        / wildcards.seed,
        pairs=lambda wildcards, input: ["--pairs", input.pairs] if input.pairs else [],
        pca=lambda wildcards, input: ["--pca", input.pca] if input.pca else [],
        device=lookup(within=PLAN.device, dpath="{experiment}"),
    shell:
        'python "$COVERSIM_SCRIPTS"/train.py'
        " --settings {params.settings:q} --seed {wildcards.seed} --frames {input.frames:q}"
        " --songs {input.songs:q} {params.pairs:q} {params.pca:q}"
        " --code {params.code} --state {params.state:q} --threads {threads} --device {params.device}"
        " --model {output.model:q} --history {output.history:q} 2> {log:q}"


rule embed:
    """Embed every song of a data set."""
    input:
        model="<results>/models/{experiment}/{seed}/model.pt",
        frames=lambda wildcards: frames_of(
            wildcards.experiment, wildcards.dataset, PLAN.shards
        ),
        songs="<results>/catalogue/{dataset}/songs.tsv",
    output:
        embeddings="<results>/embeddings/{experiment}/{seed}/{dataset}.h5",
    log:
        "<logs>/embed/{experiment}-{seed}-{dataset}.log",
    benchmark:
        "<benchmarks>/embed/{experiment}-{seed}-{dataset}.tsv"
    wildcard_constraints:
        experiment=one_of(PLAN.settings.keys() - PLAN.fused.keys()),
    conda:
        "../envs/siamese.yaml"
    threads: 1
    params:
        code=code("embed.py"),
        query=lookup(within=PLAN.query, dpath="{experiment}"),
        device=lookup(within=PLAN.device, dpath="{experiment}"),
    shell:
        'python "$COVERSIM_SCRIPTS"/embed.py'
        " --model {input.model:q} --frames {input.frames:q} --songs {input.songs:q}"
        " {params.query} --threads {threads} --device {params.device}"
        " --output {output.embeddings:q} 2> {log:q}"


rule fuse:
    """Join the embeddings of several experiments: late fusion."""
    input:
        embeddings=lambda wildcards: parts_of(wildcards, wildcards.dataset),
        references=lambda wildcards: parts_of(wildcards, "train"),
    output:
        embeddings="<results>/embeddings/{experiment}/{seed}/{dataset}.h5",
    log:
        "<logs>/fuse/{experiment}-{seed}-{dataset}.log",
    benchmark:
        "<benchmarks>/fuse/{experiment}-{seed}-{dataset}.tsv"
    wildcard_constraints:
        experiment=one_of(PLAN.fused),
    conda:
        "../envs/siamese.yaml"
    params:
        code=code("fuse.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/fuse.py'
        " --embeddings {input.embeddings:q} --references {input.references:q}"
        " --output {output.embeddings:q} 2> {log:q}"
