# What a job needs of the computer, from the plan and its inputs. The numbers are in coversim/workflow/resources.py.

import psutil

# how often a job that failed on a node is tried again, with more memory and time: the node may have been lost. On one
# computer a second try rarely helps. None leaves it to the option `--retries`, which is 0 in a job on a node
RETRIES = None
if workflow.is_main_process:
    if workflow.resource_settings.nodes is not None:
        RETRIES = 2
    else:  # jobs that run beside each other share the computer's memory, and its GPU
        memory = psutil.virtual_memory().total // 10**6
        workflow.global_resources.setdefault("mem_mb", memory)
        workflow.global_resources.setdefault("gpu", 1)


def minutes_to_downsample(wildcards, attempt):
    songs = PLAN.songs[wildcards.dataset] / len(PLAN.shards)
    return attempt * resources.downsampling_minutes(songs)


def of_patches(needed):
    """For `resources`: what patches of the size of a job's need."""

    def of_job(wildcards, attempt):
        settings = PLAN.patches[wildcards.patches].settings
        return attempt * needed(patch_size(settings))

    return of_job


def per_shard(needed):
    """For `resources`: what one of so many shards needs with this much of input."""

    def of_job(wildcards, input, attempt):
        return attempt * needed(input.size_mb, len(PLAN.shards))

    return of_job


def songs_at_most(wildcards):
    """Songs of a collection, or a few more: those of all splits of its data sets."""
    return sum(PLAN.songs[name] for name in PLAN.sources[wildcards.collection])


def megabytes_to_choose(wildcards, input, attempt):
    return attempt * resources.candidates_megabytes(
        input.size_mb, songs_at_most(wildcards), candidates_wanted(wildcards)
    )


def megabytes_to_match(wildcards, input, attempt):
    return attempt * resources.matching_megabytes(
        input.size_mb, songs_at_most(wildcards), len(PLAN.shards)
    )
