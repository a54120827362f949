"""JSON files that the workflow itself wrote."""

import json
from pathlib import Path
from typing import Any

from coversim.errors import CoversimError
from coversim.storage.atomic import replacing
from coversim.storage.checksums import check


def read(path: Path) -> dict[str, Any]:
    """What the file holds; a damaged one raises a CoversimError that says which to delete."""
    check(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CoversimError(
            f"{path}: not JSON ({error}). Remedy: delete it; the next run makes it anew"
        ) from error


def write(path: Path, content: dict[str, Any]) -> None:
    """Write numbers, texts, lists and dicts of them, whole or not at all; NaN and infinity raise a ValueError."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
