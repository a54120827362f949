# Which files and settings a job takes that trains, embeds or evaluates: from the plan and its wildcards.

NETWORKS = {name for name, one in PLAN.experiments.items() if one.has_network}
BASELINES = {name for name, one in PLAN.experiments.items() if one.has_model} - NETWORKS
FUSED = {name for name, one in PLAN.experiments.items() if one.parts}


def experiment_of(wildcards):
    return PLAN.experiments[wildcards.experiment]


def frames_of_patches(wildcards):
    return frames_of(
        PLAN.patches[wildcards.patches], wildcards.dataset, wildcards.shard
    )


def frames_to_train(wildcards):
    return frames_of(experiment_of(wildcards), PLAN.training, PLAN.shards)


def frames_to_embed(wildcards):
    return frames_of(experiment_of(wildcards), wildcards.dataset, PLAN.shards)


def pairs_to_train(wildcards):
    """The pairs of each training data set, where non-covers come from them and not from the batch."""
    train = experiment_of(wildcards).settings["train"]
    wanted = train["epochs"] and train["loss"]["negatives"] == "pairs"
    return [f"pairs/{name}.parquet" for name in PLAN.training_pairs if wanted]


def pca_of(wildcards):
    return pca_files(experiment_of(wildcards))


def pca_files(experiment):
    """The principal components of an experiment's patches, if it has any."""
    components = experiment.settings["pca"]["components"]
    return (
        [f"pca/{experiment.patches}/pca-{components}.npz"] if experiment.patches else []
    )


def state_of(wildcards):
    """Where a training is remembered: by its settings, not by the name of the experiment."""
    return f"training_state/{experiment_of(wildcards).training}-{wildcards.seed}"


def device_of(wildcards):
    experiment = experiment_of(wildcards)
    return experiment.settings["train"]["device"] if experiment.has_network else "cpu"


def same_model(wildcards):
    """The model of an earlier experiment with the same training, which is copied once it is there."""
    training = experiment_of(wildcards).training
    first = next(
        name
        for name, one in PLAN.experiments.items()
        if one.has_model and one.training == training
    )
    same = first != wildcards.experiment
    return [f"models/{first}/{wildcards.seed}/model.pt"] if same else []


def tempi_of(wildcards):
    """The tempi at which a song is sought; none: by its own embedding."""
    return words(experiment_of(wildcards).settings["query"]["tempi"])


def parts_of(wildcards):
    """The runs that a run fuses."""
    return [part.run_of(wildcards.seed) for part in experiment_of(wildcards).parts]


embeddings_to_fuse = collect("embeddings/{run}/{{dataset}}.h5", run=parts_of)
embeddings_to_standardise_by = collect(
    "embeddings/{run}/{dataset}.h5", run=parts_of, dataset=PLAN.training
)
metrics_to_fuse = collect("models/{run}/metric.pt", run=parts_of)


def own_run(wildcards):
    """The run itself, if it embeds songs; none where they are compared pair by pair."""
    embeds = experiment_of(wildcards).embeds
    return [f"{wildcards.experiment}/{wildcards.seed}"] if embeds else []


embeddings_to_evaluate = collect(
    "embeddings/{run}/{dataset}.h5", run=own_run, dataset=PLAN.datasets
)


def aligned_of(wildcards):
    """The distances by alignment of a run, of all collections, if its experiment aligns songs."""
    experiment = experiment_of(wildcards)
    return collect(
        "aligned/{experiment}/{seed}/{collection}/{shard}.h5",
        experiment=first_with_its_distances(experiment).name,
        seed=wildcards.seed,
        collection=PLAN.collections if experiment.aligns else [],
        shard=PLAN.shards,
    )


def first_with_its_distances(experiment):
    """The first experiment that compares songs pair by pair in the same way; what embeds them has its own."""
    if experiment.embeds:
        return experiment
    how = experiment.alignment, list(experiment.frames)
    return next(
        one
        for one in PLAN.experiments.values()
        if not one.embeds and (one.alignment, list(one.frames)) == how
    )


def weight_of(wildcards):
    return experiment_of(wildcards).weight


# what the report shows: embeddings of each run that embeds songs, the frames that tell how long songs are, components
EMBEDDINGS_TO_MAP = collect(
    "embeddings/{run}/{dataset}.h5",
    run=[run for one in PLAN.experiments.values() if one.embeds for run in one.runs],
    dataset=PLAN.datasets,
)
FRAMES_TO_TELL = collect(
    FRAMES, dataset=PLAN.datasets, frames=PLAN.telling_frames, shard=PLAN.shards
)
PCA_TO_SHOW = sorted(
    {path for one in PLAN.experiments.values() for path in pca_files(one)}
)
