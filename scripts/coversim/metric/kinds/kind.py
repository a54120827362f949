"""What a metric needs of its kind: what it makes of a song, how far two of that are apart, and how it is written."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import h5py
import numpy as np

from coversim.metric.songs import Song

FEW = 64  # points that are read at a time

Arrays = dict[str, np.ndarray]


class Kind(ABC):
    """What a metric needs of its kind."""

    name: ClassVar[str]
    in_order: ClassVar[bool]
    """Whether the points of songs but find candidates, which are then matched in order."""
    points: str
    """What its points are, in words."""
    features: tuple[str, ...]

    @abstractmethod
    def embed(self, song: Song) -> Any:
        """What is compared of a song."""

    @abstractmethod
    def sought(self, song: Any) -> np.ndarray:
        """The points (any number, E) by which a song is sought among the points of others."""

    @abstractmethod
    def distances(self, song: Any, others: Arrays) -> np.ndarray:
        """The distances (N,) of a song, as `embed` gives it, to N others, as `packed` gives them."""

    @abstractmethod
    def packed(self, songs: Sequence[Any]) -> Arrays:
        """Songs as arrays, which a catalogue keeps; `point` (N, E) float32 among them."""

    @abstractmethod
    def write(self, file: h5py.File, arrays: Arrays) -> None:
        """Write what `packed` gives."""

    @abstractmethod
    def read(self, file: h5py.File, rows: np.ndarray) -> Arrays:
        """Of what `write` wrote some songs, `rows` ascending."""

    @abstractmethod
    def columns(self, arrays: Arrays) -> dict[str, list[np.ndarray]]:
        """What `packed` gives as columns of a table, which has a row for each song."""

    @abstractmethod
    def joined(self, parts: Sequence[Arrays]) -> Arrays:
        """Several packs as one."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """What a metric's file holds of it: numbers, strings and tensors."""

    @classmethod
    @abstractmethod
    def of(cls, content: Mapping[str, Any], device: str = "cpu") -> Self:
        """What `content` says."""


def rows_of(dataset: h5py.Dataset | np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some rows, ascending, without reading all of the others; HDF5 is slow to pick many."""
    return dataset[rows] if len(rows) < FEW else dataset[:][rows]
