# Takes models, projections of sequences, and calibrations. Leaves what a run is for: one file for each metric, with all
# that it takes to compare songs.


rule bundle:
    """Join model, sampling, PCA, tempi and calibration into one file."""
    input:
        model="models/{experiment}/{seed}/model.pt",
        calibration=rules.evaluate.output.calibration,
    output:
        metric="models/{experiment}/{seed}/metric.pt",
    log:
        "logs/bundle/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/bundle/{experiment}-{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(NETWORKS | BASELINES),
    localrule: True
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code("bundle.py"),
        content=content(*SONGS_TO_TRAIN, "experiments/{experiment}.json"),
        songs=SONGS_TO_TRAIN,
        settings="experiments/{experiment}.json",
        tempi=tempi_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/bundle.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --model {input.model:q} --query-tempi {params.tempi} --settings {params.settings:q}"
        " --calibration {input.calibration:q} --songs {params.songs:q}"
        " --output {output.metric:q} 2> {log:q}"


rule bundle_fused:
    """Join the metrics of several experiments, each by its scale, and the calibration of all together into one file."""
    input:
        parts=metrics_to_fuse,
        references=embeddings_to_standardise_by,
        calibration=rules.evaluate.output.calibration,
    output:
        metric="models/{experiment}/{seed}/metric.pt",
    log:
        "logs/bundle_fused/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/bundle_fused/{experiment}-{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(FUSED),
    localrule: True
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code("bundle.py"),
        content=content(*SONGS_TO_TRAIN, "experiments/{experiment}.json"),
        songs=SONGS_TO_TRAIN,
        settings="experiments/{experiment}.json",
    shell:
        'python "$COVERSIM_SCRIPTS"/bundle.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --parts {input.parts:q} --references {input.references:q} --settings {params.settings:q}"
        " --calibration {input.calibration:q} --songs {params.songs:q}"
        " --output {output.metric:q} 2> {log:q}"


rule bundle_sequences:
    """Join projection, songs that show hubs, the embedding that finds songs to match, and calibration into one file."""
    input:
        projection=projection_of,
        hubs=hubs_of,
        first_step=metric_of_first_step,
        calibration=rules.evaluate.output.calibration,
    output:
        metric="models/{experiment}/{seed}/metric.pt",
    log:
        "logs/bundle_sequences/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/bundle_sequences/{experiment}-{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(SEQUENCES_ALONE),
    localrule: True
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code("bundle.py"),
        content=content(*SONGS_TO_TRAIN, "experiments/{experiment}.json"),
        songs=SONGS_TO_TRAIN,
        settings="experiments/{experiment}.json",
        refine=refine_of,
        double_tempo=double_tempo_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/bundle.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --projection {input.projection:q} --hubs {input.hubs:q} --first-step {input.first_step:q}"
        " --refine {params.refine} --double-tempo {params.double_tempo} --settings {params.settings:q}"
        " --calibration {input.calibration:q} --songs {params.songs:q}"
        " --output {output.metric:q} 2> {log:q}"


rule bundles:
    """The metrics of all experiments but those that align frames alone."""
    input:
        metrics=[
            f"models/{run}/metric.pt"
            for name in sorted(NETWORKS | BASELINES | FUSED | SEQUENCES_ALONE)
            for run in PLAN.experiments[name].runs
        ],
    localrule: True


rule catalogue:
    """All songs of all data sets, to be searched by the first experiment. Songs that are there are not embedded again."""
    input:
        metrics=rules.bundles.input.metrics,
        table=rules.metrics.output,
        set_aside=rules.set_aside.output,
    log:
        "logs/catalogue.log",
    localrule: True
    conda:
        "../envs/siamese.yaml"
    params:
        datasets=PLAN.datasets,
        rates=[PLAN.rates[dataset] for dataset in PLAN.datasets],
        shards=PLAN.shards,
    shell:
        'python "$COVERSIM_SCRIPTS"/catalogue.py'
        " --results . --datasets {params.datasets:q} --rates {params.rates} --shards {params.shards}"
        " --set-aside {input.set_aside:q} --catalogue songs.cat 2> {log:q}"
