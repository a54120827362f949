"""Tables hold the names of folders and files, which may be any bytes but a slash and a zero."""

import os
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from coversim.features.shard import listed
from coversim.report.inputs import read_table
from coversim.storage import tsv

COLUMNS = ("dataset", "feature", "work", "performance", "path", "reason", "remedy")

names = st.binary(min_size=1).map(lambda name: os.fsdecode(name.replace(b"/", b"").replace(b"\0", b"")))


@given(rows=st.lists(st.tuples(*[names] * len(COLUMNS)), max_size=5))
@example(rows=[("a\rb", "\r", "\n", "\r\n", "\t", '"', "\udcff")])
def test_every_reader_of_a_table_finds_the_names_that_were_written(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.tsv")
        path.write_text(tsv.text(COLUMNS, rows), encoding="utf-8", errors="surrogateescape")
        expected = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        assert tsv.read(path) == expected
        assert read_table(path).to_dict("records") == expected
        assert list(listed(path)) == [(row["work"], row["performance"], row["path"]) for row in expected]


def test_cells_without_odd_characters_are_plain_text():
    assert tsv.text(("work", "path"), [("W 1", "it's/P,1.h5"), ("a\rb", "")]) == (
        'work\tpath\nW 1\tit\'s/P,1.h5\n"a\rb"\t\n'
    )
