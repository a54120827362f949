"""Tab-separated tables with a row of column names; odd characters are quoted, so that any file name survives."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    """Rows, keyed by column."""
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def text(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as text; written with errors="surrogateescape" it holds names that are not UTF-8 too."""
    table = io.StringIO()
    writer = csv.writer(table, dialect="excel-tab", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return table.getvalue()
