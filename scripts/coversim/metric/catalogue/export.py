"""A catalogue as a table, for a vector database or for pandas."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.parts import Entry, entries_of
from coversim.progress import followed
from coversim.storage import hdf5, parquet


def export(folder: str | os.PathLike, output: Path) -> int:
    """Write all songs, and what is compared of them, as a Parquet table; how many these are.

    Columns: work, performance, title, artist, path, and those of the metric's kind. A part in memory at a time.
    """
    catalogue = Catalogue.load(folder)
    kind = catalogue.metric.kind

    def tables() -> Iterator[pd.DataFrame]:
        for path, songs in followed(catalogue.parts.items(), "parts", len(catalogue.parts)):
            with hdf5.opened(path) as file:
                arrays = kind.read(file, np.arange(songs))
            # Parquet holds UTF-8, and names of files may be none
            names = [
                [text.encode("utf-8", "backslashreplace").decode() for text in entry[:5]]
                for entry in entries_of(path)
            ]
            yield pd.DataFrame(names, columns=Entry._fields[:5]).assign(**kind.columns(arrays))

    parquet.write_parts(output, tables())
    return len(catalogue)
