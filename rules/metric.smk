# Takes models and calibrations. Leaves what a run is for: one file for each embedding, with all that it takes to
# compare songs.


rule bundle:
    """Join model, sampling, PCA, tempi and calibration into one file."""
    input:
        model="models/{experiment}/{seed}/model.pt",
        calibration=rules.calibrate.output.calibration,
    output:
        metric="models/{experiment}/{seed}/metric.pt",
    log:
        "logs/bundle/{experiment}-{seed}.log",
    benchmark:
        "benchmarks/bundle/{experiment}-{seed}.tsv"
    localrule: True
    conda:
        "../envs/siamese.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code=code("bundle.py"),
        content=content("catalogue/train/songs.tsv", "experiments/{experiment}.json"),
        songs="catalogue/train/songs.tsv",
        settings="experiments/{experiment}.json",
        tempi=tempi_of,
    shell:
        'python "$COVERSIM_SCRIPTS"/bundle.py'
        " --experiment {wildcards.experiment} --seed {wildcards.seed}"
        " --model {input.model:q} --query-tempi {params.tempi} --settings {params.settings:q}"
        " --calibration {input.calibration:q} --songs {params.songs:q}"
        " --output {output.metric:q} 2> {log:q}"


rule bundles:
    """The metrics of all experiments that have a model."""
    input:
        metrics=[f"models/{run}/metric.pt" for run in PLAN.models],
    localrule: True
