"""Titles come from a JSON file that may be of any origin."""

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim.dataset import titles
from coversim.dataset.titles import Titles
from coversim.errors import CoversimError
from peak_memory import peak_of

ENTRY = {
    "work_title": "Yesterday",
    "work_artist": "The Beatles",
    "perf_title": "Ieri",
    "perf_artist": "Ægir Þór & 曲",
    "release_year": "1966",
    "instrumental": "No",
}


def written(tmp_path, content):
    path = tmp_path / "titles.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_titles_are_found_by_work_and_performance(tmp_path):
    path = written(tmp_path, {"W_1": {"P_1": ENTRY, "P_2": {}}, "W_2": {"P_3": ENTRY | {"perf_title": None}}})
    assert titles.read(path) == {
        ("W_1", "P_1"): Titles("Yesterday", "The Beatles", "Ieri", "Ægir Þór & 曲"),
        ("W_2", "P_3"): Titles("Yesterday", "The Beatles", "", "Ægir Þór & 曲"),
    }


def test_every_title_can_be_written_again(tmp_path):
    path = written(tmp_path, b'{"W_1": {"P_1": {"work_title": "half a \\ud83c pair"}}}')
    assert titles.read(path)["W_1", "P_1"].work_title == "half a ? pair"


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps({"W_1": {"P_1": ENTRY}}).encode())
    assert ("W_1", "P_1") in titles.read(path)


@pytest.mark.parametrize("folder", ["da-tacos_metadata", "."])
def test_the_file_is_found_where_the_archives_put_it(tmp_path, folder):
    path = tmp_path / folder / "da-tacos_benchmark_subset_metadata.json"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert titles.find(tmp_path, "benchmark") == path
    assert titles.find(tmp_path, "coveranalysis") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>404</html>", "not JSON"),
        (b'{"W_1": {"P_1": {"work_title": "cut', "not JSON"),
        (b'{"W_1": "\xff"}', "not JSON"),
        (b'{"W_1": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 100_000, "nested too deep"),
        ([], "not JSON of the form {work: {performance: …}} after the start"),
        (b'{"W_1": {}, "W_2"', "not JSON of the form {work: {performance: …}} after W_1"),
        (b'{"W_1": {}} {}', "not JSON"),
        ({"W_1": [ENTRY]}, "W_1 is not an object, but list"),
        ({"W_1": {"P_1": "Yesterday"}}, "W_1, P_1 is not an object, but str"),
    ],
)
def test_what_is_not_metadata_is_refused_by_name(tmp_path, content, reason):
    with pytest.raises(CoversimError, match=f"titles.json: {re.escape(reason)}.*Remedy: fetch"):
        titles.read(written(tmp_path, content))


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(anything)
def test_any_json_gives_titles_or_a_reason(content):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), content)
        try:
            found = titles.read(path)
        except CoversimError:
            found = {}
    for song in found.values():
        "".join(song).encode("utf-8")


@settings(max_examples=50)
@given(
    named=st.dictionaries(st.tuples(st.text(), st.text()), st.text('a曲"\\{}[],:', min_size=1)),
    other=anything,
    indent=st.sampled_from([None, 1]),
    ascii=st.booleans(),
    piece=st.integers(1, 50),
)
def test_the_same_is_found_in_pieces_as_at_once(named, other, indent, ascii, piece):
    works = defaultdict(dict)
    for (work, performance), title in named.items():
        works[work][performance] = {"work_title": title, "other": other}
    text = json.dumps(works, indent=indent, ensure_ascii=ascii)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(titles, "_PIECE", piece)
        found = titles.read(written(Path(folder), text.encode()))
    assert found == {song: Titles(title, "", "", "") for song, title in named.items()}


@pytest.mark.parametrize(
    "content",
    [
        'b"[" + b"{}," * 21_000_000',
        """b'{"W_1": {' + b",".join(b'"%d":{}' % i for i in range(5_000_000)) + b"}}\"""",
        """b'{"W_1": [' + b'{"a":{}},' * 7_000_000""",
        """b"{" + b",".join(b'"%d":{"":{}}' % i for i in range(3_500_000)) + b"}\"""",
    ],
    ids=["list", "work", "list in work", "songs"],
)
def test_64_megabytes_of_empty_objects_take_no_more_than_300(tmp_path, content):
    path = tmp_path / "titles.json"
    make = f"import pathlib; pathlib.Path({str(path)!r}).write_bytes({content})"
    subprocess.run([sys.executable, "-c", make], check=True)
    program = f"""
from contextlib import suppress
from coversim import errors
from coversim.dataset import titles
with suppress(errors.CoversimError):
    titles.read({str(path)!r})
"""
    assert peak_of(program) < 300_000


def test_ten_thousand_levels_are_refused(tmp_path):
    content = b'{"W_1": ' + b'{"P": ' * 10_000 + b"1" + b"}" * 10_001
    with pytest.raises(CoversimError, match="nested too deep"):
        titles.read(written(tmp_path, content))


def test_a_file_of_a_gigabyte_is_refused_unread(tmp_path):
    path = tmp_path / "titles.json"
    with path.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(CoversimError, match=r"1,000,000,000 bytes.*Remedy: "):
        titles.read(path)
