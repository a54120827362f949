"""Titles come from a JSON file that may be of any origin."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim import metadata
from coversim.errors import CoversimError
from coversim.metadata import Titles

ENTRY = {
    "work_title": "Yesterday",
    "work_artist": "The Beatles",
    "perf_title": "Ieri",
    "perf_artist": "Ægir Þór & 曲",
    "release_year": "1966",
    "instrumental": "No",
}


def written(tmp_path, content):
    path = tmp_path / "metadata.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_titles_are_found_by_work_and_performance(tmp_path):
    path = written(tmp_path, {"W_1": {"P_1": ENTRY, "P_2": {}}, "W_2": {"P_3": ENTRY | {"perf_title": None}}})
    assert metadata.read(path) == {
        ("W_1", "P_1"): Titles("Yesterday", "The Beatles", "Ieri", "Ægir Þór & 曲"),
        ("W_1", "P_2"): Titles("", "", "", ""),
        ("W_2", "P_3"): Titles("Yesterday", "The Beatles", "", "Ægir Þór & 曲"),
    }


def test_every_title_can_be_written_again(tmp_path):
    path = written(tmp_path, b'{"W_1": {"P_1": {"work_title": "half a \\ud83c pair"}}}')
    assert metadata.read(path)["W_1", "P_1"].work_title == "half a ? pair"


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps({"W_1": {"P_1": ENTRY}}).encode())
    assert ("W_1", "P_1") in metadata.read(path)


@pytest.mark.parametrize("folder", ["da-tacos_metadata", "."])
def test_the_file_is_found_where_the_archives_put_it(tmp_path, folder):
    path = tmp_path / folder / "da-tacos_benchmark_subset_metadata.json"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert metadata.find(tmp_path, "benchmark") == path
    assert metadata.find(tmp_path, "coveranalysis") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>404</html>", "not JSON"),
        (b'{"W_1": {"P_1": {"work_title": "cut', "not JSON"),
        (b'{"W_1": "\xff"}', "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        ([], "the top level is not an object, but list"),
        ({"W_1": [ENTRY]}, "W_1 is not an object, but list"),
        ({"W_1": {"P_1": "Yesterday"}}, "W_1, P_1 is not an object, but str"),
    ],
)
def test_what_is_not_metadata_is_refused_by_name(tmp_path, content, reason):
    with pytest.raises(CoversimError, match=f"metadata.json: {reason}.*Remedy: "):
        metadata.read(written(tmp_path, content))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_gives_titles_or_a_reason(content):
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), content)
        try:
            titles = metadata.read(path)
        except CoversimError:
            titles = {}
    for song in titles.values():
        "".join(song).encode("utf-8")


def test_ten_thousand_levels_are_refused(tmp_path):
    content = b'{"W_1": ' + b'{"P": ' * 10_000 + b"1" + b"}" * 10_001
    with pytest.raises(CoversimError, match="nested too deep"):
        metadata.read(written(tmp_path, content))


def test_a_file_of_a_gigabyte_is_refused_unread(tmp_path):
    path = tmp_path / "metadata.json"
    with path.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(CoversimError, match=r"1,000,000,000 bytes.*Remedy: "):
        metadata.read(path)
