"""What jobs ask for grows with their input, and with each attempt."""

from types import SimpleNamespace

import pytest

from coversim.workflow import resources


def asked(attempt, size_mb, **growth):
    return resources.growing(**growth)(None, SimpleNamespace(size_mb=size_mb), attempt)


def test_each_attempt_asks_for_as_much_again():
    assert [asked(attempt, 50, base=60, per_mb=0.5) for attempt in (1, 2, 3)] == [85, 170, 255]


def test_what_does_not_grow_with_the_input_stays():
    assert asked(1, 5, base=600) == asked(1, 5000, base=600) == 600


# of measurements: values in a patch, MB that moments took, MB that the merge took
@pytest.mark.parametrize(("size", "moments", "merge"), [(390, 284, 62), (3072, 397, 171), (9216, 1244, 1077)])
def test_memory_follows_the_size_of_patches(size, moments, merge):
    snakemake = 260
    assert resources.moments_megabytes(size) >= moments + snakemake
    assert resources.pca_megabytes(size) >= merge + snakemake


def test_time_to_match_is_a_small_part_of_that_to_align():
    """Songs of 70 s: 13.4 kB of frames, 9 kB of vectors."""
    songs = 10_000
    align = resources.alignment_minutes(0.0134 * songs, 8) - 30
    match = resources.matching_minutes(0.0045 * songs, 8) - 30
    assert songs**2 * 35e-6 / 8 / 60 < match < align / 10


def test_distances_of_all_pairs_fit_into_memory():
    few, many = (resources.matching_megabytes(0, songs, 8) for songs in (10_000, 20_000))
    assert few >= 800 + 4e-6 * 10_000**2 / 8
    assert many - 800 == 4 * (few - 800)


def test_time_to_align_grows_with_the_square_of_the_data_set():
    few, many = (resources.alignment_minutes(size, 8) - 30 for size in (100, 200))
    assert many == pytest.approx(4 * few, rel=0.01)
