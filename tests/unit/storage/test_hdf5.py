"""HDF5 files of the workflow that cannot be opened."""

import tempfile
from pathlib import Path

import pytest

import corpus
from coversim.errors import CoversimError
from coversim.storage import hdf5


def test_a_file_that_may_not_be_read_is_not_called_damaged():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "0000.h5")
        with hdf5.creating(path):
            pass
        Path(folder).chmod(0o755)
        path.chmod(0)
        with (
            corpus.as_nobody(),
            pytest.raises(CoversimError, match=r"not permitted\. Remedy: make it readable$"),
            hdf5.opened(path),
        ):
            pass
