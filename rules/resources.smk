# What a job needs of the computer, from the plan and its inputs. The figures are in coversim/workflow/resources.py.

if workflow.is_main_process and workflow.resource_settings.nodes is None:
    # on one computer, jobs that run beside each other share its memory, and its GPU
    for name, there in claim.shared_by_jobs().items():
        workflow.global_resources.setdefault(name, there)

# How often a job that failed on a node is tried again, with more memory and time: the node may have been lost. On one
# computer a second try rarely helps. (None leaves it to the option `--retries`, which is 0 in a job on a node.)
ON_NODES = workflow.is_main_process and workflow.resource_settings.nodes is not None
RETRIES = 2 if ON_NODES else None


def minutes_to_downsample(wildcards, attempt):
    songs = PLAN.songs[wildcards.dataset] / len(PLAN.shards)
    return attempt * resources.downsampling_minutes(songs)


def megabytes_of_moments(wildcards, attempt):
    settings = PLAN.patches[wildcards.patches].settings
    return attempt * resources.moments_megabytes(patch_size(settings))


def megabytes_of_pca(wildcards, attempt):
    settings = PLAN.patches[wildcards.patches].settings
    return attempt * resources.pca_megabytes(patch_size(settings))


def megabytes_to_align(wildcards, input, attempt):
    return attempt * resources.alignment_megabytes(input.size_mb, len(PLAN.shards))


def minutes_to_align(wildcards, input, attempt):
    return attempt * resources.alignment_minutes(input.size_mb, len(PLAN.shards))


def megabytes_to_match(wildcards, input, attempt):
    songs = sum(PLAN.songs[name] for name in PLAN.sources[wildcards.collection])
    return attempt * resources.matching_megabytes(
        input.size_mb, songs, len(PLAN.shards)
    )


def minutes_to_match(wildcards, input, attempt):
    return attempt * resources.matching_minutes(input.size_mb, len(PLAN.shards))
