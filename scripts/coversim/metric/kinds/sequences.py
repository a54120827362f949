"""Songs as sequences of small vectors, matched in order: see coversim.sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import h5py
import numpy as np
import torch

from coversim.metric.kinds.kind import FEW, Arrays, Kind, rows_of
from coversim.metric.kinds.points import Embedding, Embeddings
from coversim.metric.songs import Song
from coversim.storage import hdf5

if TYPE_CHECKING:
    from coversim.sequences import storage
    from coversim.sequences.projection import PatchEncoder

TOGETHER = 1024  # vectors of a sequence that are read at a time, 32 kB: nine minutes


@dataclass(frozen=True)
class SongSequence:
    """A song as vectors in order."""

    vectors: np.ndarray  # (L, half) uint8, see coversim.sequences.matching.stored
    profiles: np.ndarray  # (sections, C, 12) float32
    hubness: float
    point: Embedding  # by which it is found, before it is matched


class Sequences(Kind):
    """Songs as sequences of small vectors, matched in order: see coversim.sequences."""

    name = "sequence"
    in_order = True

    def __init__(
        self,
        features: Sequence[str],
        projection: "PatchEncoder",
        probes: Arrays | None = None,
        refine: int = 0,
        double_tempo: str = "none",
        first_step: Embeddings | None = None,
    ):
        """`probes`, songs to learn from as `packed` gives them, tell what is a hub; None: nothing is.

        `refine`: others are compared at half the rate, and the nearest of them, so many, again; 0: all as they are.
        `double_tempo`: each of two songs is compared at twice its tempo, too: "all" songs, the "nearest" alone, or "none";
        for linear projections.
        `first_step`: embeds songs of the same features, and finds those that are matched; None: outlines of the
        sequences do.
        """
        self.features, self.probes, self.refine = tuple(features), probes, refine
        self.projection, self.double_tempo = projection, double_tempo
        if first_step and first_step.features != self.features:
            raise ValueError(f"songs are matched by {self.features}, and found by {first_step.features}")
        if probes is not None:
            self._check(probes["offset"], probes["profile"], probes["vector"])
        self.first_step = first_step
        self.points = "embeddings" if first_step else "outlines"

    @cached_property
    def _doubling(self) -> np.ndarray | None:
        from coversim.sequences.projection import Projection
        from coversim.sequences.tempo import doubling

        if self.double_tempo == "none":
            return None
        if not isinstance(self.projection, Projection):
            raise TypeError("a network does not know songs at twice their tempo")
        return doubling(self.projection)

    def embed(self, song: Song) -> SongSequence:
        """Its vectors, the mean chroma of its sections, and how near it is to the probes."""
        from coversim.sequences import distances, patches
        from coversim.sequences.matching import stored
        from coversim.sequences.songs import likenesses

        frames = song.frames(patches.RATE)
        vectors = stored(self.projection(patches.patches(frames)))
        point = self.first_step.embed(song) if self.first_step else self._outline(vectors)
        found = SongSequence(vectors, patches.profiles(frames), 0.0, point)
        if self.probes is None:
            return found
        alike = likenesses(_named(found), self._named(self.probes))
        return replace(found, hubness=distances.hubness(alike))

    def sought(self, song: SongSequence) -> np.ndarray:
        """Its point in the first step, or its points at several tempi."""
        return song.point.sought

    def _outline(self, vectors: np.ndarray) -> Embedding:
        from coversim.sequences.matching import restored
        from coversim.sequences.outline import outline

        found = outline(restored(vectors, self.projection.size), self.projection.orders)
        return Embedding(found, found[None])

    def distances(self, song: SongSequence, others: Arrays) -> np.ndarray:
        """(N,), see coversim.sequences.distances."""
        if not self.refine or len(others["offset"]) - 1 <= self.refine:
            return self._distances(song, others, self._doubling)
        by = self._doubling if self.double_tempo == "all" else None
        found = self._distances(song, others, by, half_rate=True)
        nearest = np.sort(np.argsort(found, kind="stable")[: self.refine])
        found[nearest] = self._distances(song, self.read(others, nearest), self._doubling)
        return found

    def _distances(
        self, song: SongSequence, others: Arrays, by: np.ndarray | None, half_rate: bool = False
    ) -> np.ndarray:
        from coversim.sequences.tempo import at_tempi, distances

        [at_its_tempi], others_at = at_tempi([_named(song)], self._named(others), by, half_rate)
        return distances(at_its_tempi, others_at)

    def _named(self, songs: Arrays) -> "storage.Sequences":
        from coversim.sequences import storage

        names = np.full(len(songs["offset"]) - 1, "")
        hubness = songs.get("hubness", np.zeros(len(names)))
        numbers = songs["offset"], songs["vector"], songs["profile"], hubness
        return storage.Sequences(names, names, names, *numbers, self.projection.orders)

    def packed(self, songs: Sequence[SongSequence]) -> Arrays:
        """Points; vectors one after the other, whose they are by `offset`; profiles, as many as the length says."""
        return {
            "point": np.stack([song.point.vector for song in songs]),
            "offset": np.cumsum([0, *(len(song.vectors) for song in songs)]),
            "vector": np.concatenate([song.vectors for song in songs]),
            "profile": np.concatenate([song.profiles for song in songs]),
            "hubness": np.array([song.hubness for song in songs]),
        }

    def write(self, file: h5py.File, arrays: Arrays) -> None:
        """Write what `packed` gives."""
        for name, array in arrays.items():
            hdf5.write(file, name, array, rows={"vector": TOGETHER, "point": FEW}.get(name))

    def read(self, file: h5py.File | Arrays, rows: np.ndarray) -> Arrays:
        """Of what `write` wrote, or `packed` gives, some songs, `rows` ascending."""
        from coversim.sequences.patches import section_counts

        offsets, profiles, vectors = file["offset"][:], file["profile"][:], file["vector"]
        self._check(offsets, profiles, vectors)
        lengths = np.diff(offsets)
        sections = np.cumsum([0, *section_counts(lengths)])
        return {
            "point": rows_of(file["point"], rows),
            "offset": np.cumsum([0, *lengths[rows]]),
            "vector": np.concatenate([vectors[offsets[row] : offsets[row + 1]] for row in rows]),
            "profile": np.concatenate([profiles[sections[row] : sections[row + 1]] for row in rows]),
            "hubness": file["hubness"][:][rows],
        }

    def _check(self, offsets: np.ndarray, profiles: np.ndarray, vectors: np.ndarray | h5py.Dataset) -> None:
        """Raise ValueError for what compiled code would misunderstand: a file may come from anywhere."""
        from coversim.sequences.matching import check_stored
        from coversim.sequences.patches import section_counts

        check_stored(vectors, offsets, self.projection.size)
        sections = int(section_counts(np.diff(offsets)).sum())
        if profiles.shape != (sections, len(self.features), 12):
            raise ValueError(f"profiles of shape {profiles.shape}; the songs have {sections} sections")

    def columns(self, arrays: Arrays) -> dict[str, list[np.ndarray]]:
        """`embedding` or `outline` (E,) float32, by which it is found, and `vectors` (L * size,) int8: one after the
        other, as multiples of a step.
        """
        from coversim.sequences.matching import levels

        vectors = np.split(levels(arrays["vector"], self.projection.size), arrays["offset"][1:-1])
        found_by = "embedding" if self.first_step else "outline"
        return {found_by: list(arrays["point"]), "vectors": [song.ravel() for song in vectors]}

    def joined(self, parts: Sequence[Arrays]) -> Arrays:
        """Several packs as one."""
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        lengths = np.concatenate([np.diff(part["offset"]) for part in parts])
        return joined | {"offset": np.cumsum([0, *lengths])}

    def content(self) -> dict[str, Any]:
        """Features, projection or network, how songs are found and compared, and probes."""
        return {
            "features": list(self.features),
            "first_step": self.first_step and self.first_step.content(),
            "refine": self.refine,
            "double_tempo": self.double_tempo,
            **{name: torch.from_numpy(array) for name, array in self.projection.arrays().items()},
            "probes": self.probes and {name: torch.from_numpy(array) for name, array in self.probes.items()},
        }

    @classmethod
    def of(cls, content: Mapping[str, Any], device: str = "cpu") -> Self:
        """What `content` says; only the first step, if it is a network, is computed on `device`."""
        from coversim.sequences.network import of_arrays

        probes = content["probes"] and {name: tensor.numpy() for name, tensor in content["probes"].items()}
        arrays = {name: value.numpy() for name, value in content.items() if isinstance(value, torch.Tensor)}
        first_step = content["first_step"]
        return cls(
            content["features"],
            of_arrays(arrays),
            probes,
            content["refine"],
            content["double_tempo"],
            first_step and Embeddings.of(first_step, device),
        )


def _named(song: SongSequence) -> "storage.StoredSequence":
    from coversim.sequences import storage

    return storage.StoredSequence("", "", "", song.vectors, song.profiles, song.hubness)
