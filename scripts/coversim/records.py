"""What an output held when it was written: its SHA-256, in a hidden file beside it, as sha256sum writes it."""

import hashlib
import os
from pathlib import Path

from coversim.errors import CoversimError

_SUFFIX = ".sha256"


def record_of(path: Path) -> Path:
    """Where the record of the output `path` lies."""
    return path.with_name(f".{path.name}{_SUFFIX}")


def entry(path: Path, name: str) -> str:
    """The record's text for the content of `path`, under the name that it is going to have."""
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n"


def is_intact(path: str | os.PathLike) -> bool:
    """Whether `path` holds what was written there; true where nothing was recorded."""
    path = Path(path)
    try:
        recorded = record_of(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return recorded == entry(path, path.name)


def check(path: str | os.PathLike) -> None:
    """Raise CoversimError unless `path` holds what was written there: for readers that would not notice."""
    if not is_intact(path):
        raise CoversimError(
            f"{path}: damaged, it does not hold what was written there. "
            "Remedy: delete it; the next run makes it anew"
        )


def damages(folder: Path) -> tuple[int, list[tuple[Path, str]]]:
    """How many outputs below `folder` have a record, and which do not match it: path and what is wrong."""
    records = sorted(folder.rglob(f".*{_SUFFIX}"))
    outputs = [record.with_name(record.name[1 : -len(_SUFFIX)]) for record in records]
    return len(outputs), [(path, wrong) for path in outputs if (wrong := _what_is_wrong(path))]


def _what_is_wrong(path: Path) -> str:
    try:
        return "" if is_intact(path) else "damaged"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"not readable ({error.strerror})"
