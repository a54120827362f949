"""The nearest points, exactly, and by an index beyond what is looked at point by point."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.errors import CoversimError
from coversim.metric.catalogue import index
from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.changes import remove
from coversim.metric.catalogue.nearest import Points
from coversim.metric.catalogue.parts import points_of
from coversim.metric.kinds.points import Embedding
from coversim.storage.atomic import replacing
from metric_files import write_songs


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 4), st.integers(1, 70), st.booleans())
def test_the_nearest_points_are_those_of_all_differences(seed, songs, sought, count, doubled):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((songs, 5)).astype(np.float32)
    if doubled:  # of equal points the first comes first
        points = np.concatenate([points, points])
    queries = points[:sought] + 1e-4
    distances = np.array([min(np.linalg.norm(point - query) for query in queries) for point in points])
    rows, found = Points(points).nearest(queries, count)
    assert rows.tolist() == np.argsort(distances.astype(np.float32), kind="stable")[:count].tolist()
    np.testing.assert_allclose(found, np.sort(distances)[:count], rtol=1e-5)


@pytest.fixture
def folder(tmp_path, metric_file, monkeypatch) -> Path:
    """A catalogue of too many songs to look at each: 2,400 made-up points around 60 others, in three parts."""
    monkeypatch.setattr(index, "EXACT", 1000)
    return write_songs(tmp_path / "many.cat", metric_file, 2400, parts=3)


def said_by(change) -> list[str]:
    said: list[str] = []
    change(said.append)
    return said


def test_an_index_finds_what_looking_at_each_finds_and_says_how_often(folder, monkeypatch):
    [said] = said_by(lambda say: remove(folder, lambda entry: False, say))
    about = json.loads((folder / "index.json").read_text())
    assert f"it finds {about['recall_at_10']:.3f}" in said
    many = Catalogue.load(folder)
    assert f"{about['recall_at_10']:.3f}" in many.approximations()[0]
    points = np.concatenate([points_of(part) for part in many.parts])
    shares = []
    for row in range(0, 2400, 60):
        query = Embedding(points[row], points[row][None])
        found = [one.entry.performance for one in many.search(query, top=10)]
        expected = Points(points).nearest(query.sought, 10)[0]
        assert found[0] == f"P_{row}"
        shares.append(np.mean([f"P_{one}" in found for one in expected]))
    assert np.mean(shares) == pytest.approx(about["recall_at_10"], abs=0.05)
    assert about["recall_at_10"] > 0.9


@pytest.mark.parametrize("size", [1, 60, 61])
def test_points_of_any_size_have_a_code_for_each_four_of_their_numbers(tmp_path, size):
    rng = np.random.default_rng(0)
    points = (rng.standard_normal((2400, 12)) @ rng.standard_normal((12, size))).astype(np.float32)
    part = tmp_path / "part-1.npy"
    with replacing(part) as temporary, temporary.open("wb") as file:
        np.save(file, points)
    index.update(tmp_path, {part: len(points)}, np.load)
    assert json.loads((tmp_path / "index.json").read_text())["recall_at_10"] > 0.95
    found = index.Index(tmp_path, {part: len(points)})
    assert 7 in found.candidates(points[7][None], 10)


def test_songs_that_come_and_go_do_so_in_the_index_without_building_it_anew(folder, metric_file):
    remove(folder, lambda entry: False)
    built = json.loads((folder / "index.json").read_text())
    write_songs(folder, metric_file, 300, parts=1, first=2400)
    remove(folder, lambda entry: int(entry.performance[2:]) % 7 == 0)
    many = Catalogue.load(folder)
    about = json.loads((folder / "index.json").read_text())
    assert (about["built_for"], len(about["parts"])) == (built["built_for"], 4)
    assert len(list(folder.glob("index-*.faiss"))) == 1
    points = np.concatenate([points_of(part) for part in many.parts])
    for row in range(0, len(many), 97):
        [found] = many.search(Embedding(points[row], points[row][None]), top=1)
        assert found.entry == many.entries[row]
        assert found.distance < 1e-6


def test_an_index_that_lacks_songs_is_not_searched(folder, metric_file):
    remove(folder, lambda entry: False)
    write_songs(folder, metric_file, 300, parts=1, first=2400)
    with pytest.raises(CoversimError, match=r"index.*Remedy"):
        Catalogue.load(folder).search(Embedding(np.zeros(1), np.zeros((1, 1))))


@pytest.mark.parametrize(
    "said", ["no JSON", '{"file": "../elsewhere.faiss"}', '{"file": "index-99.faiss"}', "[]"]
)
def test_an_index_that_is_damaged_is_not_searched_and_built_anew(said, folder):
    remove(folder, lambda entry: False)
    (folder / "index.json").write_text(said)
    point = np.zeros(points_of(next(iter(Catalogue.load(folder).parts))).shape[1])
    with pytest.raises(CoversimError, match=r"index is not that of its songs.*Remedy"):
        Catalogue.load(folder).search(Embedding(point, point[None]))
    assert "index: built for 2,400 songs" in said_by(lambda say: remove(folder, lambda entry: False, say))[0]
    assert len(Catalogue.load(folder).search(Embedding(point, point[None]))) == 10


def test_an_index_whose_codes_are_damaged_is_not_searched_and_built_anew(folder):
    remove(folder, lambda entry: False)
    next(folder.glob("index-*.faiss")).write_bytes(b"no index")
    point = np.zeros(points_of(next(iter(Catalogue.load(folder).parts))).shape[1])
    with pytest.raises(CoversimError, match=r"index is damaged. Remedy"):
        Catalogue.load(folder).search(Embedding(point, point[None]))
    assert "index: built for 2,400 songs" in said_by(lambda say: remove(folder, lambda entry: False, say))[0]


def test_where_songs_are_few_again_there_is_no_index(folder):
    remove(folder, lambda entry: False)
    remove(folder, lambda entry: int(entry.performance[2:]) >= 500)
    assert not list(folder.glob("index*"))
    few = Catalogue.load(folder)
    point = points_of(next(iter(few.parts)))[7]
    assert few.search(Embedding(point, point[None]), top=1)[0].entry == few.entries[7]


def test_an_index_is_built_anew_once_there_are_several_times_as_many_songs(folder, metric_file):
    remove(folder, lambda entry: False)
    write_songs(folder, metric_file, 2400 * index.GROWTH, parts=4, first=2400)
    [said] = said_by(lambda say: remove(folder, lambda entry: False, say))
    assert "built for 12,000 songs" in said
