"""The Siamese network's one encoder: the frames of a song become a point, near those of its covers."""

import json
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from coversim.atomic import replacing
from coversim.errors import CoversimError
from coversim.moments import Projection
from coversim.patches import PITCH_CLASSES, pad, representation

AT_A_TIME = 32  # songs


class Encoder(nn.Module):
    """Frames → patches → PCA → network → embedding.

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
        self.pca = PCA(projection, settings["pca"]["whiten"]) if projection else None
        size = len(projection.components) if projection else self.patches.size
        if projection and projection.mean.size != self.patches.size:
            raise CoversimError(
                f"the PCA is of patches of {projection.mean.size} values, the representation gives "
                f"{self.patches.size}. Remedy: delete the pca folder of the results and run again"
            )
        self.network = NETWORKS[settings["model"]["kind"]](size, settings["model"])

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings (B, E) of songs whose frames (B, C, 12, T) are padded beyond `lengths` (B,)."""
        return self.network(*self.project(frames, lengths))

    @torch.no_grad()
    def project(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What the network sees: patches (B, P, ..., K) after the PCA, and their mask (B, P).

        Made a few songs at a time: the windows overlap, and take ten times the memory of what they become.
        """
        parts = []
        for some in zip(frames.split(AT_A_TIME), lengths.split(AT_A_TIME), strict=True):
            patches, mask = self.patches(*some)
            parts.append((self.pca(patches) if self.pca else patches, mask))
        patches, mask = map(torch.cat, zip(*parts, strict=True))
        return patches, mask


class PCA(nn.Module):
    """A fitted projection; whitening gives every component unit variance."""

    def __init__(self, projection: Projection, whiten: bool):
        super().__init__()
        scale = projection.variance**-0.5 if whiten else 1.0
        for name, array in (("mean", projection.mean), ("matrix", projection.components.T * scale)):
            self.register_buffer(name, torch.from_numpy(array).float(), persistent=False)
        self.projection = projection

    def forward(self, patches: Tensor) -> Tensor:
        """(..., D) → (..., K)."""
        return (patches - self.mean) @ self.matrix


class Mean(nn.Module):
    """The mean patch, at unit length: Euclidean distance then orders songs as cosine distance does."""

    def __init__(self, size: int, settings: dict):
        super().__init__()

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        total = (patches * mask[..., None]).sum(dim=1)
        return nn.functional.normalize(total / mask.sum(dim=1, keepdim=True), dim=1)


class Median(nn.Module):
    """The median of the patches, each value by itself, at unit length (Bertin-Mahieux & Ellis, 2012)."""

    def __init__(self, size: int, settings: dict):
        super().__init__()

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        ordered = patches.masked_fill(~mask[..., None], torch.inf).sort(dim=1).values
        count = mask.sum(dim=1)
        song = torch.arange(len(patches), device=patches.device)
        median = (ordered[song, (count - 1) // 2] + ordered[song, count // 2]) / 2
        return nn.functional.normalize(median, dim=1)


class AttentionPooling(nn.Module):
    """A weighted mean over the patches of a song; the weights are learned, and zero where there is no patch."""

    def __init__(self, channels: int):
        super().__init__()
        self.score = nn.Linear(channels, 1)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        weights = self.score(patches).masked_fill(~mask[..., None], -torch.inf).softmax(dim=1)
        return (weights * patches).sum(dim=1)


class Convolution(nn.Module):
    """Convolutions along the patches of a song, attention pooling over them, and a linear layer.

    Each layer normalises every patch by itself, so that neither padding nor other songs matter.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        channels, kernel = settings["channels"], settings["kernel"]
        inputs = [size] + [channels] * (settings["layers"] - 1)
        self.convolutions = nn.ModuleList(nn.Conv1d(n, channels, kernel, padding="same") for n in inputs)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in inputs)
        self.dropout = nn.Dropout(settings["dropout"])
        self.pool = AttentionPooling(channels)
        self.linear = nn.Linear(channels, settings["embedding"])

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, E), each embedding at unit length."""
        return nn.functional.normalize(self.unbounded(patches, mask), dim=1)

    def unbounded(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, E), of any length."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            patches = patches * mask[..., None]
            patches = norm(convolution(patches.transpose(1, 2)).transpose(1, 2))
            patches = self.dropout(torch.relu(patches))
        return self.linear(self.pool(patches, mask))


class Residual(nn.Module):
    """The untrained mean patch plus what a network learned, which starts at zero and stays below a bound.

    Training thus starts from the untrained baseline and departs from it only so far: few works, or music
    from elsewhere, cannot make it much worse than its input.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        self.mean = Mean(size, settings)
        self.learned = Convolution(size, settings | {"embedding": size})
        self.bound = settings["bound"]
        nn.init.zeros_(self.learned.linear.weight)
        nn.init.zeros_(self.learned.linear.bias)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        step = self.learned.unbounded(patches, mask)
        length = (step.square().sum(dim=1, keepdim=True) + self.bound**2).sqrt()
        return self.mean(patches, mask) + self.bound * step / length


