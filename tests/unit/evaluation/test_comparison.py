"""Songs compared by embedding, by alignment, and re-ranked."""

import numpy as np
import pandas as pd
import pytest
import torch

from coversim.errors import CoversimError
from coversim.evaluation.comparison import by_alignment, by_embedding
from coversim.evaluation.evaluate import evaluate
from coversim.evaluation.retrieval import queries_of, rank
from coversim.storage import embeddings
from evaluated import align, euclidean, run, songs_of, write
from peak_memory import peak_of


def test_distances_of_any_kind_give_the_metrics_that_embeddings_at_these_distances_do(
    files, collections, tmp_path
):
    embedded, ranks = run(*files)
    aligned = {name: align(tmp_path, collections[name], euclidean(collections[name])) for name in embedded}
    pairs = {path.stem: path for path in files[1]}
    metrics, same_ranks, *_ = evaluate(lambda name: by_alignment(aligned[name]), pairs, resamples=200, seed=0)
    for name, found in metrics.items():
        histograms = [of.pop("histogram") for of in (found, embedded[name])]
        np.testing.assert_allclose(histograms[0]["edges"], histograms[1]["edges"], rtol=1e-6)
        defined, expected = (
            {metric: value for metric, value in of.items() if value is not None}
            for of in (found, embedded[name])
        )
        assert defined == pytest.approx(expected, rel=1e-6)
    nearest = ["nearest_cover", "nearest_non_cover"]
    pd.testing.assert_frame_equal(same_ranks.drop(columns=nearest), ranks.drop(columns=nearest))


def test_songs_are_ranked_by_distances_that_are_corrected_for_hubs_too(collections, tmp_path):
    songs = collections["valid"]
    values = euclidean(songs)
    compared = by_alignment(align(tmp_path, songs, values), neighbours=3)
    queries = queries_of(songs["works"])
    others = np.where(np.eye(len(values), dtype=bool), np.inf, values)[queries]
    typical = np.exp(np.log(np.sort(others, axis=0)[:3]).mean(axis=0))
    corrected = values / np.sqrt(typical[:, None] * typical)
    expected = rank([(queries, corrected[queries].copy())], songs["works"])
    np.testing.assert_allclose(compared.corrected.first_rank, expected.first_rank)
    plain = by_alignment(align(tmp_path, songs, values))
    assert plain.corrected is None
    assert (plain.ranking.first_rank != compared.corrected.first_rank).any()
    np.testing.assert_array_equal(plain.ranking.first_rank, compared.ranking.first_rank)
    a, b = queries[:5], np.arange(5)[::-1]
    np.testing.assert_allclose(compared.distances(a, b), values[a, b], rtol=1e-5)


def test_embeddings_are_ranked_by_distances_that_are_corrected_for_hubs_too(files, collections):
    songs = collections["valid"]
    values = euclidean(songs)
    compared = by_embedding("valid", files[0], [], 1.0, 3, torch.device("cpu"))
    others = np.where(np.eye(len(values), dtype=bool), np.inf, values)
    typical = np.sqrt(np.square(np.sort(others, axis=1)[:, :3]).mean(axis=1))
    queries = queries_of(songs["works"])
    corrected = (values / np.sqrt(typical[:, None] * typical))[queries]
    expected = rank([(queries, corrected)], songs["works"])
    np.testing.assert_allclose(compared.corrected.average_precision, expected.average_precision)
    assert (compared.corrected.first_rank != compared.ranking.first_rank).any()


def test_songs_at_one_place_but_for_rounding_are_ties_where_hubs_are_corrected_too(tmp_path):
    random = np.random.default_rng(0)
    points = random.normal(size=(120, 16))
    points[:40] = points[0]  # a collapsed embedding
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    points[:40, :2] += 3e-8 * random.integers(-1, 2, (40, 2))
    works = np.array([f"W_{number // 2}" for number in range(120)])
    names = np.array([f"P_{number}" for number in range(120)])
    embeddings.write(tmp_path / "e.h5", works, names, np.full(120, "valid"), points)
    compared = by_embedding("valid", [tmp_path / "e.h5"], [], 1.0, 5, torch.device("cpu"))
    for ranking in (compared.ranking, compared.corrected):
        np.testing.assert_allclose(ranking.average_precision[:40], 1 / 39)


def test_metrics_of_distances_that_are_corrected_for_hubs_stand_beside_the_others(files):
    plain, _ = run(*files)
    metrics, ranks = run(*files, neighbours=3)
    for name, found in metrics.items():
        assert {key: value for key, value in found.items() if "_hubs" not in key} == plain[name]
        rows = ranks[ranks.collection == name]
        for metric, column in (("map", "average_precision"), ("hit_at_1", "hit_at_1")):
            assert found[f"{metric}_hubs"] == pytest.approx(rows[f"{column}_hubs"].mean())
            assert found[f"{metric}_hubs_low"] <= found[f"{metric}_hubs"] <= found[f"{metric}_hubs_high"]


