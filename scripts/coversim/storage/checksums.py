"""What an output held when it was written: its SHA-256, in a hidden file beside it, as sha256sum writes it."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from coversim.errors import CoversimError

_SUFFIX = ".sha256"


def record_of(path: Path) -> Path:
    """Where the record of the output `path` lies."""
    return path.with_name(f".{path.name}{_SUFFIX}")


def digest(path: Path) -> str:
    """The SHA-256 of what a file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(path: Path, name: str) -> str:
    """The record's text for the content of `path`, under the name that it is going to have."""
    return f"{digest(path)}  {name}\n"


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


def findings(folder: Path, outputs: Iterable[Path], at_work: bool) -> dict[Path, str]:
    """What is found of each of the `outputs` below `folder`, and of each that has a record, by path below `folder`.

    `intact`, `damaged`, `missing` (where a run is `at_work`: `being made`), `without a record`, `not readable (…)`.
    """
    recorded = {
        record.with_name(record.name[1 : -len(_SUFFIX)]).relative_to(folder)
        for record in folder.rglob(f".*{_SUFFIX}")
    }
    return {
        path: _finding(folder / path, path in recorded, at_work) for path in sorted({*recorded, *outputs})
    }


def _finding(path: Path, recorded: bool, at_work: bool) -> str:
    try:
        if not path.exists():
            return "being made" if at_work else "missing"
        if not recorded:
            return "being made" if at_work else "without a record"
        return "intact" if is_intact(path) else "damaged"
    except OSError as error:
        return f"not readable ({error.strerror})"
