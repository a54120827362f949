"""Exact PCA of patches that are never in memory together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from coversim.errors import CoversimError
from coversim.moments import Moments, Projection, principal_components


def moments_of(patches: np.ndarray) -> Moments:
    moments = Moments(patches.shape[1])
    moments.add(patches)
    return moments


def correlated(count: int, size: int, seed: int) -> np.ndarray:
    """Patches far from the origin whose variances fall off, as those of chroma do."""
    generator = np.random.default_rng(seed)
    scales = 0.9 ** np.arange(size)
    mixing = np.linalg.qr(generator.normal(size=(size, size)))[0]
    return (generator.normal(size=(count, size)) * scales) @ mixing + 10


def largest_difference_of_projectors(a: np.ndarray, b: np.ndarray) -> float:
    return np.abs(a.T @ a - b.T @ b).max()


@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 300), max_size=6))
@settings(deadline=None, max_examples=30)
def test_shards_of_any_size_give_the_pca_of_all_patches(seed: int, cuts: list[int]) -> None:
    patches = correlated(300, 20, seed)
    merged = Moments(20)
    for shard in np.split(patches, sorted(cuts)):
        merged.merge(moments_of(shard))
    found = principal_components(merged, 6)
    reference = PCA(6, svd_solver="full").fit(patches)
    assert largest_difference_of_projectors(found.components, reference.components_) < 1e-8
    np.testing.assert_allclose(found.mean, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(found.variance, reference.explained_variance_, rtol=1e-9)


def test_songs_one_at_a_time_give_the_moments_of_all_at_once() -> None:
    patches = correlated(500, 12, seed=1).astype(np.float32)
    one_by_one = Moments(12)
    for song in np.array_split(patches, 60):
        one_by_one.add(song)
    expected = patches.astype(np.float64)
    assert one_by_one.count == 500
    np.testing.assert_allclose(one_by_one.mean, expected.mean(axis=0), rtol=1e-12)
    scatter = (expected - expected.mean(axis=0)).T @ (expected - expected.mean(axis=0))
    np.testing.assert_allclose(np.tril(one_by_one.scatter), np.tril(scatter), rtol=1e-9, atol=1e-9)


def test_an_empty_shard_changes_nothing() -> None:
    patches = correlated(50, 5, seed=2)
    moments = moments_of(patches)
    moments.merge(Moments(5))
    moments.add(patches[:0])
    np.testing.assert_array_equal(moments.mean, moments_of(patches).mean)
    np.testing.assert_array_equal(moments.scatter, moments_of(patches).scatter)


def test_moments_and_projection_survive_their_files(tmp_path) -> None:
    moments, written = (moments_of(correlated(40, 7, seed=3)) for _ in range(2))
    written.save(tmp_path / "moments.npz")
    read = Moments.load(tmp_path / "moments.npz")
    assert read.count == 40
    np.testing.assert_array_equal(read.mean, moments.mean)
    np.testing.assert_array_equal(read.scatter, np.tril(moments.scatter))

    projection = principal_components(read, 3)
    projection.save(tmp_path / "pca.npz")
    for name, array in vars(Projection.load(tmp_path / "pca.npz")).items():
        np.testing.assert_array_equal(array, getattr(projection, name))


def test_the_same_moments_give_the_same_bytes(tmp_path) -> None:
    for name in ("a.npz", "b.npz"):
        moments_of(correlated(40, 7, seed=3)).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_largest_entry_of_each_component_is_positive() -> None:
    components = principal_components(moments_of(correlated(100, 9, seed=4)), 9).components
    assert (components[np.arange(9), np.abs(components).argmax(axis=1)] > 0).all()


def test_fewer_patches_than_components_give_what_they_span_and_say_so(caplog) -> None:
    patches = correlated(5, 30, seed=5)
    found = principal_components(moments_of(patches), 10)
    assert found.components.shape == (4, 30)
    assert "4 components instead of 10" in caplog.text
    reference = PCA(4, svd_solver="full").fit(patches)
    assert largest_difference_of_projectors(found.components, reference.components_) < 1e-8


def test_directions_in_which_only_rounding_varies_are_no_components() -> None:
    patches = correlated(200, 10, seed=6).astype(np.float32)
    found = principal_components(
        moments_of(np.concatenate([patches, patches @ np.eye(10, 4, dtype=np.float32)], axis=1)), 14
    )
    assert found.components.shape == (10, 14)


@pytest.mark.parametrize("count", [0, 1])
def test_a_pca_needs_two_patches(count: int) -> None:
    with pytest.raises(CoversimError, match=r"at least 2.*Remedy"):
        principal_components(moments_of(np.ones((count, 3))), 2)


def test_equal_patches_have_no_components() -> None:
    with pytest.raises(CoversimError, match=r"all training patches are equal.*Remedy"):
        principal_components(moments_of(np.ones((5, 3))), 2)


def test_moments_of_other_patches_are_refused() -> None:
    with pytest.raises(CoversimError, match=r"cannot be merged.*Remedy"):
        Moments(3).merge(Moments(4))


def test_a_damaged_file_is_named(tmp_path) -> None:
    path = tmp_path / "moments.npz"
    moments_of(np.eye(3)).save(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CoversimError, match=r"moments\.npz.*Remedy"):
        Moments.load(path)
