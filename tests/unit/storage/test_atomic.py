"""Outputs are either whole or absent."""

import errno
import os

import pytest

from coversim.errors import CoversimError
from coversim.storage.atomic import replacing


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_the_output_appears_once_it_is_whole(tmp_path):
    output = tmp_path / "folder" / "output"
    with replacing(output) as temporary:
        temporary.write_text("half")
        assert not output.exists()
        temporary.write_text("whole")
    assert output.read_text() == "whole"
    assert sorted(names(output.parent)) == [".output.sha256", "output"]


def test_after_an_error_the_old_output_stands_and_nothing_else_is_left(tmp_path):
    output = tmp_path / "output"
    output.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(output) as temporary:
        print(temporary.write_text("new") / 0)
    assert output.read_text() == "old"
    assert names(tmp_path) == ["output"]


def test_of_two_writers_at_once_the_later_wins_whole(tmp_path):
    output = tmp_path / "output"
    with replacing(output) as first:
        first.write_text("first")
        with replacing(output) as second:
            second.write_text("second")
    assert output.read_text() == "first"
    assert sorted(names(tmp_path)) == [".output.sha256", "output"]


def test_the_output_is_as_readable_as_any_other_file(tmp_path):
    with replacing(tmp_path / "output") as temporary:
        temporary.write_text("")
    (tmp_path / "other").write_text("")
    assert (tmp_path / "output").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_full_disk_is_named_with_the_remedy(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    refused = pytest.raises(CoversimError, match=r"output: No space left on device\. Remedy: make room")
    with refused, replacing(tmp_path / "output"):
        raise full
    assert names(tmp_path) == []
