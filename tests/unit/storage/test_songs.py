"""Which songs of catalogues count."""

import pytest

import corpus
from coversim.errors import CoversimError
from coversim.storage import songs, tsv
from coversim.storage.atomic import replacing


@pytest.fixture
def files(tmp_path):
    """Catalogues of two data sets to train with, and what must not count of each."""
    rows = {
        "a": [("W", "0", 0, "train"), ("W", "1", 0, "train"), ("V", "0", 1, "test")],
        "b": [("V", "0", 1, "test"), ("V", "1", 1, "test"), ("S", "0", 0, "shared")],
    }
    catalogues = []
    for name, of in rows.items():
        catalogues.append(tmp_path / f"{name}.tsv")
        catalogues[-1].write_text(tsv.text(("work", "performance", "shard", "split"), of))
    copies = [
        corpus.write_copies(tmp_path / "copies" / "a.tsv", ("a", "W", "1"), ("a", "V", "0")),
        corpus.write_copies(tmp_path / "copies" / "b.tsv"),
    ]
    return catalogues, copies


def test_songs_count_that_no_list_leaves_out(files):
    assert songs.counting(*files) == {("W", "0"): "train", ("V", "0"): "test", ("V", "1"): "test"}
    assert songs.members(*files, "test/a") == {("V", "0"), ("V", "1")}


def test_a_copy_in_one_data_set_leaves_out_no_song_of_that_name_in_another(files):
    assert songs.listed(files[1]) == {("a", "W", "1"), ("a", "V", "0")}
    assert songs.members(files[0][:1], files[1][:1], "test") == set()


def test_a_damaged_list_is_named(files):
    path = files[1][0]
    with replacing(path) as temporary:
        temporary.write_text(path.read_text())
    content = path.read_text()
    path.write_text(content[:-1] + "x")
    with pytest.raises(CoversimError, match=r"a\.tsv.*Remedy: delete it"):
        songs.counting(*files)
