# Which files a job takes, and which settings, from the plan and its wildcards.


def corpus_of(wildcards):
    """What must be written before a data set's songs can be read: the demo corpus."""
    return PLAN.corpus_of(wildcards.dataset)


def corpus_content(wildcards):
    """What the songs of the demo corpus are made from: its manifests cannot tell, being known beforehand."""
    if not corpus_of(wildcards):
        return ""
    return digest_of("demo_corpus.py", ()), config["demo_corpus"]


def manifest_of(wildcards):
    feature, _ = PLAN.frames[wildcards.frames]
    return f"catalogue/{wildcards.dataset}/manifests/{feature}/{wildcards.shard}.tsv"


def sampling_of(wildcards):
    feature, fft = PLAN.frames[wildcards.frames]
    if fft["frames"]:
        return {"feature": feature, "rate": "", "frames": fft["frames"]}
    return {"feature": feature, "rate": fft["rate"], "frames": ""}


def compared_with(wildcards):
    """The data sets whose recordings decide which songs of one count."""
    return list(dict.fromkeys([*PLAN.training, wildcards.dataset]))


def songs_to_compare(wildcards):
    return collect("catalogue/{dataset}/songs.tsv", dataset=compared_with(wildcards))


def frames_to_compare(wildcards):
    return collect(
        "fft/{dataset}/{frames}/{shard}.h5",
        dataset=compared_with(wildcards),
        frames=PLAN.telling_frames,
        shard=PLAN.shards,
    )


COPIES_TO_TRAIN = collect("copies/{dataset}.tsv", dataset=PLAN.training)


def copies_of_collection(wildcards):
    return collect("copies/{dataset}.tsv", dataset=PLAN.sources[wildcards.collection])


SONGS_TO_TRAIN = collect("catalogue/{dataset}/songs.tsv", dataset=PLAN.training)


def frame_rate_of(wildcards):
    return PLAN.rates[wildcards.dataset]


def songs_of_collection(wildcards):
    return collect(
        "catalogue/{dataset}/songs.tsv", dataset=PLAN.sources[wildcards.collection]
    )


def experiment_of(wildcards):
    return PLAN.experiments[wildcards.experiment]


def frames_of(experiment, datasets, shards):
    """The shard files of the features that an experiment uses."""
    return collect(
        "fft/{dataset}/{frames}/{shard}.h5",
        dataset=datasets,
        frames=experiment.frames,
        shard=shards,
    )


def frames_of_patches(wildcards):
    return frames_of(
        PLAN.patches[wildcards.patches], wildcards.dataset, wildcards.shard
    )


def frames_to_train(wildcards):
    return frames_of(experiment_of(wildcards), PLAN.training, PLAN.shards)


def frames_to_embed(wildcards):
    return frames_of(experiment_of(wildcards), wildcards.dataset, PLAN.shards)


def frames_to_align(wildcards):
    datasets = PLAN.sources[wildcards.collection]
    return frames_of(experiment_of(wildcards), datasets, PLAN.shards)


# experiments that compare songs as sequences, also to re-rank them: `match` does that, not `align`
AS_SEQUENCES = {name for name, one in PLAN.experiments.items() if one.projection}
# … and of these, those by which two songs alone can be compared, without an embedding or neighbours in their collection
SEQUENCES_ALONE = {
    name
    for name in AS_SEQUENCES
    if not PLAN.experiments[name].embeds
    and not PLAN.experiments[name].settings["model"]["neighbours"]
}
# the projection in which the covers that another one is fitted to are aligned
ALIGNED_IN = {"lda1": "pca", "lda": "lda1"}


# where a network makes the vectors: the first experiment with this training, and the seed
NETWORKS_OF_SEQUENCES = {
    one.projection_of(seed): (one, seed)
    for one in reversed(PLAN.experiments.values())
    if one.trains_sequences
    for seed in one.seeds
}
# the projection that such a network starts from
STARTS_FROM = "lda"


def network_of(wildcards):
    return NETWORKS_OF_SEQUENCES[wildcards.projection][0]


def seed_of_network(wildcards):
    return NETWORKS_OF_SEQUENCES[wildcards.projection][1]


def settings_of_network(wildcards):
    return f"experiments/{network_of(wildcards).name}.json"


def state_of_network(wildcards):
    experiment, seed = NETWORKS_OF_SEQUENCES[wildcards.projection]
    return f"training_state/{experiment.training}-{seed}"


def device_of_network(wildcards):
    return network_of(wildcards).settings["train"]["device"]


def features_of(experiment):
    return "+".join(experiment.settings["features"])


def frames_of_sequences(wildcards, datasets, shards):
    experiment = next(
        PLAN.experiments[name]
        for name in AS_SEQUENCES
        if features_of(PLAN.experiments[name]) == wildcards.features
    )
    return frames_of(experiment, datasets, shards)


def frames_of_shard(wildcards):
    return frames_of_sequences(wildcards, wildcards.dataset, wildcards.shard)


def frames_of_hubs(wildcards):
    return frames_of_sequences(wildcards, PLAN.training, PLAN.shards)


def differences_to_fit(wildcards):
    return collect(
        "sequences/{features}/{projection}/differences/{dataset}/{shard}.npz",
        features=wildcards.features,
        projection=ALIGNED_IN[wildcards.projection],
        dataset=PLAN.training,
        shard=PLAN.shards,
    )


