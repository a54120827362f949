"""Re-ranking against ordering each query's songs by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coversim.alignment.candidates import nearest
from coversim.evaluation.reranking import hubness, mean_of_nearest, reordered

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, songs=20, size=4):
    """Embeddings, their distances, and distances by alignment."""
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(songs, size)).astype(np.float32)
    between = np.linalg.norm(embeddings[:, None].astype(float) - embeddings, axis=2)
    return embeddings, between, random.uniform(0.1, 2, size=(songs, songs))


def order(values, query):
    return [song for song in np.argsort(values, kind="stable").tolist() if song != query]


@given(seed=SEEDS, candidates=st.integers(1, 25))
def test_the_candidates_are_the_nearest_songs_without_the_query(seed, candidates):
    embeddings, between, _ = drawn(seed)
    queries = np.array([3, 11, 0])
    chosen = nearest(embeddings, queries, candidates)
    for query, found in zip(queries.tolist(), chosen, strict=True):
        assert set(found.tolist()) == set(order(between[query], query)[:candidates])
        assert len(found) == min(candidates, 19)


def test_the_candidates_are_those_of_the_nearest_point_that_a_song_is_sought_by():
    embeddings, _, _ = drawn(0)
    elsewhere = np.stack((embeddings, np.roll(embeddings, 1, axis=0)), axis=1)
    between = np.linalg.norm(elsewhere[:, :, None] - embeddings, axis=3).min(axis=1)
    for query, found in enumerate(nearest(embeddings, np.arange(20), 4, elsewhere)):
        assert set(found.tolist()) == set(order(between[query], query)[:4])


def test_candidates_do_not_depend_on_the_size_of_the_blocks(monkeypatch):
    embeddings, _, _ = drawn(0)
    whole = nearest(embeddings, np.arange(20), 5)
    monkeypatch.setattr("coversim.evaluation.retrieval.BLOCK", 40)
    monkeypatch.setattr("coversim.evaluation.retrieval.LEAST_ROWS", 1)
    np.testing.assert_array_equal(nearest(embeddings, np.arange(20), 5), whole)


@given(seed=SEEDS, neighbours=st.integers(1, 25))
def test_hubness_is_the_root_mean_square_distance_to_the_nearest_songs(seed, neighbours):
    embeddings, between, _ = drawn(seed)
    nearest_songs = np.array([np.sort(np.delete(row, song))[:neighbours] for song, row in enumerate(between)])
    expected = np.sqrt(np.square(nearest_songs).mean(axis=1))
    np.testing.assert_allclose(hubness(embeddings, neighbours), expected, rtol=1e-6)


def test_a_song_in_the_midst_of_all_is_a_hub_and_its_correction_moves_it_back():
    ring = [(np.cos(angle), np.sin(angle)) for angle in np.arange(8) * np.pi / 4]
    embeddings = np.array([*ring, (0.9, 0.9), (0.1, 0.0)], np.float32)  # the last is in the midst
    squared = np.square(embeddings[:, None] - embeddings).sum(axis=2)
    typical = hubness(embeddings, 9).numpy()
    assert typical.argmin() == 9
    rank_of_hub = (squared < squared[:, 9:]).sum(axis=1)
    corrected = squared / (typical[:, None] * typical)
    assert ((corrected < corrected[:, 9:]).sum(axis=1) >= rank_of_hub).all()


@given(seed=SEEDS, neighbours=st.integers(1, 25), step=st.integers(1, 20))
def test_by_distances_alone_hubness_is_their_geometric_mean_whatever_the_blocks(seed, neighbours, step):
    _, between, _ = drawn(seed)
    rows = [np.arange(start, min(start + step, 20)) for start in range(0, 20, step)]
    found = mean_of_nearest(((block, between[block]) for block in rows), 20, neighbours)
    for song in range(20):
        nearest_songs = np.sort(np.delete(between[:, song], song))[:neighbours]
        assert found[song] == pytest.approx(np.prod(nearest_songs) ** (1 / len(nearest_songs)))


@pytest.mark.parametrize("copies", [1, 3])
def test_a_song_with_a_copy_is_not_taken_for_a_hub_of_its_own_making(copies):
    distances = np.ones((12, 12))
    distances[: copies + 1, : copies + 1] = 0
    found = mean_of_nearest([(np.arange(12), distances)], 12, 10)
    np.testing.assert_allclose(found[copies + 1 :], 1)
    np.testing.assert_allclose(found[: copies + 1], 0.01 ** (copies / 10))


def test_a_song_that_is_compared_with_itself_alone_has_a_hubness_of_1():
    found = mean_of_nearest([(np.array([1]), np.array([[4.0, 0.0, 2.0]]))], 3, 2)
    np.testing.assert_allclose(found, [4, 1, 2])


@given(seed=SEEDS, neighbours=st.integers(1, 6))
def test_songs_that_were_not_compared_are_no_neighbours(seed, neighbours):
    _, _, aligned = drawn(seed)
    compared = np.random.default_rng(seed).random(aligned.shape) < 0.3
    found = mean_of_nearest([(np.arange(20), np.where(compared, aligned, np.nan))], 20, neighbours)
    for song in range(20):
        near = [aligned[query, song] for query in range(20) if query != song and compared[query, song]]
        near = np.sort(near)[:neighbours] if near else np.ones(1)
        assert found[song] == pytest.approx(np.exp(np.log(near).mean()))


@pytest.mark.parametrize("songs", [0, 4])
def test_equal_embeddings_and_no_embeddings_have_a_hubness(songs):
    found = hubness(np.ones((songs, 3), np.float32), 2)
    assert found.shape == (songs,)
    assert (found > 0).all()


@given(seed=SEEDS, candidates=st.integers(3, 19), weight=st.floats(0, 4))  # of two, weight 1 makes a tie
def test_the_first_songs_are_ordered_by_both_distances_and_the_others_follow_as_they_were(
    seed, candidates, weight
):
    embeddings, between, aligned = drawn(seed)
    queries = np.arange(len(between))
    chosen = nearest(embeddings, queries, candidates).astype(np.int64)
    by_candidate = np.take_along_axis(aligned, chosen, axis=1)
    found = reordered(*map(torch.from_numpy, (between**2, chosen, by_candidate)), weight).numpy()
    for query in queries.tolist():
        before = order(between[query], query)
        first = np.array(before[:candidates])
        near, alike = between[query, first], 1 / aligned[query, first]
        score = (near - near.mean()) / near.std() - weight * (alike - alike.mean()) / alike.std()
        assert order(found[query], query) == [*first[np.argsort(score)].tolist(), *before[candidates:]]


def test_without_weight_the_order_stays():
    _, between, aligned = drawn(1)
    all_songs = np.tile(np.arange(len(between)), (len(between), 1))
    found = reordered(*map(torch.from_numpy, (between**2, all_songs, aligned)), 0.0).numpy()
    np.testing.assert_array_equal(found.argsort(axis=1), between.argsort(axis=1))


@pytest.mark.parametrize("candidates", [[], [1], [0, 1, 2]])
def test_one_song_or_none_or_equal_ones_are_no_trouble(candidates):
    squared = torch.tensor([[0.0, 1.0, 2.0]], dtype=torch.float64)
    chosen = torch.tensor([candidates], dtype=torch.int64)
    found = reordered(squared, chosen, torch.full(chosen.shape, 0.5), 1.0)
    assert found.isfinite().all()
    assert found.argsort().tolist() in ([[0, 1, 2]], [[1, 0, 2]])
