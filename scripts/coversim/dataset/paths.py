"""Links may lead anywhere; a data set's files are read from inside it only."""

import os


def is_inside(root: str, path: str | os.PathLike) -> bool:
    """Whether `path`, its links followed, lies below `root`, which is absolute and without links."""
    return os.path.commonpath([root, os.path.realpath(path)]) == root