def sequences_to_join(wildcards):
    return collect(
        "sequences/{features}/{projection}/songs/{dataset}/{shard}.h5",
        features=wildcards.features,
        projection=wildcards.projection,
        dataset=PLAN.sources[wildcards.collection],
        shard=PLAN.shards,
    )


def sequences_to_match(wildcards):
    return fitted_to_sequences(wildcards, f"collections/{wildcards.collection}.h5")


def fitted_to_sequences(wildcards, name):
    experiment = experiment_of(wildcards)
    projection = experiment.projection_of(wildcards.seed)
    return f"sequences/{features_of(experiment)}/{projection}/{name}"


def projection_of(wildcards):
    return fitted_to_sequences(wildcards, "projection.npz")


def hubs_of(wildcards):
    return fitted_to_sequences(wildcards, "hubs.h5")


# experiment/seed of each training, and what it went through
HISTORIES = {run: f"models/{run}/history.tsv" for run in PLAN.models} | {
    f"{one.name}/{seed}": f"sequences/{features_of(one)}/{one.projection_of(seed)}/history.tsv"
    for one in PLAN.experiments.values()
    if one.trains_sequences
    for seed in one.seeds
}


def pairs_to_train(wildcards):
    """The pairs of each training data set, where non-covers come from them and not from the batch."""
    train = experiment_of(wildcards).settings["train"]
    wanted = train["epochs"] and train["loss"]["negatives"] == "pairs"
    return [f"pairs/{name}.parquet" for name in PLAN.training_pairs if wanted]


def pca_of(wildcards):
    experiment = experiment_of(wildcards)
    components = experiment.settings["pca"]["components"]
    return (
        [f"pca/{experiment.patches}/pca-{components}.npz"] if experiment.patches else []
    )


def state_of(wildcards):
    """Where a training is remembered: by its settings, not by the name of the experiment."""
    return f"training_state/{experiment_of(wildcards).training}-{wildcards.seed}"


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


def embeddings_of(wildcards, datasets):
    """The embeddings of a run; none where songs are compared pair by pair."""
    run = f"{wildcards.experiment}/{wildcards.seed}"
    embeds = experiment_of(wildcards).embeds
    return [f"embeddings/{run}/{dataset}.h5" for dataset in datasets if embeds]


def embeddings_to_choose_by(wildcards):
    return embeddings_of(wildcards, PLAN.sources[wildcards.collection])


def candidates_wanted(wildcards):
    return experiment_of(wildcards).settings["rerank"]["candidates"]


def candidates_of(wildcards):
    """The songs that an experiment's embedding finds first; none where each query is compared with each song."""
    run = f"{wildcards.experiment}/{wildcards.seed}/{wildcards.collection}"
    embeds = experiment_of(wildcards).embeds
    return [f"candidates/{run}.h5"] if embeds else []


def embeddings_to_evaluate(wildcards):
    return embeddings_of(wildcards, PLAN.datasets)


def parts_of(wildcards, datasets):
    return [
        f"embeddings/{part.run_of(wildcards.seed)}/{dataset}.h5"
        for part in experiment_of(wildcards).parts
        for dataset in datasets
    ]


def embeddings_to_fuse(wildcards):
    return parts_of(wildcards, [wildcards.dataset])


def embeddings_to_standardise_by(wildcards):
    return parts_of(wildcards, PLAN.training)


def metrics_to_fuse(wildcards):
    return [
        f"models/{part.run_of(wildcards.seed)}/metric.pt"
        for part in experiment_of(wildcards).parts
    ]


def aligned_of(wildcards):
    """The distances by alignment of a run, of all collections, if its experiment aligns songs."""
    experiment = experiment_of(wildcards)
    run = f"{first_with_its_distances(experiment).name}/{wildcards.seed}"
    return [
        f"aligned/{run}/{collection}/{shard}.h5"
        for collection in PLAN.collections
        for shard in PLAN.shards
        if experiment.aligns
    ]


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


def alignment_of(wildcards):
    return experiment_of(wildcards).alignment


def refine_of(wildcards):
    return experiment_of(wildcards).settings["model"]["refine"]


def reranking_of(wildcards):
    return experiment_of(wildcards).reranking


def tempi_of(wildcards):
    """The tempi at which a song is sought; none: by its own embedding."""
    return words(experiment_of(wildcards).settings["query"]["tempi"])


def embeddings_to_map(wildcards):
    """The embeddings of each run that embeds songs."""
    return [
        f"embeddings/{run}/{dataset}.h5"
        for experiment in PLAN.experiments.values()
        if experiment.embeds
        for run in experiment.runs
        for dataset in PLAN.datasets
    ]


def frames_to_tell(wildcards):
    """The frames that tell how long songs are, and show what they look like."""
    return collect(
        "fft/{dataset}/{frames}/{shard}.h5",
        dataset=PLAN.datasets,
        frames=PLAN.telling_frames,
        shard=PLAN.shards,
    )


def pca_to_show(wildcards):
    """The components of each experiment that has any."""
    return sorted(
        {
            f"pca/{one.patches}/pca-{one.settings['pca']['components']}.npz"
            for one in PLAN.experiments.values()
            if one.patches
        }
    )


def device_of(wildcards):
    experiment = experiment_of(wildcards)
    return experiment.settings["train"]["device"] if experiment.has_network else "cpu"
