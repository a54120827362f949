# Which files and settings a job takes that compares songs pair by pair, as sequences or by alignment: from the plan and
# its wildcards.

# experiments that compare songs as sequences, also to re-rank them: `match` does that, not `align`
AS_SEQUENCES = {name for name, one in PLAN.experiments.items() if one.projection}
# … and of these, those that do without an embedding
SEQUENCES_ALONE = {name for name in AS_SEQUENCES if not PLAN.experiments[name].embeds}
# the projection in which the covers that another one is fitted to are aligned
ALIGNED_IN = {"lda1": "pca", "lda": "lda1"}
# the projection that a network starts from
STARTS_FROM = "lda"
# where a network makes the vectors: of the first experiment with this training, and of the seed
NETWORKS_OF_SEQUENCES = {
    one.projection_of(seed): {
        "settings": f"experiments/{one.name}.json",
        "seed": seed,
        "state": f"training_state/{one.training}-{seed}",
        "device": one.settings["train"]["device"],
    }
    for one in reversed(PLAN.experiments.values())
    if one.trains_sequences
    for seed in one.seeds
}


def network(key):
    """What a network of sequences is trained by."""
    return lookup(within=NETWORKS_OF_SEQUENCES, dpath=f"{{projection}}/{key}")


def features_of(experiment):
    return "+".join(experiment.settings["features"])


# experiment/seed of each training, and what it went through
HISTORIES = {run: f"models/{run}/history.tsv" for run in PLAN.models} | {
    f"{one.name}/{seed}": f"sequences/{features_of(one)}/{one.projection_of(seed)}/history.tsv"
    for one in PLAN.experiments.values()
    if one.trains_sequences
    for seed in one.seeds
}


def frames_of_features(wildcards):
    """The kinds of frames of features that are seen as sequences."""
    return next(
        list(PLAN.experiments[name].frames)
        for name in AS_SEQUENCES
        if features_of(PLAN.experiments[name]) == wildcards.features
    )


frames_of_shard = collect(
    "fft/{{dataset}}/{frames}/{{shard}}.h5", frames=frames_of_features
)
frames_of_hubs = collect(
    FRAMES, dataset=PLAN.training, frames=frames_of_features, shard=PLAN.shards
)


def aligned_in(wildcards):
    return ALIGNED_IN[wildcards.projection]


differences_to_fit = collect(
    "sequences/{{features}}/{projection}/differences/{dataset}/{shard}.npz",
    projection=aligned_in,
    dataset=PLAN.training,
    shard=PLAN.shards,
)
sequences_to_join = collect(
    "sequences/{{features}}/{{projection}}/songs/{dataset}/{shard}.h5",
    dataset=sources_of,
    shard=PLAN.shards,
)


def projected(wildcards):
    """The folder of what a run's projection makes."""
    experiment = experiment_of(wildcards)
    projection = experiment.projection_of(wildcards.seed)
    return f"sequences/{features_of(experiment)}/{projection}"


sequences_to_match = collect("{folder}/collections/{{collection}}.h5", folder=projected)
projection_of = collect("{folder}/projection.npz", folder=projected)


def projection_to_double_by(wildcards):
    """The projection, where songs are compared at twice their tempo as well."""
    doubled = double_tempo_of(wildcards) != "none"
    return f"{projected(wildcards)}/projection.npz" if doubled else []


hubs_of = collect("{folder}/hubs.h5", folder=projected)


embeddings_to_choose_by = collect(
    "embeddings/{{experiment}}/{{seed}}/{dataset}.h5", dataset=sources_of
)
# the songs that an experiment's embedding finds first; none where each query is compared with each song
candidates_of = collect("candidates/{run}/{{collection}}.h5", run=own_run)


def candidates_wanted(wildcards):
    return experiment_of(wildcards).settings["rerank"]["candidates"]


def frames_to_align(wildcards):
    return frames_of(experiment_of(wildcards), sources_of(wildcards), PLAN.shards)


def alignment_of(wildcards):
    return experiment_of(wildcards).alignment


def metric_of_first_step(wildcards):
    """Of the experiment whose embedding finds the songs to match; none: outlines of their sequences do."""
    first_step = experiment_of(wildcards).settings["model"]["first_step"]
    if first_step is None:
        return []
    return f"models/{PLAN.experiments[first_step].run_of(wildcards.seed)}/metric.pt"


def refine_of(wildcards):
    return experiment_of(wildcards).settings["model"]["refine"]


def double_tempo_of(wildcards):
    return experiment_of(wildcards).double_tempo
