"""Parquet tables that the workflow itself wrote."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from coversim.errors import CoversimError
from coversim.storage.atomic import replacing
from coversim.storage.checksums import check

if TYPE_CHECKING:
    import pandas as pd  # training reads tables without it


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table, or some of its columns; a damaged file raises a CoversimError that says which to delete."""
    with _opened(path) as file:
        return file.read(columns, use_threads=False)  # pq.read_table takes 50 MB more


def read_parts(path: Path) -> Iterator[pa.Table]:
    """A table as `write_parts` was given it: a part in memory at a time."""
    with _opened(path) as file:
        for part in range(file.num_row_groups):
            yield file.read_row_group(part, use_threads=False)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    check(path)
    try:
        yield pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise CoversimError(
            f"{path}: damaged ({error}). Remedy: delete it; the next run makes it anew"
        ) from error


def write(path: Path, table: "pd.DataFrame") -> None:
    """Write the columns of a table, whole or not at all."""
    with replacing(path) as temporary:
        pq.write_table(_arrow(table), temporary)


def write_parts(path: Path, parts: Iterable["pd.DataFrame"]) -> None:
    """Write tables of the same columns, one in memory at a time, as one; without any, a table without columns."""
    with replacing(path) as temporary:
        tables = map(_arrow, parts)
        first = next(tables, pa.table({}))
        with pq.ParquetWriter(temporary, first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table.cast(first.schema))


def _arrow(table: "pd.DataFrame") -> pa.Table:
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
    kinds = {field.name: field.type for field in arrow.schema}
    schema = [(name, pa.string() if kind == pa.large_string() else kind) for name, kind in kinds.items()]
    return arrow.cast(pa.schema(schema))
