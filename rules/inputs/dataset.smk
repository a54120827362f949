# Which songs, and which frames of them, a job takes: from the plan and its wildcards. For `params` only functions of the
# wildcards alone: for what `collect` makes of functions Snakemake would ask for the job's resources too early.

FRAMES = "fft/{dataset}/{frames}/{shard}.h5"
SONGS_TO_TRAIN = collect("catalogue/{dataset}/songs.tsv", dataset=PLAN.training)
COPIES_TO_TRAIN = collect("copies/{dataset}.tsv", dataset=PLAN.training)


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
    rate = "" if fft["frames"] else fft["rate"]
    return {"feature": feature, "rate": rate, "frames": fft["frames"] or ""}


def compared_with(wildcards):
    """The data sets whose recordings decide which songs of one count."""
    return list(dict.fromkeys([*PLAN.training, wildcards.dataset]))


frames_to_compare = collect(
    FRAMES, dataset=compared_with, frames=PLAN.telling_frames, shard=PLAN.shards
)


def songs_to_compare(wildcards):
    return [f"catalogue/{dataset}/songs.tsv" for dataset in compared_with(wildcards)]


def sources_of(wildcards):
    return PLAN.sources[wildcards.collection]


copies_of_collection = collect("copies/{dataset}.tsv", dataset=sources_of)


def songs_of_collection(wildcards):
    return [f"catalogue/{dataset}/songs.tsv" for dataset in sources_of(wildcards)]


def frames_of(experiment, datasets, shards):
    """The shard files of the features that an experiment uses."""
    return collect(FRAMES, dataset=datasets, frames=experiment.frames, shard=shards)
