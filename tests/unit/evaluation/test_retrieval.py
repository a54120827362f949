"""Retrieval metrics, against the plainest way to get them: sort all candidates of every query."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coversim.errors import CoversimError
from coversim.evaluation import retrieval
from coversim.evaluation.retrieval import (
    DEPTHS,
    Ranking,
    in_blocks,
    mean_average_precision,
    queries_of,
    rank,
    rank_embeddings,
)


def distance_matrix(embeddings) -> np.ndarray:
    embeddings = np.asarray(embeddings, dtype=np.float64)
    return np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)


def sorted_one_by_one(distances: np.ndarray, works) -> list[dict]:
    """The definition: each query's candidates in order, at equal distances the non-covers first."""
    rows = []
    for query, work in enumerate(works):
        candidates = [song for song in range(len(works)) if song != query]
        candidates.sort(key=lambda song: (distances[query, song], works[song] == work))
        covers = [works[song] == work for song in candidates]
        if not any(covers):
            continue
        ranks = [place for place, cover in enumerate(covers, 1) if cover]
        of_kind = {
            kind: [distances[query, song] for song in candidates if (works[song] == work) == kind]
            for kind in (True, False)
        }
        rows.append(
            {
                "query": query,
                "relevant": sum(covers),
                "average_precision": sum(sum(covers[:k]) / k for k in ranks) / sum(covers),
                "first_rank": ranks[0],
                "reciprocal_rank": 1 / ranks[0],
                "precision_at_10": sum(covers[:10]) / 10,
                "hit_at_1": float(covers[0]),
                "hit_at_10": float(any(covers[:10])),
                **{f"recall_at_{first}": sum(covers[:first]) / sum(covers) for first in DEPTHS},
                "nearest_cover": min(of_kind[True]),
                "nearest_non_cover": min(of_kind[False], default=math.inf),
            }
        )
    return rows


def assert_same(ranking: Ranking, reference: list[dict], tolerance: float = 1e-12) -> None:
    assert len(ranking.query) == len(reference)
    for column in Ranking._fields:
        expected = [row[column] for row in reference]
        np.testing.assert_allclose(getattr(ranking, column), expected, rtol=tolerance, atol=tolerance)


