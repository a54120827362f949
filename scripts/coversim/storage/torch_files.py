"""Files of weights."""

import io
import os
from typing import Any

import torch

from coversim.storage.atomic import replacing


def save(path: str | os.PathLike, content: Any, recorded: bool = True) -> None:
    """Write a file that torch.load(weights_only=True) reads; it appears at `path` once it is whole.

    It is made in memory: torch tells of a full disk in too many ways.
    """
    memory = io.BytesIO()
    torch.save(content, memory)
    with replacing(path, recorded) as temporary:
        temporary.write_bytes(memory.getbuffer())
