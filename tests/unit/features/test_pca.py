"""Exact PCA of patches that are never in memory together."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from coversim.errors import CoversimError
from coversim.features import pca
from coversim.features.pca import Moments, Projection, principal_components


def moments_of(patches: np.ndarray) -> Moments:
    moments = Moments(patches.shape[1])
    moments.add(patches)
    return moments


def merged(folder: Path, shards: Iterable[np.ndarray]) -> Moments:
    """The moments of all shards, each by way of its file."""
    moments = None
    for number, patches in enumerate(shards):
        path = folder / f"{number}.npz"
        moments_of(patches).save(path)
        if moments is None:
            moments = Moments.load(path)
        else:
            moments.merge(path)
    return moments


def correlated(count: int, size: int, seed: int) -> np.ndarray:
    """Patches far from the origin whose variances fall off, as those of chroma do."""
    generator = np.random.default_rng(seed)
    scales = 0.9 ** np.arange(size)
    mixing = np.linalg.qr(generator.normal(size=(size, size)))[0]
    return (generator.normal(size=(count, size)) * scales) @ mixing + 10


def largest_difference_of_projectors(a: np.ndarray, b: np.ndarray) -> float:
    return np.abs(a.T @ a - b.T @ b).max()


@given(seed=st.integers(0, 1000), count=st.integers(12, 300), cuts=st.lists(st.integers(0, 300), max_size=6))
@settings(deadline=None, max_examples=60)
def test_shards_of_any_size_give_the_pca_of_all_patches(seed: int, count: int, cuts: list[int]) -> None:
    patches = correlated(count, 60, seed)  # up to 30 are kept as they are
    with TemporaryDirectory() as folder:
        moments = merged(Path(folder), np.split(patches, sorted(cuts)))
    assert moments.count == count
    found = principal_components(moments, 6)
    reference = PCA(6, svd_solver="full").fit(patches)
    assert largest_difference_of_projectors(found.components, reference.components_) < 1e-8
    np.testing.assert_allclose(found.components @ found.components.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(found.mean, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(found.variance, reference.explained_variance_, rtol=1e-9)


def scatter_and_mean(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    moments.sum_up()
    return np.tril(moments.scatter), moments.mean


def test_songs_one_at_a_time_give_the_moments_of_all_at_once() -> None:
    patches = correlated(500, 12, seed=1).astype(np.float32)
    one_by_one = Moments(12)
    for song in np.array_split(patches, 60):
        one_by_one.add(song)
    expected = patches.astype(np.float64)
    assert one_by_one.count == 500
    scatter, mean = scatter_and_mean(one_by_one)
    np.testing.assert_allclose(mean, expected.mean(axis=0), rtol=1e-12)
    products = (expected - expected.mean(axis=0)).T @ (expected - expected.mean(axis=0))
    np.testing.assert_allclose(scatter, np.tril(products), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [5, 150, 151, 400])
def test_songs_of_one_patch_give_the_pca_of_all_at_once(count: int) -> None:
    patches = correlated(count, 300, seed=1)  # 150 are kept as they are, fewer than 4 are joined
    one_by_one = Moments(300)
    for patch in patches:
        one_by_one.add(patch[None])
    found = principal_components(one_by_one, 4)
    reference = PCA(4, svd_solver="full").fit(patches)
    assert largest_difference_of_projectors(found.components, reference.components_) < 1e-8
    np.testing.assert_allclose(found.mean, reference.mean_, rtol=1e-12)


@pytest.mark.parametrize("count", [1, 100, 200, 201, 2000])
def test_moments_take_no_more_than_half_a_scatter_matrix_on_disk(count: int, tmp_path) -> None:
    patches = correlated(count, 400, seed=1).astype(np.float32)
    moments_of(patches).save(tmp_path / "moments.npz")
    at_most = patches.nbytes if count <= 200 else 400 * 401 // 2 * 8
    assert (tmp_path / "moments.npz").stat().st_size < at_most + 400 * 8 + 2000


@pytest.mark.parametrize("count", [1, 50])
def test_an_empty_shard_changes_nothing(count: int, tmp_path) -> None:
    patches = correlated(count, 5, seed=2)
    alone = scatter_and_mean(moments_of(patches))
    for shards in ([patches, patches[:0]], [patches[:0], patches]):
        for found, expected in zip(scatter_and_mean(merged(tmp_path, shards)), alone, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("count", [3, 40])
def test_moments_and_projection_survive_their_files(count: int, tmp_path) -> None:
    patches = correlated(count, 7, seed=3)
    moments_of(patches).save(tmp_path / "moments.npz")
    read = Moments.load(tmp_path / "moments.npz")
    assert read.count == count
    projection = principal_components(read, 2)
    expected = principal_components(moments_of(patches), 2)
    for name, array in vars(projection).items():
        np.testing.assert_array_equal(array, getattr(expected, name))

    projection.save(tmp_path / "pca.npz")
    for name, array in vars(Projection.load(tmp_path / "pca.npz")).items():
        np.testing.assert_array_equal(array, getattr(projection, name))


@pytest.mark.parametrize("count", [3, 40])
def test_the_same_moments_give_the_same_bytes(count: int, tmp_path) -> None:
    for name in ("a.npz", "b.npz"):
        moments_of(correlated(count, 7, seed=3)).save(tmp_path / name)
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


@pytest.mark.parametrize("times", [1, 100])
def test_directions_in_which_only_rounding_varies_are_no_components(times: int) -> None:
    """10 values, and 4 of them once more, or 100 times: fewer patches than half of the values."""
    patches = correlated(200, 10, seed=6).astype(np.float32)
    found = principal_components(
        moments_of(np.concatenate([patches] + [patches @ np.eye(10, 4, dtype=np.float32)] * times, axis=1)),
        14,
    )
    assert found.components.shape == (10, 10 + 4 * times)


@pytest.mark.parametrize("count", [0, 1])
def test_a_pca_needs_two_patches(count: int) -> None:
    with pytest.raises(CoversimError, match=r"at least 2.*Remedy"):
        principal_components(moments_of(np.ones((count, 3))), 2)


@pytest.mark.parametrize("size", [3, 30])
def test_equal_patches_have_no_components(size: int) -> None:
    with pytest.raises(CoversimError, match=r"all training patches are equal.*Remedy"):
        principal_components(moments_of(np.ones((5, size))), 2)


@pytest.mark.parametrize("count", [1, 9])
def test_moments_of_other_patches_are_refused(count: int, tmp_path) -> None:
    moments_of(np.eye(9, 4)[:count]).save(tmp_path / "other.npz")
    with pytest.raises(CoversimError, match=r"other\.npz.*of 4 values cannot be merged.*of 3.*Remedy"):
        Moments(3).merge(tmp_path / "other.npz")


def test_a_damaged_file_is_named(tmp_path) -> None:
    path = tmp_path / "moments.npz"
    moments_of(np.eye(3)).save(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CoversimError, match=r"moments\.npz.*Remedy"):
        Moments.load(path)


@given(
    seed=st.integers(0, 1000),
    sizes=st.lists(st.integers(0, 200), min_size=2, max_size=3).filter(lambda sizes: sum(sizes) > 40),
)
@settings(deadline=None, max_examples=40)
def test_sources_weigh_the_same_however_many_patches_they_have(seed: int, sizes: list[int]) -> None:
    sources = [correlated(size, 20, seed + place) + place for place, size in enumerate(sizes)]
    with TemporaryDirectory() as folder:
        paths = []
        for place, patches in enumerate(sources):
            for shard, part in enumerate(np.array_split(patches, 2)):
                paths.append(Path(folder, str(place), f"{shard}.npz"))
                paths[-1].parent.mkdir(exist_ok=True)
                moments_of(part).save(paths[-1])
        found = principal_components(pca.merged(paths), 4)
    present = [patches for patches in sources if len(patches)]
    mean = np.mean([patches.mean(axis=0) for patches in present], axis=0)
    covariance = np.mean(
        [(patches - mean).T @ (patches - mean) / len(patches) for patches in present], axis=0
    )
    variance, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-10)
    total = sum(sizes)
    np.testing.assert_allclose(found.variance, variance[::-1][:4] * total / (total - 1), rtol=1e-8)
    assert largest_difference_of_projectors(found.components, vectors[:, ::-1][:, :4].T) < 1e-6


def test_a_single_source_is_merged_exactly_as_its_shards_are(tmp_path) -> None:
    paths = [tmp_path / "source" / f"{shard}.npz" for shard in range(3)]
    paths[0].parent.mkdir()
    for path, patches in zip(paths, np.array_split(correlated(100, 20, 0), 3), strict=True):
        moments_of(patches).save(path)
    one_by_one = Moments.load(paths[0])
    for path in paths[1:]:
        one_by_one.merge(path)
    found, expected = (principal_components(moments, 5) for moments in (pca.merged(paths), one_by_one))
    for name, array in vars(expected).items():
        np.testing.assert_array_equal(vars(found)[name], array)
