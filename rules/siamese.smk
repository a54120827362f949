# Takes frames, principal components and training pairs. Leaves each experiment's model, one per seed, and the
# embeddings of every song. `train` and `embed` are GPU jobs on a cluster and run on the CPU unchanged.


rule train:
    """Train the Siamese network; go on where an interrupted job stopped, and never train the same twice."""
    input:
        frames=frames_to_train,
        copies=COPIES_TO_TRAIN,
        pairs=pairs_to_train,
        pca=pca_of,
        same=same_model,
    output:
        model="models/{experiment}/{seed}/model.pt",
        history="models/{experiment}/{seed}/history.tsv",
    log:
        "logs/train/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/train/{experiment}-{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(NETWORKS),
    retries: RETRIES
    conda:
        "../envs/siamese.yaml"
    threads: 1
    resources:
        gpu=1,  # never `gpus`: sbatch would not see it
        # measured: 986 MB and 16 s for 1 MB of frames, which are all held in memory; 3 GB are an allowance for CUDA
        mem_mb=growing(4000, per_mb=5),
        # a training that hits the limit goes on from its last epoch
        runtime=growing(60, per_mb=0.5),
    params:
        code=code("train.py"),
        content=content(*SONGS_TO_TRAIN, "experiments/{experiment}.json"),
        songs=SONGS_TO_TRAIN,
        settings="experiments/{experiment}.json",
        # not an output: Snakemake deletes those before it reruns a job
        state=state_of,
        device=device_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/train.py'
        " --settings {params.settings:q} --seed {wildcards.seed} --frames {input.frames:q}"
        " --songs {params.songs:q} --copies {input.copies:q} --pairs {input.pairs:q} --pca {input.pca:q}"
        " --code {params.code} --state {params.state:q} --threads {threads} --device {params.device}"
        " --model {output.model:q} --history {output.history:q} 2> {log:q}"


use rule train as fit with:
    wildcard_constraints:
        experiment=one_of(BASELINES),
    resources:
        gpu=0,
        mem_mb=growing(1000, per_mb=5),
        runtime=growing(20, per_mb=0.2),


rule embed:
    """Embed every song of a data set."""
    input:
        model="models/{experiment}/{seed}/model.pt",
        frames=frames_to_embed,
        copies="copies/{dataset}.tsv",
    output:
        embeddings="embeddings/{experiment}/{seed}/{dataset}.h5",
    log:
        "logs/embed/{experiment}-{seed}-{dataset}.log",
    benchmark:
        "benchmarks/embed/{experiment}-{seed}-{dataset}.tsv"
    wildcard_constraints:
        experiment=one_of(NETWORKS),
    retries: RETRIES
    conda:
        "../envs/siamese.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=growing(4000),  # measured: 456 MB, 128 songs of 4 minutes at a time; the rest is an allowance for CUDA
        runtime=growing(20, per_mb=0.2),  # measured: 1.5 s for 1 MB of frames
    params:
        code=code("embed.py"),
        content=content("catalogue/{dataset}/songs.tsv"),
        songs="catalogue/{dataset}/songs.tsv",
        settings=tempi_of,
        device=device_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/embed.py'
        " --model {input.model:q} --frames {input.frames:q} --songs {params.songs:q}"
        " --copies {input.copies:q} --query-tempi {params.settings} --threads {threads} --device {params.device}"
        " --output {output.embeddings:q} 2> {log:q}"


use rule embed as embed_baseline with:
    wildcard_constraints:
        experiment=one_of(BASELINES),
    resources:
        gpu=0,
        mem_mb=growing(1000),
        runtime=growing(20, per_mb=0.2),


rule fuse:
    """Join the embeddings of several experiments: late fusion."""
    input:
        embeddings=embeddings_to_fuse,
        references=embeddings_to_standardise_by,
    output:
        embeddings="embeddings/{experiment}/{seed}/{dataset}.h5",
    log:
        "logs/fuse/{experiment}-{seed}-{dataset}.log",
    benchmark:
        "benchmarks/fuse/{experiment}-{seed}-{dataset}.tsv"
    wildcard_constraints:
        experiment=one_of(FUSED),
    localrule: True
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code("fuse.py"),
    shell:
        'python "$COVERSIM_SCRIPTS"/fuse.py'
        " --embeddings {input.embeddings:q} --references {input.references:q}"
        " --threads {threads} --output {output.embeddings:q} 2> {log:q}"