def grouped(seed: int, works: int = 12, songs: int = 60, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings around one centre per work, works of all sizes from one song on."""
    random = np.random.default_rng(seed)
    work = random.integers(works, size=songs)
    centres = random.normal(size=(works, size))
    return (centres[work] + random.normal(size=(songs, size))).astype(np.float32), work


# on a coarse grid many distances are equal
on_a_grid = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=25
)


@given(songs=on_a_grid, block=st.integers(1, 200))
def test_metrics_are_those_of_sorting_every_querys_candidates(songs, block):
    works = [f"W_{work}" for work, *_ in songs]
    embeddings = np.array([point for _, *point in songs], dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK", block)
        patch.setattr(retrieval, "LEAST_ROWS", 1)
        ranking = rank_embeddings(embeddings, works)
    assert_same(ranking, sorted_one_by_one(distance_matrix(embeddings), works), tolerance=1e-6)


@given(songs=on_a_grid, number=st.integers(1, 3), block=st.integers(1, 200), seed=st.integers(0, 100))
def test_of_what_a_song_is_sought_by_the_nearest_counts(songs, number, block, seed):
    works = [f"W_{work}" for work, *_ in songs]
    embeddings = np.array([point for _, *point in songs], dtype=np.float32)
    queries = np.random.default_rng(seed).integers(3, size=(len(works), number, 2)).astype(np.float32)
    distances = np.linalg.norm(queries[:, :, None].astype(float) - embeddings, axis=3).min(axis=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK", block)
        patch.setattr(retrieval, "LEAST_ROWS", 1)
        ranking = rank_embeddings(embeddings, works, queries=queries)
    assert_same(ranking, sorted_one_by_one(distances, works), tolerance=1e-6)


def test_a_song_sought_by_its_own_embedding_is_ranked_as_without():
    embeddings, works = grouped(0)
    sought = rank_embeddings(embeddings, works, queries=embeddings[:, None])
    for column, expected in zip(sought, rank_embeddings(embeddings, works), strict=True):
        np.testing.assert_allclose(column, expected)


@given(songs=on_a_grid, seed=st.integers(0, 100), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_distances_of_any_kind_can_be_ranked(songs, seed, dtype):
    """Alignment costs, say: neither symmetric nor Euclidean, with ties, and infinite where nothing aligns."""
    works = np.array([work for work, *_ in songs])
    costs = np.random.default_rng(seed).choice([0.0, 0.25, 0.5, 1.0, np.inf], size=(len(works), len(works)))
    queries = queries_of(works)
    blocks = [(rows, torch.tensor(costs[rows], dtype=dtype)) for rows in np.array_split(queries, 3)]
    assert_same(rank(blocks, works), sorted_one_by_one(costs, works))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("block", [1, 100, 2**20])
def test_the_size_of_the_blocks_does_not_matter(seed, block, monkeypatch):
    embeddings, works = grouped(seed)
    monkeypatch.setattr(retrieval, "BLOCK", block)
    monkeypatch.setattr(retrieval, "LEAST_ROWS", 1)
    assert_same(
        rank_embeddings(embeddings, works), sorted_one_by_one(distance_matrix(embeddings), works), 1e-6
    )


@pytest.mark.parametrize(("songs", "most"), [(1_000, 1_048), (15_000, 69), (400_000, 64)])
def test_a_block_has_at_least_64_queries_in_however_many_songs(songs, most):
    blocks = list(in_blocks(np.arange(2_000), songs))
    assert max(map(len, blocks)) == len(blocks[0]) == most
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(2_000))


def test_the_query_itself_is_no_candidate():
    """Its distance to itself, the smallest of all, would make it the first hit."""
    ranking = rank_embeddings([[0.0], [3.0], [1.0]], ["W_1", "W_1", "W_2"])
    assert ranking.first_rank.tolist() == [2, 2]
    nan_to_itself = np.array([[np.nan, 3, 1], [3, np.nan, 2]])
    assert rank([(np.array([0, 1]), nan_to_itself)], ["W_1", "W_1", "W_2"]).first_rank.tolist() == [2, 2]


def test_a_song_without_a_cover_is_a_candidate_but_no_query():
    """As a query it would count as a miss, or, in well-known code, as found at rank 1."""
    works = ["W_1", "W_2", "W_1", "W_3"]
    ranking = rank_embeddings([[0.0], [1.0], [2.0], [3.0]], works)
    assert queries_of(works).tolist() == [0, 2]
    assert ranking.query.tolist() == [0, 2]
    assert ranking.first_rank.tolist() == [2, 3]


def test_averages_are_over_the_queries_not_over_all_songs():
    works = ["W_1", "W_1", *(f"alone {song}" for song in range(8))]
    embeddings = [[0.0], [0.1], *([float(song)] for song in range(5, 13))]
    assert mean_average_precision(embeddings, works) == 1


def test_average_precision_is_divided_by_all_covers_wherever_they_rank():
    """Covers at ranks 1 and 12: dividing by those among the first ten would give 1."""
    embeddings = [[0.0], [1.0], *([2.0 + song] for song in range(10)), [50.0]]
    works = ["W_1", "W_1", *(f"alone {song}" for song in range(10)), "W_1"]
    ranking = rank_embeddings(embeddings, works)
    assert ranking.relevant[0] == 2
    assert ranking.average_precision[0] == pytest.approx((1 + 2 / 12) / 2)
    assert ranking.precision_at_10[0] == pytest.approx(1 / 10)


def test_with_works_of_two_songs_map_is_mrr_and_precision_at_10_at_most_a_tenth():
    embeddings, _ = grouped(0, songs=60)
    ranking = rank_embeddings(embeddings, np.repeat(np.arange(30), 2))
    np.testing.assert_array_equal(ranking.average_precision, ranking.reciprocal_rank)
    np.testing.assert_allclose(ranking.precision_at_10, ranking.hit_at_10 / 10)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4 / 3])
def test_an_embedding_that_has_collapsed_finds_covers_last(value):
    """All songs in one point: every non-cover is as near as the cover, whatever the rounding."""
    works = np.repeat(np.arange(20), 3)
    ranking = rank_embeddings(np.full((60, 16), value, dtype=np.float32), works)
    assert set(ranking.first_rank) == {58}
    assert set(ranking.hit_at_10) == {0}
    assert set(ranking.nearest_cover) == set(ranking.nearest_non_cover) == {0}


def test_recall_counts_the_covers_among_the_first_hundred():
    random = np.random.default_rng(0)
    works = np.arange(160) // 8
    ranking = rank_embeddings(songs := random.normal(size=(160, 3)), works)
    reference = sorted_one_by_one(distance_matrix(songs), works)
    assert_same(ranking, reference)
    assert 0 < ranking.recall_at_100.min() < ranking.recall_at_100.max() == 1
    assert set(ranking.recall_at_1000) == {1}


def test_copies_of_a_song_under_other_works_rank_before_its_cover():
    random = np.random.default_rng(0)
    song, far = random.normal(size=(2, 64)).astype(np.float32)
    embeddings = np.stack([song, song, song, far])
    ranking = rank_embeddings(embeddings, ["W_1", "W_1", "W_2", "W_3"])
    assert ranking.first_rank.tolist() == [2, 2]


def test_where_the_embeddings_lie_in_space_does_not_matter():
    embeddings, works = grouped(1)
    embeddings = embeddings.astype(np.float64)
    moved = rank_embeddings(embeddings + 1e5, works)
    for here, there in zip(rank_embeddings(embeddings, works), moved, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-6)


def test_the_order_of_the_songs_does_not_matter():
    embeddings, works = grouped(2)
    order = np.random.default_rng(0).permutation(len(works))
    ranking, shuffled = rank_embeddings(embeddings, works), rank_embeddings(embeddings[order], works[order])
    back = np.argsort(order[shuffled.query])
    np.testing.assert_array_equal(ranking.average_precision, shuffled.average_precision[back])


def test_arrays_and_tensors_names_and_numbers_give_the_same():
    embeddings, works = grouped(3)
    names = [f"Wörk “{work}”" for work in works]
    tensor = torch.tensor(embeddings, requires_grad=True)
    assert mean_average_precision(embeddings, works) == mean_average_precision(tensor, names, "cpu")


@pytest.mark.parametrize("works", [[], ["W_1"], ["W_1", "W_2", "W_3"]])
def test_a_collection_without_covers_has_no_queries_and_no_map(works):
    embeddings = np.ones((len(works), 4), dtype=np.float32)
    assert all(len(column) == 0 for column in rank_embeddings(embeddings, works))
    assert math.isnan(mean_average_precision(embeddings, works))


def test_where_all_songs_are_covers_no_non_cover_is_near():
    ranking = rank_embeddings([[0.0], [1.0], [5.0]], ["W_1"] * 3)
    assert set(ranking.average_precision) == {1}
    assert set(ranking.nearest_non_cover) == {math.inf}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_embedding_that_is_not_finite_is_an_error(value):
    embeddings, works = grouped(0)
    embeddings[7, 2] = value
    with pytest.raises(
        CoversimError, match=r"1 of 60 embeddings are not finite, the first in row 7 .* Remedy"
    ):
        rank_embeddings(embeddings, works)


@pytest.mark.parametrize("song", [1, 2])
def test_a_distance_that_is_nan_is_an_error(song):
    distances = np.ones((1, 3))
    distances[0, song] = np.nan
    with pytest.raises(CoversimError, match="NaN"):
        rank([(np.array([0]), distances)], ["W_1", "W_1", "W_2"])


def test_a_query_without_a_cover_is_refused():
    with pytest.raises(ValueError, match="no query"):
        rank([(np.array([2]), np.ones((1, 3)))], ["W_1", "W_1", "W_2"])
