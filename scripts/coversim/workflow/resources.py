"""What jobs need of a computer: memory in MB and time in minutes, as measured (docs/benchmarks.md), with a reserve.

Memory includes the 260 MB of the two Snakemake processes of a cluster job. Each attempt asks for as much again.
"""

from collections.abc import Callable
from typing import Any


def growing(base: float, per_mb: float = 0) -> Callable[..., int]:
    """For a rule's `resources`: so much, and more for each MB of input."""

    def needed(wildcards: Any, input: Any, attempt: int) -> int:
        return attempt * round(base + (per_mb and per_mb * input.size_mb))

    return needed


def moments_megabytes(size: int) -> int:
    """Of the moments of patches of `size` values D. Measured: up to 11.8 D² bytes above 264 MB.

    Two Snakemakes come on top. SLURM, which counts what processes share for each of them, has seen 692 MB.
    """
    return round(760 + 12e-6 * size**2)


def pca_megabytes(size: int) -> int:
    """Of merging moments. Measured: up to 11.8 D² bytes above 75 MB. CPU time grows with D³: 60 s at D = 9,216."""
    return round(360 + 12e-6 * size**2)


def downsampling_minutes(songs: float) -> int:
    """Of so many songs. Measured: 6 ms for a song of Da-TACOS; 0.1 s are a reserve for slow storage."""
    return round(10 + 0.1 / 60 * songs)


def alignment_megabytes(size_mb: float, shards: int) -> int:
    """Of aligning a shard's songs with all songs, whose frames take `size_mb`. Measured: 273 MB for 19 MB in 8 shards."""
    return round(900 + 8 * size_mb / shards)


def alignment_minutes(size_mb: float, shards: int) -> int:
    """The same; time grows with the square of the data set.

    Measured for Qmax: 21 s of CPU, 357 of 1,496 songs, 19 MB in 8 shards, and 335 s, 965 of 4,074 songs, 73 MB in 8
    shards. Reckoned from both: 9 s for MB² / shards where all songs are of one collection. Re-ranking takes less.
    """
    return round(30 + 0.25 * size_mb**2 / shards)


def candidates_megabytes(size_mb: float, songs: int, candidates: int) -> int:
    """Of finding candidates among so many songs, whose embeddings take `size_mb`. By reckoning a pair takes 4 bytes, and as a reserve 4."""
    return round(900 + 4 * size_mb + 8e-6 * songs * min(songs, candidates))


def matching_megabytes(size_mb: float, songs: int, shards: int) -> int:
    """Of matching a shard's songs with all songs, whose sequences take `size_mb`.

    Measured: 255 MB for 440 songs in 4 shards. By reckoning a pair takes up to 8 bytes, with candidates 20.
    """
    return round(800 + 12 * size_mb / shards + 20e-6 * songs**2 / shards)


def matching_minutes(size_mb: float, shards: int) -> int:
    """The same; time grows with the square of the data set.

    Measured: 21 µs for a pair of songs of 66 s, 48 µs with model.refine: 0. An MB is 15,600 s: 2 s, or 4, for
    MB² / shards where all songs are of one collection.
    """
    return round(30 + 0.16 * size_mb**2 / shards)
