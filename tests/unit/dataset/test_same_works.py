"""Works that are known under another name."""

import re

import pytest

from coversim.dataset.da_tacos import SongFiles
from coversim.dataset.same_works import chains, read, renamed
from coversim.errors import CoversimError


def table(tmp_path, *lines):
    path = tmp_path / "same.tsv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_the_songs_of_a_work_become_songs_of_its_other_name(tmp_path, caplog):
    names = read(table(tmp_path, "work\tsame_as", "W_2\tW_1", "W_9\tW_1"))
    songs = [SongFiles("W_1", "0", {}), SongFiles("W_2", "0", {}), SongFiles("W_3", "0", {})]
    found = renamed(songs, names)
    assert [song[:2] for song in found] == [("W_1", "0"), ("W_1", "W_2/0"), ("W_3", "0")]
    assert "1 works that are not there, such as W_9" in caplog.text


def test_an_empty_table_renames_nothing(tmp_path):
    assert read(table(tmp_path, "work\tsame_as")) == {}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a\tb", "W_1\tW_2"], "a row without work and same_as"),
        (["work,same_as", "W_1,W_2"], "put tabs between them"),
        (["work\tsame_as", "W_1"], "fill both"),
        (["work\tsame_as", "W_1\tW_2", "W_1\tW_3"], "W_1 is given twice"),
        (["work\tsame_as", "W_1\tW_2", "W_2\tW_3"], "W_2, which is itself the same as W_3"),
        (["work\tsame_as", "W_1\tW_1"], "W_1, which is itself the same as W_1"),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused(tmp_path, lines, message):
    path = table(tmp_path, *lines)
    with pytest.raises(CoversimError, match=f"^{re.escape(str(path))}: .*{message}|{message}") as error:
        read(path)
    assert "Remedy: " in str(error.value)
    assert str(path) in str(error.value)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CoversimError, match=r"none\.tsv: No such file .*Remedy: set same_works"):
        read(tmp_path / "none.tsv")


def test_a_table_may_begin_as_spreadsheets_write_it(tmp_path):
    assert read(table(tmp_path, "\ufeffwork\tsame_as", "W_2\tW_1")) == {"W_2": "W_1"}


def test_a_name_that_another_table_replaces_is_refused():
    ours, theirs = {"W_1": "M_1", "W_2": "M_2"}, {"M_1": "N_1"}
    [said] = chains({"datasets.a.same_works": ours, "datasets.b.same_works": theirs})
    assert said.startswith(
        "datasets.a.same_works: W_1 is the same as M_1, which datasets.b.same_works calls N_1."
    )
    assert chains({"datasets.a.same_works": ours, "datasets.b.same_works": {"M_3": "M_1"}}) == []
