"""The Siamese network's one encoder: the frames of a song become a point, near those of its covers."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from coversim.errors import CoversimError
from coversim.features.patches import at_tempo, pad, representation
from coversim.features.pca import Projection
from coversim.siamese.kinds import KINDS
from coversim.siamese.networks import NETWORKS, Whitened, mean
from coversim.storage import torch_files
from coversim.storage.checksums import check

BLOCK = 2**17  # frames of songs that are played at other tempi at a time: 128 songs of four minutes at 4 Hz
TOGETHER = 2**13  # frames that are embedded at a time: eight songs of four minutes at 4 Hz

Item = TypeVar("Item")


class Encoder(nn.Module):
    """Frames → patches → PCA → network → embedding.

    With `model.linear` w above 0 the embedding has two parts: the whitened mean patch, of weight w in a squared
    distance, and what the network learned, of weight 1. However few works it learned from, that much of a distance
    stays that of its input. The motif network sees windows of the frames themselves, since it needs the pitch
    classes.

    Parameters
    ----------
    settings : dict
        An experiment's resolved settings (features, fft, representation, pca, model; others are not read).
    projection : Projection or None
        The PCA of the training songs' patches; None leaves patches as they are.
    """

    def __init__(self, settings: dict, projection: Projection | None):
        super().__init__()
        self.settings = {key: settings[key] for key in ("features", "fft", "representation", "pca", "model")}
        self.patches = representation(settings)
        if projection and projection.mean.size != self.patches.size:
            raise CoversimError(
                f"the PCA is of patches of {projection.mean.size} values, the representation gives "
                f"{self.patches.size}. Remedy: delete the pca folder of the results and run again"
            )
        self.pca = PCA(projection, settings["pca"]["whiten"]) if projection else None
        size = len(projection.components) if projection else self.patches.size
        model, fourier = settings["model"], settings["representation"]["kind"] == "fourier"
        self.kind = KINDS[model["kind"]]
        self.weight = model["linear"] if fourier and "linear" in self.kind.reads else 0.0
        self.linear = Whitened(size, model) if self.weight else None
        self.windows = None
        if fourier and self.kind.own_windows:
            own = {"kind": "frames", "seconds": [model["seconds"]], "hop": model["hop"], "power": 0.0}
            self.windows = representation(
                {**settings, "representation": own | {"sharpness": model["sharpness"]}}
            )
            size = self.windows.size
        self.network = NETWORKS[model["kind"]](size, model)

    def forward(self, frames: Tensor, lengths: Tensor, linear: Tensor | None = None) -> Tensor:
        """Embeddings (B, E) of songs whose frames (B, C, 12, T) are padded beyond `lengths` (B,).

        `linear` (B, K) holds their linear parts where they are known already: training does not change them.
        """
        seen, linear = self.inputs(frames, lengths, linear)
        return self.joined(self.network(*seen), linear)

    def inputs(
        self, frames: Tensor, lengths: Tensor, linear: Tensor | None = None
    ) -> tuple[tuple[Tensor, Tensor], Tensor | None]:
        """What the network sees of songs, with its mask: their patches, or windows of its own. And their linear parts."""
        if self.windows and (linear is not None or self.linear is None):
            return self.windows(frames, lengths), linear
        patches = self.project(frames, lengths)
        if self.linear and linear is None:
            linear = self.linear(*patches)
        return self.windows(frames, lengths) if self.windows else patches, linear

    def joined(self, learned: Tensor, linear: Tensor | None) -> Tensor:
        """Embeddings (B, E) of what the network says (B, L), and of the linear parts (B, K) where there are any."""
        if linear is None:
            return learned
        return torch.cat((math.sqrt(self.weight) * linear, learned), dim=1) / math.sqrt(1 + self.weight)

    @torch.no_grad()
    def project(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, P, ..., K) after the PCA, and their mask (B, P).

        Where only their mean counts, it is a song's one patch: the PCA of a mean is the mean after the PCA, in less time.
        """
        patches, mask = self.patches(frames, lengths)
        if self.kind.mean or self.windows:
            patches, mask = mean(patches, mask)[:, None], mask[:, :1]
        return self.pca(patches) if self.pca else patches, mask


class PCA(nn.Module):
    """A fitted projection; whitening gives every component unit variance."""

    def __init__(self, projection: Projection, whiten: bool):
        super().__init__()
        scale = projection.variance**-0.5 if whiten else 1.0
        self.mean: Tensor
        self.matrix: Tensor
        for name, array in (("mean", projection.mean), ("matrix", projection.components.T * scale)):
            self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)
        self.projection = projection

    def forward(self, patches: Tensor) -> Tensor:
        """(..., D) → (..., K)."""
        return (patches - self.mean) @ self.matrix


