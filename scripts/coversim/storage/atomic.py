"""Outputs that are either whole or absent."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coversim.errors import CoversimError
from coversim.storage import checksums
from coversim.storage.fence import Superseded, superseded

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SUFFIX = ".partial"


@contextmanager
def replacing(path: str | os.PathLike, recorded: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its place once the block has ended well.

    The file is forced to disk before the rename, so that not even a power cut leaves half of it; after
    an error it is removed and `path` stays as it was. Each writer has a temporary file of its own, and one whose
    run is over leaves `path` alone (see coversim.storage.fence). What was written is recorded (see coversim.storage.checksums), so
    that damage is found later.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        yield temporary
        _force_to_disk(temporary)
        if superseded():
            raise Superseded
        record = checksums.entry(temporary, path.name) if recorded else None
        checksums.record_of(path).unlink(missing_ok=True)  # no record rather than that of another content
        temporary.replace(path)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise CoversimError(
            f"{path}: {os.strerror(error.errno)}. Remedy: make room on its disk and run again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    if record is None:
        _force_to_disk(path.parent)
    else:
        with replacing(checksums.record_of(path), recorded=False) as temporary:
            temporary.write_text(record, encoding="utf-8")


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left below `folder`; to be called while nobody writes there."""
    for leftover in folder.rglob(f".*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
