"""Parquet tables that the workflow itself wrote."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from coversim.errors import CoversimError
from coversim.storage.checksums import check


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table, or some of its columns; a damaged file raises a CoversimError that says which to delete."""
    check(path)
    try:
        return pq.ParquetFile(path).read(columns, use_threads=False)  # pq.read_table takes 50 MB more
    except (pa.ArrowException, OSError) as error:
        raise CoversimError(
            f"{path}: damaged ({error}). Remedy: delete it; the next run makes it anew"
        ) from error
