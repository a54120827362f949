"""The songs that each query finds first, and how probable a cover each is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from coversim.dataset.labels import COVER
from coversim.evaluation.calibration import fit
from coversim.storage import parquet
from evaluated import distances_of, whole


def test_the_first_ten_songs_of_every_query_stand_there_by_name_the_nearest_first(
    files, collections, tmp_path
):
    parquet.write_parts(tmp_path / "found.parquet", whole(*files).found)
    table = parquet.read(tmp_path / "found.parquet").to_pandas()
    for name in ("valid", "test", "benchmark"):
        songs = collections[name]
        matrix = np.linalg.norm(songs["embeddings"][:, None].astype(float) - songs["embeddings"], axis=2)
        np.fill_diagonal(matrix, np.inf)
        here = table[table.collection == name].set_index("performance")
        works, sizes = np.unique(songs["works"], return_counts=True)
        assert set(here.work) == set(works[sizes > 1])
        for row, performance in enumerate(songs["performances"]):
            if performance in here.index:
                found, order = here.loc[performance], matrix[row].argsort()[:10]
                assert found["rank"].tolist() == list(range(1, 11))
                assert found.found_performance.tolist() == songs["performances"][order].tolist()
                assert found.distance.to_numpy() == pytest.approx(matrix[row, order], rel=1e-6)
                assert found.is_cover.tolist() == (songs["works"][order] == songs["works"][row]).tolist()


def test_queries_are_named_some_at_a_time(files, monkeypatch):
    together = pd.concat(whole(*files).found, ignore_index=True)
    monkeypatch.setattr("coversim.evaluation.found.QUERIES_TOGETHER", 7)
    parts = list(whole(*files).found)
    assert max(part.performance.nunique() for part in parts) == 7
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), together)


def test_a_hit_at_1_is_the_first_song_that_stands_there(files):
    found = whole(*files)
    first = pd.concat(found.found).query("rank == 1").set_index(["collection", "performance"]).is_cover
    ranks = found.ranks.set_index(["collection", "performance"])
    assert (ranks.hit_at_1 == first.reindex(ranks.index)).all()


def test_a_song_that_is_found_is_as_probable_a_cover_as_its_distance_makes_it_among_so_many(
    files, collections
):
    found = whole(*files)
    fitted = fit(*distances_of(collections["valid"], files[1][0]))
    for table in found.found:
        [name] = set(table.collection)
        songs = len(collections[name]["works"])
        said = [fitted.probability(distance, prior=1 / songs) for distance in table.distance]
        assert table.probability.to_numpy() == pytest.approx(said, rel=1e-4)


def test_the_calibration_is_fitted_to_validation_pairs_and_measured_on_those_of_other_works(
    files, collections
):
    found = whole(*files)
    fitted = fit(*distances_of(collections["valid"], files[1][0]))
    assert found.calibration["slope"] == pytest.approx(fitted.slope)
    assert list(found.calibration["collections"]) == ["test", "benchmark"]
    for name in ("test", "benchmark"):
        table = files[1][["valid", "test", "benchmark"].index(name)]
        distances, labels = distances_of(collections[name], table)
        said = [fitted.probability(distance) for distance in distances]
        brier = found.metrics[name]["brier"]
        assert brier == pytest.approx(brier_score_loss(labels == COVER, said))
        assert brier == pytest.approx(found.calibration["collections"][name]["brier"])


def test_without_validation_pairs_no_song_has_a_probability(files):
    found = whole(files[0], files[1][1:])
    assert pd.concat(found.found).probability.isna().all()
    assert found.metrics["test"]["brier"] is None
