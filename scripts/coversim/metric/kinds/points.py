"""Songs as points, of one embedding or of several together: the Euclidean distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import h5py
import numpy as np
import torch

from coversim.metric.kinds.kind import FEW, Arrays, Kind, rows_of
from coversim.metric.songs import Song
from coversim.siamese import encoder as encoders
from coversim.storage import hdf5

BLOCK = 2**14  # points that are subtracted at a time: some 20 MB


@dataclass(frozen=True)
class Embedding:
    """A song as one point; `np.asarray` gives it."""

    vector: np.ndarray  # (E,) float32
    sought: np.ndarray  # (any number, E): the smallest distance to another song counts; else the point itself

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.vector, dtype=dtype, copy=copy)


class Points(Kind):
    """Songs as points: the Euclidean distance."""

    in_order = False
    points = "embeddings"

    def sought(self, song: Embedding) -> np.ndarray:
        """Its point at each tempo that songs are sought at."""
        return song.sought

    def distances(self, song: Embedding, others: Arrays) -> np.ndarray:
        """Euclidean, (N,); of the points that the song is sought by, the nearest counts."""
        vectors = others["point"]
        squared = np.empty((len(song.sought), len(vectors)), np.float32)
        for start in range(0, len(vectors), BLOCK):
            block = slice(start, start + BLOCK)
            for place, point in enumerate(song.sought):
                difference = vectors[block] - point
                squared[place, block] = np.einsum("ne,ne->n", difference, difference)
        return np.sqrt(squared.min(axis=0))

    def packed(self, songs: Sequence[Embedding]) -> Arrays:
        """Points (N, E)."""
        return {"point": np.stack([song.vector for song in songs])}

    def write(self, file: h5py.File, arrays: Arrays) -> None:
        """Write what `packed` gives."""
        hdf5.write(file, "point", arrays["point"], rows=FEW)

    def read(self, file: h5py.File, rows: np.ndarray) -> Arrays:
        """Of what `write` wrote some songs, `rows` ascending."""
        return {"point": rows_of(file["point"], rows)}

    def columns(self, arrays: Arrays) -> dict[str, list[np.ndarray]]:
        """`embedding` (E,) float32."""
        return {"embedding": list(arrays["point"])}

    def joined(self, parts: Sequence[Arrays]) -> Arrays:
        """Several packs as one."""
        return {"point": np.concatenate([part["point"] for part in parts])}


class Embeddings(Points):
    """Songs as points, by a Siamese network or a baseline."""

    name = "embedding"

    def __init__(self, model: Mapping[str, Any], query_tempi: Sequence[float] = (), device: str = "cpu"):
        """`model` is what model.pt holds."""
        self.model, self.query_tempi, self.device = model, tuple(query_tempi), torch.device(device)
        self.encoder = encoders.restored(model).to(self.device).eval()
        self.features = tuple(self.encoder.settings["features"])

    def embed(self, song: Song) -> Embedding:
        """At the tempi of the model, and those that songs are sought at."""
        settings = self.encoder.settings
        fft, tempi = settings["fft"], settings["model"]["tempi"]
        frames = torch.from_numpy(song.frames(None if fft["frames"] else fft["rate"], fft["frames"]))
        played = encoders.embed_played(self.encoder, [frames], self.device, [*tempi, *self.query_tempi])
        vector = encoders.mean_embedding([played[tempo] for tempo in tempi]).numpy()
        sought = [played[tempo].numpy() for tempo in self.query_tempi] or [vector]
        return Embedding(vector[0], np.concatenate(sought))

    def content(self) -> dict[str, Any]:
        """The content of model.pt, and the tempi that songs are sought at."""
        return {"model": dict(self.model), "query_tempi": list(self.query_tempi)}

    @classmethod
    def of(cls, content: Mapping[str, Any], device: str = "cpu") -> Self:
        """What `content` says."""
        return cls(content["model"], content["query_tempi"], device)


class Fused(Points):
    """Songs as the points of several embeddings together, each by its scale: see coversim.siamese.fusion."""

    name = "fused"

    def __init__(self, parts: Sequence[Embeddings], scales: Sequence[float]):
        """`scales` are the lengths of 1 in the points of the parts."""
        self.parts, self.scales = tuple(parts), tuple(scales)
        self.features = tuple(dict.fromkeys(feature for part in self.parts for feature in part.features))

    def embed(self, song: Song) -> Embedding:
        """The points of its parts, one after the other; at each tempo that it is sought at."""
        found = [part.embed(song.seen_by(part.features)) for part in self.parts]
        vectors = [one.vector / scale for one, scale in zip(found, self.scales, strict=True)]
        sought = [one.sought / scale for one, scale in zip(found, self.scales, strict=True)]
        tempi = max(map(len, sought))  # a part that is sought by its own point has one
        sought = [np.broadcast_to(points, (tempi, points.shape[1])) for points in sought]
        return Embedding(
            np.concatenate(vectors).astype(np.float32), np.concatenate(sought, axis=1).astype(np.float32)
        )

    def content(self) -> dict[str, Any]:
        """The content of each part, and its scale."""
        return {"parts": [part.content() for part in self.parts], "scales": list(self.scales)}

    @classmethod
    def of(cls, content: Mapping[str, Any], device: str = "cpu") -> Self:
        """What `content` says."""
        parts = [Embeddings(part["model"], part["query_tempi"], device) for part in content["parts"]]
        if len(parts) != len(content["scales"]):
            raise ValueError(f"{len(parts)} parts, {len(content['scales'])} scales")
        return cls(parts, content["scales"])
