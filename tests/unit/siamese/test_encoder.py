"""The encoder: what an embedding may depend on, and what not."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pmean
from sklearn.covariance import shrunk_covariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch.nn.functional import normalize

from coversim.errors import CoversimError
from coversim.features.patches import at_tempo, pad, representation
from coversim.features.pca import Moments, Projection, principal_components
from coversim.siamese.encoder import (
    Encoder,
    embed,
    embed_played,
    in_batches,
    linear_parts,
    load,
    save,
)
from coversim.siamese.networks import SMALLEST, Discriminant, Median, Whitened, gem
from coversim.workflow.experiments import as_json
from experiments import experiment

NETWORKS = {
    "convolution": {"model": {"kind": "convolution"}},
    "mean": {"model": {"kind": "mean"}},
    "median": {"model": {"kind": "median"}},
    "whitened": {"model": {"kind": "whitened"}},
    "motif": {"model": {"kind": "motif"}},
    "motif on frames": {"model": {"kind": "motif"}, "representation": {"kind": "frames", "seconds": [2.0]}},
    "motif, joined": {"model": {"kind": "motif", "linear": 1.0}},
    "convolution, joined": {"model": {"kind": "convolution", "linear": 1.0}},
    "brief": {"model": {"kind": "brief"}, "representation": {"kind": "flat"}, "fft": {"frames": 60}},
}
WHITENED = ["whitened", "motif, joined", "convolution, joined"]
INVARIANT = [kind for kind in NETWORKS if kind != "brief"]


def song(seed: int, length: int = 60) -> torch.Tensor:
    return torch.rand(1, 12, length, generator=torch.Generator().manual_seed(seed)) ** 4


def projection(settings: dict) -> Projection:
    """The PCA of some songs' patches."""
    return _projection(as_json(settings))


@cache
def _projection(text: str) -> Projection:
    settings = json.loads(text)
    patches = representation(settings)
    moments = Moments(patches.size)
    for seed in range(20):
        found, mask = patches(*pad([song(100 + seed)]))
        moments.add(found[mask].reshape(-1, patches.size).numpy())
    return principal_components(moments, settings["pca"]["components"])


def encoder(kind: str, **changes: dict) -> Encoder:
    """A network of the given kind as if it had been trained: no weight is zero."""
    settings = experiment(**{**NETWORKS[kind], **changes})
    torch.manual_seed(1)
    made = Encoder(settings, projection(settings))
    for parameter in made.network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


def fitted(kind: str) -> Encoder:
    """The same, whitened by some songs."""
    made = encoder(kind)
    whitened = made.linear or made.network
    whitened.fit(torch.randn(30, 8, generator=torch.Generator().manual_seed(2)), list("abcde" * 6), [0] * 30)
    return made