@pytest.mark.parametrize("neighbours", [0, 3])
def test_re_ranking_by_a_perfect_alignment_is_perfect_within_the_first_songs(
    files, collections, tmp_path, neighbours
):
    aligned = []
    for name in ("valid", "test", "benchmark"):
        songs = collections[name]
        first = np.argsort(euclidean(songs), axis=1)[:, :11]  # the query and ten more
        same = songs["works"][:, None] == songs["works"][first]
        aligned += align(tmp_path, songs, np.where(same, 0.1, 1.0), first)
    plain, _ = run(*files)
    metrics, ranks = run(*files, aligned, weight=1e6, neighbours=neighbours)
    for name, found in metrics.items():
        kept = {key: value for key, value in found.items() if not key.partition("_reranked")[1]}
        assert {key: value for key, value in kept.items() if "_hubs" not in key} == plain[name]
        assert found["candidates_reranked"] == 11
        assert found["candidates_reranked_share"] == 11 / (found["songs"] - 1)
        rows = ranks[ranks.collection == name]
        assert (
            rows.hit_at_1_reranked == rows.hit_at_10
        ).all()  # a cover among the first ten is now the first
        for metric, column in (("map", "average_precision"), ("mrr", "reciprocal_rank"), ("hit_at_1",) * 2):
            assert found[f"{metric}_reranked"] == pytest.approx(rows[f"{column}_reranked"].mean())
            assert found[f"{metric}_reranked_low"] <= found[f"{metric}_reranked"]
            assert found[f"{metric}_reranked"] > found[metric]


def test_re_ranking_corrects_both_distances_for_hubs(files, collections, tmp_path):
    songs = collections["valid"]
    between = euclidean(songs)
    aligned = np.random.default_rng(0).uniform(0.1, 1, between.shape)
    first = np.argsort(between, axis=1)[:, 1:8]
    shards = align(tmp_path, songs, np.take_along_axis(aligned, first, axis=1), first)
    found = by_embedding("valid", files[0], shards, 2.0, 3, torch.device("cpu")).reranked
    queries = queries_of(songs["works"])
    apart = np.where(np.eye(len(between), dtype=bool), np.inf, between)
    typical = np.sqrt(np.square(np.sort(apart, axis=1)[:, :3]).mean(axis=1))
    near = between / np.sqrt(typical[:, None] * typical)
    those = np.full(between.shape, np.inf)
    for query in queries:
        those[query, first[query]] = aligned[query, first[query]]
    least = np.sort(those, axis=0)[:3]
    count = np.isfinite(least).sum(axis=0)
    logarithm = np.log(np.where(np.isfinite(least), least, 1)).sum(axis=0)
    typical = np.exp(logarithm / np.maximum(count, 1))
    alike = np.sqrt(typical[:, None] * typical) / those
    checked = 0
    for place, query in enumerate(queries):
        a, b = near[query, first[query]], alike[query, first[query]]
        order = first[query][np.argsort((a - a.mean()) / a.std() - 2 * (b - b.mean()) / b.std())]
        ranks = np.flatnonzero(songs["works"][order] == songs["works"][query])
        if len(ranks):
            assert found.first_rank[place] == ranks[0] + 1
            checked += 1
    assert checked > len(queries) / 2


def test_re_ranking_thousands_of_songs_takes_little_more_memory_than_ranking_them(tmp_path):
    songs = songs_of("test", [2] * 3000)
    random = np.random.default_rng(0)
    first = (np.arange(6000)[:, None] + random.integers(1, 6000, (6000, 1)) + np.arange(100)) % 6000
    shards = align(tmp_path, songs, random.uniform(0.1, 1, first.shape), first)
    program = """
import torch
from pathlib import Path
from coversim.evaluation.comparison import by_embedding
torch.set_num_threads(1)
by_embedding("test", [Path({!r})], [Path(path) for path in {!r}], 3.0, 10, torch.device("cpu"))
"""
    embeddings = str(write(tmp_path, "train", songs))
    ranked, reranked = (peak_of(program.format(embeddings, list(map(str, files)))) for files in ([], shards))
    assert reranked - ranked < 200_000  # 50,000; it was 470,000 when all songs of a query had a score


def test_distances_of_other_songs_than_the_embeddings_are_an_error(files, collections, tmp_path):
    songs = {key: column[1:] for key, column in collections["valid"].items()}
    aligned = align(tmp_path, songs, euclidean(songs))
    with pytest.raises(CoversimError, match=r"0000.h5: of other songs. Remedy: delete its folder"):
        run(files[0], files[1][:1], aligned)
