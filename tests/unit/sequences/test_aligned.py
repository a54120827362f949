"""What covers have in common is found, and what sets them apart is left out."""

import numpy as np

from coversim.sequences.aligned import FEWEST, SongPatches, aligned, difference_moments
from coversim.sequences.matching import THRESHOLD
from coversim.sequences.patches import patches, profiles, transpose
from coversim.sequences.projection import Projection, SecondMoments, principal_components


def recording(frames: np.ndarray) -> SongPatches:
    return SongPatches(patches(frames), profiles(frames))


def tune(seed: int, frames: int = 160) -> np.ndarray:
    return np.repeat(np.random.default_rng(seed).random((1, 12, frames // 2)), 2, axis=2) ** 3


def fitted(*songs: SongPatches) -> Projection:
    moments = SecondMoments(16)
    for song in songs:
        moments.add(song.patches)
    return principal_components([moments], 40)


def test_covers_in_another_key_align_from_their_first_patch_to_their_last():
    song, cover = recording(tune(1)), recording(np.roll(tune(1), -4, axis=1))
    (pair,) = aligned([song, cover], fitted(song))
    assert (pair.song, pair.other, pair.transposition) == (0, 1, 4)
    np.testing.assert_array_equal(pair.places, np.arange(len(song.patches))[:, None].repeat(2, axis=1))


def test_every_pair_of_covers_is_aligned_and_strangers_are_not_trusted():
    song = recording(tune(1))
    projection = fitted(song)
    assert [pair[:2] for pair in aligned([song, song, song], projection)] == [(0, 1), (0, 2), (1, 2)]
    projection = fitted(*[recording(tune(seed)) for seed in range(200, 210)])
    for seed in range(1, 31):
        for pair in aligned([recording(tune(seed)), recording(tune(seed + 100))], projection):
            assert len(pair.places) < 2 * FEWEST


def test_only_close_patches_count():
    noisy = tune(1) + np.random.default_rng(0).random((1, 12, 160)) * np.linspace(0, 2, 160)
    song, cover = recording(tune(1)), recording(noisy)
    projection = fitted(song)
    (pair,) = aligned([song, cover], projection)
    there = projection(song.patches[pair.places[:, 0]])
    here = projection(transpose(cover.patches[pair.places[:, 1]], pair.transposition))
    assert ((there * here).sum(axis=1) > THRESHOLD).all()


def test_the_moments_are_those_of_differences_in_one_key_each_work_by_its_pairs():
    random = np.random.default_rng(3)
    noisy = [tune(1) + 0.3 * random.random((1, 12, 160)) for _ in range(3)]
    covers = [recording(np.roll(frames, key, axis=1)) for frames, key in zip(noisy, (0, 5, 2), strict=True)]
    plain = [recording(frames) for frames in noisy]
    other = [recording(tune(4)), recording(tune(4) + 0.3 * random.random((1, 12, 160)))]
    projection = fitted(*plain, *other)
    expected = SecondMoments(16)
    for work in (plain, other):
        pairs = [(song, cover) for place, song in enumerate(work) for cover in work[place + 1 :]]
        for song, cover in pairs:
            expected.add((song.patches - cover.patches) / np.sqrt(2), weight=len(pairs) ** -0.5)
    found = difference_moments([covers, other], projection)
    np.testing.assert_allclose(found.mean(), expected.mean(), atol=0.05 * np.abs(expected.mean()).max())


def test_the_same_recording_twice_has_no_difference():
    song = recording(tune(1))
    assert difference_moments([[song, song]], fitted(song)).weight == 0