def embedding(made: Encoder, *songs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return made(*pad(list(songs)))


@pytest.mark.parametrize("kind", INVARIANT)
@pytest.mark.parametrize("semitones", range(1, 12))
def test_transposing_a_song_leaves_its_embedding_unchanged(kind: str, semitones: int) -> None:
    made = encoder(kind)
    torch.testing.assert_close(
        embedding(made, song(1).roll(semitones, dims=1)), embedding(made, song(1)), rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("kind", ["motif", "convolution"])
@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
def test_the_linear_part_has_its_weight_in_a_squared_distance(kind: str, weight: float) -> None:
    songs = song(1), song(2)

    def squared_distance(made: Encoder) -> float:
        a, b = embedding(made, *songs)
        return float((a - b).square().sum())

    learned = squared_distance(encoder(kind, model={"kind": kind, "linear": 0.0}))
    linear = squared_distance(encoder("mean"))  # until it is fitted
    joined = squared_distance(encoder(kind, model={"kind": kind, "linear": weight}))
    assert joined == pytest.approx((weight * linear + learned) / (weight + 1), abs=1e-5)


@pytest.mark.parametrize("kind", ["motif, joined", "convolution, joined"])
def test_linear_parts_that_are_known_leave_embeddings_as_they_are(kind: str) -> None:
    made, songs, tempi = fitted(kind), [song(1, 60), song(2, 200), song(3, 90)], [1.0, 1.25]
    known = linear_parts(made, songs, torch.device("cpu"), tempi)
    found = embed(made, songs, torch.device("cpu"), tempi, known)
    torch.testing.assert_close(found, embed(made, songs, torch.device("cpu"), tempi), rtol=0, atol=1e-6)
    others = {tempo: part.flip(0) for tempo, part in known.items()}  # which are taken, not computed again
    assert not torch.allclose(found, embed(made, songs, torch.device("cpu"), tempi, others), atol=1e-3)


def test_pca_over_time_windows_commutes_with_transposition() -> None:
    made = encoder("motif on frames")
    patches, _ = made.project(*pad([song(1)]))
    transposed, _ = made.project(*pad([song(1).roll(4, dims=1)]))
    torch.testing.assert_close(transposed, patches.roll(4, dims=2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", INVARIANT)
def test_neither_padding_nor_the_other_songs_change_an_embedding(kind: str) -> None:
    made = encoder(kind)
    songs = [song(1, 60), song(2, 200), song(3, 5), song(4, 90)]
    together = embedding(made, *songs)
    for place, alone in enumerate(songs):
        torch.testing.assert_close(together[place], embedding(made, alone)[0], rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", INVARIANT)
def test_the_order_of_songs_does_not_change_their_embeddings(kind: str) -> None:
    made = encoder(kind)
    songs = [song(seed, 40 + 13 * (seed * 7 % 5)) for seed in range(20)]
    together = embed(made, songs, torch.device("cpu"))
    reverse = embed(made, songs[::-1], torch.device("cpu"))
    torch.testing.assert_close(reverse.flip(0), together, rtol=0, atol=2e-5)


@given(lengths=st.lists(st.integers(1, 50)), frames=st.integers(1, 120))
def test_a_batch_has_at_most_so_many_frames_or_one_song(lengths: list[int], frames: int) -> None:
    batches = list(in_batches(lengths, lambda length: length, frames))
    assert [length for batch in batches for length in batch] == lengths
    assert all(len(batch) == 1 or len(batch) * max(batch) <= frames for batch in batches)
    for batch, following in pairwise(batches):  # none could have taken one more
        assert (len(batch) + 1) * max(*batch, following[0]) > frames


def test_an_embedding_over_several_tempi_is_their_mean_at_unit_length() -> None:
    made, device = encoder("motif, joined"), torch.device("cpu")
    slow, fast = (embed(made, [at_tempo(song(1), tempo)], device) for tempo in (0.8, 1.25))
    expected = torch.nn.functional.normalize(slow + fast, dim=1)
    torch.testing.assert_close(embed(made, [song(1)], device, tempi=[0.8, 1.25]), expected)


def test_a_song_is_found_by_its_faster_version_at_the_tempo_that_slows_it_down() -> None:
    made, device = encoder("motif, joined"), torch.device("cpu")
    smooth = torch.nn.functional.avg_pool1d(song(1, 400), 15, 1, padding=7)
    faster = at_tempo(smooth, 1.25)
    stored = embed(made, [smooth], device)
    played = embed_played(made, [faster], device, [0.8, 1.0, 1.25])
    assert min(played, key=lambda tempo: (played[tempo] - stored).norm().item()) == 0.8


def test_a_faster_song_is_shorter_and_keeps_its_course() -> None:
    ramp = torch.linspace(0, 1, 120).expand(1, 12, 120)
    fast = at_tempo(ramp, 1.5)
    assert fast.shape == (1, 12, 80)
    torch.testing.assert_close(fast[0, 0], (torch.arange(80) + 0.5) / 80, rtol=0, atol=0.01)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_song_is_at_distance_0_from_itself(kind: str) -> None:
    found = embedding(encoder(kind), song(1), song(2), song(1))
    assert (found[0] == found[2]).all()
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_silent_song_has_an_embedding(kind: str) -> None:
    assert embedding(encoder(kind), torch.zeros(1, 12, 60)).isfinite().all()


@pytest.mark.parametrize("kind", INVARIANT)
def test_a_song_of_one_frame_has_an_embedding(kind: str) -> None:
    assert embedding(encoder(kind), song(1, 1)).isfinite().all()


@pytest.mark.parametrize("kind", INVARIANT)
def test_embeddings_have_unit_length(kind: str) -> None:
    length = embedding(encoder(kind), *(song(seed) for seed in range(5))).norm(dim=1)
    assert ((length - 1).abs() <= 1e-6).all()


@pytest.mark.parametrize("kind", ["motif, joined", "convolution, joined"])
def test_half_of_a_joined_squared_distance_is_that_of_the_mean_patch_before_whitening(kind: str) -> None:
    joined = embedding(encoder(kind), song(1), song(2))
    mean = embedding(encoder("mean"), song(1), song(2))
    torch.testing.assert_close(joined[:, : mean.shape[1]] * 2**0.5, mean)
    torch.testing.assert_close(joined.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(joined[:, mean.shape[1] :].norm(dim=1), torch.full((2,), 0.5**0.5))


def test_a_motif_is_found_in_whatever_transposition() -> None:
    network = encoder("motif").network
    windows = torch.rand(1, 5, 12, 8)
    rotated = torch.cat([windows.roll(semitones, dims=2) for semitones in range(12)])
    with torch.no_grad():
        found = network(rotated, torch.ones(12, 5, dtype=torch.bool))
    torch.testing.assert_close(found, found[:1].expand_as(found), rtol=0, atol=1e-5)


@pytest.mark.parametrize("exponent", [1.0, 3.0, 4.5])
def test_gem_pooling_is_scipys_power_mean(exponent: float) -> None:
    values = torch.rand(7, 12, 5).double()
    torch.testing.assert_close(gem(values, exponent), torch.from_numpy(pmean(values + SMALLEST, exponent)))


def test_gem_pooling_of_silence_has_a_finite_gradient() -> None:
    silence = torch.zeros(4, 3, requires_grad=True)
    gem(silence, 3.0).sum().backward()
    torch.testing.assert_close(silence.grad, torch.full((4, 3), 0.25))


def test_median_is_numpys_of_each_songs_own_patches() -> None:
    patches = torch.randn(3, 6, 5)
    count = torch.tensor([6, 3, 1])
    found = Median(5, {})(patches, torch.arange(6) < count[:, None])
    for song_patches, own, got in zip(patches.numpy(), count.tolist(), found.numpy(), strict=True):
        expected = np.median(song_patches[:own], axis=0)
        np.testing.assert_allclose(got, expected / np.linalg.norm(expected), rtol=1e-5)


def test_whitened_components_have_unit_variance() -> None:
    settings = experiment()
    made = Encoder(settings, projection(settings))
    patches, mask = made.project(*pad([song(100 + seed) for seed in range(20)]))
    torch.testing.assert_close(patches[mask].var(dim=0), torch.ones(8), rtol=1e-3, atol=0)


@pytest.mark.parametrize("kind", ["mean", "whitened", "motif, joined"])
def test_the_mean_patch_goes_through_the_pca_instead_of_all_patches(kind: str) -> None:
    songs = pad([song(1), song(2, 200), song(3, 5)])
    all_patches = [
        found[of_song].mean(dim=0)
        for found, of_song in zip(*encoder("convolution").project(*songs), strict=True)
    ]
    patches, mask = encoder(kind).project(*songs)
    torch.testing.assert_close(patches[:, 0], torch.stack(all_patches), rtol=0, atol=1e-5)
    assert mask.tolist() == [[True]] * 3


def test_without_a_pca_the_network_sees_the_patches() -> None:
    made = Encoder(experiment(pca={"components": 0}), None)
    frames = pad([song(1)])
    torch.testing.assert_close(
        made.project(*frames)[0], representation(experiment())(*frames)[0], rtol=0, atol=0
    )


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_model_file_holds_all_that_embedding_needs(kind: str, tmp_path) -> None:
    made = fitted(kind) if kind in WHITENED else encoder(kind)
    save(tmp_path / "model.pt", made, "digest of the training", epoch=7)
    read = load(tmp_path / "model.pt")
    torch.testing.assert_close(embedding(read, song(1)), embedding(made, song(1)), rtol=0, atol=0)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert (content["digest"], content["epoch"]) == ("digest of the training", 7)


def test_the_same_model_gives_the_same_bytes(tmp_path) -> None:
    for name in ("a.pt", "b.pt"):
        save(tmp_path / name, encoder("convolution"), "")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_damaged_model_file_is_named(content: bytes | None, tmp_path) -> None:
    path = tmp_path / "model.pt"
    save(path, encoder("mean"), "")
    path.write_bytes(path.read_bytes()[:900] if content is None else content)
    with pytest.raises(CoversimError, match=r"model\.pt.*Remedy"):
        load(path)


def test_a_pca_of_other_patches_is_refused() -> None:
    settings = experiment()
    with pytest.raises(CoversimError, match=r"PCA is of patches of.*Remedy"):
        Encoder(experiment(representation={"seconds": [7.0]}), projection(settings))


def two_works_in_two_sources(seed: int = 0) -> tuple[np.ndarray, list[str], list[int]]:
    """Songs, works and sources; the second value of a song changes most within a work."""
    songs = np.random.default_rng(seed).normal(size=(24, 3)) * (1, 5, 1)
    return songs, list("aaabbbcccdddaabbeeefffgh"), [0] * 12 + [1] * 12


@pytest.mark.parametrize("shrinkage", [0.01, 0.2, 1.0])
def test_whitening_is_by_the_covariance_within_works_of_each_source(shrinkage: float) -> None:
    songs, works, sources = two_works_in_two_sources()
    whitened = Whitened(3, {"shrinkage": shrinkage})
    whitened.fit(torch.from_numpy(songs), works, sources)
    of_sources = []
    for source in (0, 1):
        of_works = [
            np.cov(songs[[s == source and w == work for w, s in zip(works, sources, strict=True)]].T)
            for work in ("abcd", "abef")[source]
        ]
        of_sources.append(np.mean(of_works, axis=0))
    expected = shrunk_covariance(np.mean(of_sources, axis=0), shrinkage)
    matrix = whitened.matrix.double().numpy()
    np.testing.assert_allclose(matrix @ expected @ matrix, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_what_changes_between_songs_of_a_work_counts_less_in_a_whitened_distance() -> None:
    whitened = Whitened(3, {"shrinkage": 0.2})
    songs, works, sources = two_works_in_two_sources()
    whitened.fit(torch.from_numpy(songs), works, sources)
    patches, mask = (
        torch.tensor([[[1.0, 0, 0]], [[1, 0.5, 0]], [[1, 0, 0.5]]]),
        torch.ones(3, 1, dtype=torch.bool),
    )
    one, changed, another = whitened(patches, mask)
    assert (one - changed).norm() < 0.6 * (one - another).norm()


@pytest.mark.parametrize("works", [["a", "b", "c"], ["a", "a", "b"]])
def test_where_no_work_has_songs_that_differ_the_mean_patch_stays_as_it_is(works: list[str]) -> None:
    whitened = Whitened(2, {"shrinkage": 0.2})
    whitened.fit(torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]]), works, [0, 0, 0])
    assert torch.equal(whitened.matrix, torch.eye(2))


def test_discriminants_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    songs, works = generator.normal(size=(60, 6)), np.repeat([f"W_{work}" for work in range(20)], 3)
    songs += 2 * np.repeat(generator.normal(size=(20, 6)), 3, axis=0)
    for directions in (3, 100):
        discriminant = Discriminant(6, {"embedding": directions})
        discriminant.fit(torch.from_numpy(songs), works.tolist())
        others = normalize(torch.from_numpy(generator.normal(size=(5, 6))).float(), dim=1)
        found = discriminant(others[:, None], torch.ones(5, 1, dtype=torch.bool))
        expected = LinearDiscriminantAnalysis(n_components=min(6, directions)).fit(songs, works)
        expected = normalize(torch.from_numpy(expected.transform(others.double().numpy())), dim=1)
        torch.testing.assert_close(found[:, : expected.shape[1]].double(), expected, rtol=1e-4, atol=1e-5)
        assert not found[:, expected.shape[1] :].any()


@pytest.mark.parametrize("works", [["W_1"] * 4, ["W_1", "W_2", "W_3", "W_4"]])
def test_discriminants_need_several_works_and_several_songs_of_some(works):
    with pytest.raises(CoversimError, match=r"lda needs several training works.* Remedy"):
        Discriminant(3, {"embedding": 2}).fit(torch.randn(4, 3), works)