class Brief(nn.Module):
    """The original brief: a small convolutional network along the one PCA vector of a song."""

    def __init__(self, size: int, settings: dict):
        super().__init__()
        channels, kernel = settings["channels"], settings["kernel"]
        self.layers = nn.Sequential(
            nn.Conv1d(1, channels, kernel, padding="same"),
            nn.ReLU(),
            nn.MaxPool1d(2, ceil_mode=True),
            nn.Conv1d(channels, 2 * channels, kernel, padding="same"),
            nn.ReLU(),
            nn.MaxPool1d(2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(2 * channels * ((size + 3) // 4), settings["embedding"]),
        )

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, 1, K) and (B, 1) → (B, E)."""
        return self.layers(patches)


class Circular(nn.Module):
    """Convolutions over time that wrap around the twelve pitch classes, and the maximum over transpositions.

    Rotating the pitch classes rotates what every layer gives, up to the pooling over time; the maximum over
    the twelve rotations does not see it.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        channels, kernel = settings["channels"], settings["kernel"]
        inputs = [size] + [channels] * (settings["layers"] - 1)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n, channels, (kernel, PITCH_CLASSES), padding=(kernel // 2, 0)) for n in inputs
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in inputs)
        self.dropout = nn.Dropout(settings["dropout"])
        self.pool = AttentionPooling(channels)
        self.linear = nn.Linear(channels, settings["embedding"])

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, 12, K) and (B, P) → (B, E), each embedding at unit length."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            patches = patches * mask[..., None, None]
            around = torch.cat((patches, patches[:, :, :-1]), dim=2)  # (B, P, 23, K)
            patches = norm(convolution(around.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
            patches = self.dropout(torch.relu(patches))
        songs, _, rotations, channels = patches.shape
        patches = patches.transpose(1, 2).flatten(0, 1)  # (B·12, P, channels)
        pooled = self.pool(patches, mask.repeat_interleave(rotations, dim=0))
        best = pooled.view(songs, rotations, channels).amax(dim=1)
        return nn.functional.normalize(self.linear(best), dim=1)


NETWORKS = {
    "mean": Mean,
    "median": Median,
    "convolution": Convolution,
    "residual": Residual,
    "brief": Brief,
    "circular": Circular,
}


def save(path: Path | str, encoder: Encoder, digest: str) -> None:
    """Write all that `load` needs; `digest` says what the encoder was trained on."""
    projection = encoder.pca and {
        name: torch.from_numpy(array).contiguous() for name, array in vars(encoder.pca.projection).items()
    }
    content = {
        "settings": json.dumps(encoder.settings, sort_keys=True),
        "projection": projection,
        "network": encoder.network.state_dict(),
        "digest": digest,
    }
    with replacing(path) as temporary, Path(temporary).open("wb") as file:
        torch.save(content, file)


def load(path: Path | str, device: torch.device | str = "cpu") -> Encoder:
    """The encoder that `save` wrote, ready to embed songs."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        projection = content["projection"] and Projection(
            **{name: tensor.numpy() for name, tensor in content["projection"].items()}
        )
        encoder = Encoder(json.loads(content["settings"]), projection)
        encoder.network.load_state_dict(content["network"])
    except (RuntimeError, KeyError, EOFError, TypeError, ValueError, UnpicklingError) as error:
        raise CoversimError(
            f"{path}: not a readable model. Remedy: delete it; the next run trains it anew"
        ) from error
    return encoder.to(device).eval()


@torch.no_grad()
def embed(encoder: Encoder, songs: Sequence[Tensor], device: torch.device, batch: int = 32) -> Tensor:
    """Embeddings (N, E), on the CPU, of songs (C, 12, T_i) in their order; songs of like length go together."""
    encoder.eval()
    order = sorted(range(len(songs)), key=lambda song: songs[song].shape[-1])
    parts = []
    for start in range(0, len(order), batch):
        frames, lengths = pad([songs[song] for song in order[start : start + batch]])
        parts.append(encoder(frames.to(device), lengths.to(device)).cpu())
    embeddings = torch.cat(parts) if parts else torch.zeros(0, 0)
    return embeddings[torch.tensor(order, dtype=torch.long).argsort()]
