"""How far long work is: on a terminal, in a log, and nowhere else."""

import logging
import re
import sys

import pytest

from coversim import progress
from coversim.progress import followed

LINE = re.compile(r"(\d+)( of 3)? songs, [\d.]+ (a second|s each)(, \d+:\d\d left)?")


def test_the_items_are_those_that_were_given(capsys):
    assert list(followed("abc", "letters")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("items", "of", "known"), [([1, 2, 3], None, True), (iter([1, 2, 3]), 3, True), (iter([1, 2, 3]), None, False)])  # fmt: skip
def test_the_log_has_a_line_now_and_then(items, of, known, caplog, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 0)
    with caplog.at_level(logging.INFO):
        assert list(followed(items, "songs", of)) == [1, 2, 3]
    found = [LINE.fullmatch(message) for message in caplog.messages]
    assert [int(one[1]) for one in found] == [1, 2, 3]
    assert all((one[2] is not None) == (one[4] is not None) == known for one in found)


def test_a_log_has_no_line_of_what_takes_no_time(caplog):
    with caplog.at_level(logging.INFO):
        list(followed(range(1000), "songs"))
    assert caplog.messages == []


def test_on_a_terminal_one_line_is_written_over_and_goes_in_the_end(capsys, caplog, monkeypatch):
    monkeypatch.setattr(progress, "SHOW_EVERY", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with caplog.at_level(logging.INFO):
        list(followed([1, 2, 3], "songs"))
    said = capsys.readouterr().err
    assert "\n" not in said
    assert [int(LINE.search(line)[1]) for line in said.split("\r")[:-1]] == [1, 2, 3]
    assert said.split("\r")[-1] == "\x1b[K"
    assert caplog.messages == []


def test_what_is_half_done_has_as_much_time_left_as_it_took():
    assert progress._said(50, 100, "songs", 3700.0) == "50 of 100 songs, 74.0 s each, 1:01:40 left"
    assert progress._said(1500, 3000, "songs", 150.0) == "1,500 of 3,000 songs, 10.0 a second, 2:30 left"
