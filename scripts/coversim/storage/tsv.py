"""Tab-separated tables with a row of column names; odd characters are quoted, so that any file name survives.

By csv and not by pandas: the Snakefile writes the catalogue, and light jobs read it.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace


def read(path: Path) -> list[dict[str, str]]:
    """Rows, keyed by column."""
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def text(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as text; written with errors="surrogateescape" it holds names that are not UTF-8 too."""
    lines: list[str] = []
    # csv quotes no line ends but the characters of its own: with both it quotes both, and the tables keep one
    take = SimpleNamespace(write=lambda line: lines.append(line.removesuffix("\r\n") + "\n"))
    writer = csv.writer(take, dialect="excel-tab", lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return "".join(lines)
