"""Analyses of each order that commute with transposition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim.errors import CoversimError
from coversim.sequences import patches
from coversim.sequences.projection import (
    Projection,
    SecondMoments,
    discriminants,
    principal_components,
    transpose,
)


def song_patches(seed: int, frames: int = 400) -> np.ndarray:
    """Patches of smoothed noise: neighbouring frames are alike, as in music."""
    noise = np.random.default_rng(seed).random((1, 12, frames + 4)) ** 4
    return patches.patches(sum(noise[:, :, start : start + frames] for start in range(5)))


def moments_of(*songs: np.ndarray) -> SecondMoments:
    moments = SecondMoments(songs[0].shape[2])
    for song in songs:
        moments.add(song)
    return moments


@given(cuts=st.lists(st.integers(0, 193), max_size=5), flipped=st.booleans())
@settings(deadline=None, max_examples=20)
def test_shards_of_any_size_give_the_moments_of_all_patches(cuts, flipped):
    song = song_patches(1)
    shards = [moments_of(shard) for shard in np.split(song, sorted(cuts))]
    merged = SecondMoments(16)
    for shard in reversed(shards) if flipped else shards:
        merged.merge(shard)
    expected = np.einsum("lkf,lkg->kfg", song.astype(complex), song.conj().astype(complex)) / len(song)
    np.testing.assert_allclose(merged.mean(), expected, atol=1e-12)


def test_silent_patches_do_not_count():
    song = song_patches(1)
    silence = np.zeros((30, 7, 16), np.complex64)
    np.testing.assert_array_equal(moments_of(song, silence).mean(), moments_of(song).mean())


def test_a_weight_counts_patches_that_often():
    heavy = SecondMoments(16)
    heavy.add(song_patches(1), weight=3)
    heavy.add(song_patches(2))
    thrice = moments_of(*[song_patches(1)] * 3, song_patches(2))
    np.testing.assert_allclose(heavy.mean(), thrice.mean(), atol=1e-12)


@pytest.mark.parametrize("semitones", [-5, 1, 6, 11])
@pytest.mark.parametrize("size", [3, 20, 64])
def test_vectors_of_the_transposed_song_are_the_transposed_vectors(semitones, size):
    projection = principal_components([moments_of(song_patches(1), song_patches(2))], size)
    song = song_patches(3)
    there = projection(patches.transpose(song, semitones))
    assert there.shape == (len(song), size)
    np.testing.assert_allclose(there, transpose(projection(song), projection.orders, semitones), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(there, axis=1), 1, rtol=1e-5)


def test_principal_components_are_those_of_the_real_patches():
    """All twelve transpositions of each patch, as real numbers: the same subspace, by another way."""
    songs = [song_patches(seed) for seed in (1, 2)]
    projection = principal_components([moments_of(*songs)], 64)
    every = np.concatenate([patches.transpose(song, s) for song in songs for s in range(12)])
    # the spectrum, with orders 1 to 5 twice, has the length of the patch
    length = np.sqrt([1, 2, 2, 2, 2, 2, 1])[:, None]
    real = np.stack([every.real * length, every.imag * length], axis=1).reshape(len(every), -1)
    variance = np.linalg.eigvalsh(real.T @ real / len(real))[::-1][:64]
    kept = sum(
        (1 if order in (0, 6) else 2) * moment(projection, songs, place)
        for place, order in enumerate(projection.orders)
    )
    assert kept == pytest.approx(variance.sum(), rel=1e-3)


def moment(projection: Projection, songs: list[np.ndarray], place: int) -> float:
    """Second moment of patches along a component at unit length."""
    direction = projection.components[place] / np.linalg.norm(projection.components[place])
    values = np.concatenate(songs)[:, projection.orders[place]] @ direction.conj()
    return float(np.mean(np.abs(values) ** 2))


def test_a_source_weighs_the_same_however_large_it_is():
    few, many = moments_of(song_patches(1)), moments_of(*(song_patches(seed) for seed in range(2, 9)))
    often = moments_of(*[song_patches(1)] * 50)
    a, b = principal_components([few, many], 20), principal_components([often, many], 20)
    np.testing.assert_allclose(a.components, b.components, rtol=1e-3, atol=1e-3)


def test_discriminants_leave_out_what_covers_do_not_share():
    """Covers differ along one direction of each order only: no component looks there."""
    random = np.random.default_rng(0)
    noise = random.normal(size=16) / 4
    songs = [song_patches(seed) for seed in range(4)]
    within = SecondMoments(16)
    covers = []
    for song in songs:
        loud = random.normal(size=(*song.shape[:2], 1)) * noise
        covers.append((song + loud).astype(np.complex64))
        within.add((covers[-1] - song) / np.sqrt(2))
    total = moments_of(*songs, *covers)
    found, plain = discriminants([total], [within], 20), principal_components([total], 20)

    def seen(projection):
        directions = projection.components / np.linalg.norm(projection.components, axis=1, keepdims=True)
        return np.abs(directions @ noise / np.linalg.norm(noise)).max()

    assert seen(found) < 0.5 < 0.99 < seen(plain)
    song = song_patches(9)
    np.testing.assert_allclose(
        found(patches.transpose(song, 4)), transpose(found(song), found.orders, 4), atol=1e-5
    )


def test_moments_and_projection_survive_their_files(tmp_path):
    moments = moments_of(song_patches(1))
    moments.save(tmp_path / "moments.npz")
    read = SecondMoments.load(tmp_path / "moments.npz")
    np.testing.assert_array_equal(read.mean(), moments.mean())
    projection = principal_components([read], 10)
    projection.save(tmp_path / "projection.npz")
    for name, array in vars(Projection.load(tmp_path / "projection.npz")).items():
        np.testing.assert_array_equal(array, getattr(projection, name))


def test_the_same_moments_give_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        principal_components([moments_of(song_patches(3))], 32).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_moments_of_other_patches_are_refused():
    with pytest.raises(CoversimError, match=r"cannot be merged.*Remedy"):
        SecondMoments(16).merge(SecondMoments(32))


def test_a_source_of_silence_is_refused():
    with pytest.raises(CoversimError, match=r"silent.*"):
        principal_components([moments_of(np.zeros((9, 7, 16), np.complex64))], 8)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "moments.npz"
    moments_of(song_patches(1)).save(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CoversimError, match=r"moments\.npz.*Remedy"):
        SecondMoments.load(path)