def save(path: Path | str, encoder: Encoder, digest: str, epoch: int | None = None) -> None:
    """Write all that `load` needs; `digest` says what the encoder was trained on, `epoch` which epoch was kept.

    Epoch 0 is the untrained network; None stands for what is not trained by epochs.
    """
    projection = encoder.pca and {
        name: torch.from_numpy(array).contiguous() for name, array in vars(encoder.pca.projection).items()
    }
    content = {
        "settings": json.dumps(encoder.settings, sort_keys=True),
        "projection": projection,
        "linear": encoder.linear and encoder.linear.state_dict(),
        "network": encoder.network.state_dict(),
        "digest": digest,
        "epoch": epoch,
    }
    torch_files.save(path, content)


def load(path: Path | str, device: torch.device | str = "cpu") -> Encoder:
    """The encoder that `save` wrote, ready to embed songs."""
    content = content_of(path)
    try:
        return restored(content).to(device).eval()
    except Exception as error:  # what does not fit raises all sorts of errors
        raise _unreadable(path) from error


def content_of(path: Path | str) -> dict[str, Any]:
    """What `save` wrote, as it stands there."""
    check(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises all sorts of errors on a damaged file
        raise _unreadable(path) from error


def _unreadable(path: Path | str) -> CoversimError:
    return CoversimError(f"{path}: not a readable model. Remedy: delete it; the next run trains it anew")


def restored(content: Mapping[str, Any]) -> Encoder:
    """The encoder of which `save` wrote this content."""
    projection = content["projection"] and Projection(
        **{name: tensor.numpy() for name, tensor in content["projection"].items()}
    )
    encoder = Encoder(json.loads(content["settings"]), projection)
    encoder.network.load_state_dict(content["network"])
    if encoder.linear:
        encoder.linear.load_state_dict(content["linear"])
    return encoder


def embed(
    encoder: Encoder,
    songs: Sequence[Tensor],
    device: torch.device,
    tempi: Sequence[float] = (1.0,),
    linear: Mapping[float, Tensor] | None = None,
) -> Tensor:
    """Embeddings (N, E), on the CPU, of songs (C, 12, T_i).

    With several `tempi` a song's embedding is the mean of those of the song played at each, at unit length:
    versions whose tempi differ then overlap. `linear`: their `linear_parts` at each, where they are known.
    """
    played = embed_played(encoder, songs, device, tempi, linear)
    return mean_embedding([played[tempo] for tempo in tempi])


def embed_played(
    encoder: Encoder,
    songs: Sequence[Tensor],
    device: torch.device,
    tempi: Iterable[float],
    linear: Mapping[float, Tensor] | None = None,
) -> dict[float, Tensor]:
    """Embeddings (N, E), on the CPU, of songs (C, 12, T_i) played at each of the tempi."""
    encoder.eval()
    return {
        tempo: _embed(
            encoder, [at_tempo(song, tempo) for song in songs], device, linear[tempo] if linear else None
        )
        for tempo in dict.fromkeys(tempi)
    }


def linear_parts(
    encoder: Encoder, songs: Sequence[Tensor], device: torch.device, tempi: Iterable[float]
) -> dict[float, Tensor] | None:
    """The linear parts (N, K), on the CPU, of songs (C, 12, T_i) played at each of the tempi; None where there are none."""
    if encoder.linear is None:
        return None
    settings, pca = encoder.settings, encoder.pca
    whitened = settings | {"model": settings["model"] | {"kind": "whitened"}}
    alone = Encoder(whitened, pca.projection if pca else None).to(device)
    alone.network = encoder.linear
    return embed_played(alone, songs, device, tempi)


def mean_embedding(played: list[Tensor]) -> Tensor:
    """Of embeddings (N, E) of the same songs, their mean at unit length; a single one as it is."""
    return normalize(torch.stack(played).mean(dim=0), dim=1) if len(played) > 1 else played[0]


def in_batches(songs: Iterable[Item], length: Callable[[Item], int], frames: int) -> Iterator[list[Item]]:
    """The songs in their order, so many at a time that they have at most so many frames, filled up to the longest.

    A song that has more is alone.
    """
    batch: list[Item] = []
    longest = 0
    for song in songs:
        longest = max(longest, length(song))
        if batch and longest * (len(batch) + 1) > frames:
            yield batch
            batch, longest = [], length(song)
        batch.append(song)
    if batch:
        yield batch


@torch.no_grad()
def _embed(
    encoder: Encoder, songs: Sequence[Tensor], device: torch.device, linear: Tensor | None = None
) -> Tensor:
    """Embeddings of songs in their order; songs of like length go together, the longest first.

    What follows then fits into the memory that the longest have left.
    """
    order = sorted(range(len(songs)), key=lambda song: -songs[song].shape[-1])
    parts = []
    for batch in in_batches(order, lambda song: songs[song].shape[-1], TOGETHER):
        frames, lengths = pad([songs[song] for song in batch])
        known = None if linear is None else linear[batch].to(device)
        parts.append(encoder(frames.to(device), lengths.to(device), known).cpu())
    embeddings = torch.cat(parts) if parts else torch.zeros(0, 0)
    return embeddings[torch.tensor(order, dtype=torch.long).argsort()]
