"""The Siamese network's one encoder: the frames of a song become a point, near those of its covers."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from coversim.errors import CoversimError
from coversim.features.patches import PITCH_CLASSES, at_tempo, pad, representation
from coversim.features.pca import Projection
from coversim.storage import torch_files
from coversim.storage.checksums import check

SMALLEST = 1e-4  # activation, so that the gradient of a generalised mean is bounded
TOGETHER = 8  # songs that are embedded at a time: few, so that long ones take little memory


class Encoder(nn.Module):
    """Frames → patches → PCA → network → embedding.

    With `model.join` the embedding has two halves of equal weight: the untrained mean patch and what the
    network learned. However few works it learned from, half of a squared distance stays that of its input. The
    motif network then sees windows of the frames themselves, since it needs the pitch classes.

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
        self.join = fourier and model["kind"] in ("motif", "convolution") and model["join"]
        self.windows = None
        if model["kind"] == "motif" and fourier:
            own = {"kind": "frames", "seconds": [model["seconds"]], "hop": model["hop"]}
            self.windows = representation({**settings, "representation": settings["representation"] | own})
            size = self.windows.size
        self.network = NETWORKS[model["kind"]](size, model)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings (B, E) of songs whose frames (B, C, 12, T) are padded beyond `lengths` (B,)."""
        patches, mask = self.project(frames, lengths)
        seen = self.windows(frames, lengths) if self.windows else (patches, mask)
        learned = self.network(*seen)
        return torch.cat((mean_patch(patches, mask), learned), dim=1) / math.sqrt(2) if self.join else learned

    @torch.no_grad()
    def project(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, P, ..., K) after the PCA, and their mask (B, P)."""
        patches, mask = self.patches(frames, lengths)
        return self.pca(patches) if self.pca else patches, mask


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


def mean_patch(patches: Tensor, mask: Tensor) -> Tensor:
    """The mean (B, K) of each song's patches (B, P, K), at unit length."""
    total = (patches * mask[..., None]).sum(dim=1)
    return normalize(total / mask.sum(dim=1, keepdim=True), dim=1)


class Mean(nn.Module):
    """The mean patch, at unit length: Euclidean distance then orders songs as cosine distance does."""

    def __init__(self, size: int, settings: dict):
        super().__init__()

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        return mean_patch(patches, mask)


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
        return normalize(median, dim=1)


class Discriminant(nn.Module):
    """Linear discriminant analysis of the mean patch: directions along which works differ most, songs of one least.

    Until it is fitted it gives the mean patch itself; then the first `model.embedding` directions count.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        self.directions = settings["embedding"]
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("matrix", torch.eye(size))

    def fit(self, songs: Tensor, works: Sequence[str]) -> None:
        """Fit to the mean patches (N, K) of songs, by scikit-learn; `works` are the classes.

        Raises CoversimError if no work has several songs, or all songs are of one work.
        """
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # slow to import

        if not 1 < len(set(works)) < len(works):
            raise CoversimError(
                "model.kind: lda needs several training works, and several songs of some. Remedy: give the training "
                "split more works (split, train.works), or look into set_aside.tsv for what became of their songs"
            )
        fitted = LinearDiscriminantAnalysis().fit(songs.double().numpy(), works)
        scalings = fitted.scalings_[:, : min(self.directions, len(set(works)) - 1)]
        self.mean.copy_(torch.from_numpy(fitted.xbar_))
        self.matrix.zero_()[:, : scalings.shape[1]] = torch.from_numpy(scalings)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K), each embedding at unit length."""
        return normalize((mean_patch(patches, mask) - self.mean) @ self.matrix, dim=1)


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
        return normalize(self.unbounded(patches, mask), dim=1)

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
        self.learned = Convolution(size, settings | {"embedding": size})
        self.bound = settings["bound"]
        nn.init.zeros_(self.learned.linear.weight)
        nn.init.zeros_(self.learned.linear.bias)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        step = self.learned.unbounded(patches, mask)
        length = (step.square().sum(dim=1, keepdim=True) + self.bound**2).sqrt()
        return mean_patch(patches, mask) + self.bound * step / length


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


class Motif(nn.Module):
    """Motif detectors, sought in all transpositions; how well each is found, in the best transposition, counts.

    A detector is a pattern over the twelve pitch classes and a window of time. Over time a song has the
    generalised mean of what a detector found (Radenović, Tolias & Chum, 2018, "Fine-tuning CNN image retrieval
    with no human annotation"): the few places where a motif stands out weigh more than the many where it does
    not. Rotating the pitch classes of a song rotates what every layer gives along the axis of rotations; the
    maximum over it does not see that.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        motifs, channels, embedding = settings["motifs"], settings["channels"], settings["embedding"]
        self.exponent = settings["pooling"]
        self.motifs = _weights(motifs, PITCH_CLASSES, size)
        self.norm = nn.BatchNorm1d(motifs)
        self.mix = nn.Linear(motifs, channels)
        self.mix_norm = nn.BatchNorm1d(channels)
        self.keys = _weights(2 * channels, PITCH_CLASSES, channels)
        self.keys_norm = nn.BatchNorm1d(2 * channels)
        self.best_norm = nn.BatchNorm1d(2 * channels, affine=False)
        self.dropout = nn.Dropout(settings["dropout"])
        self.linear = nn.Linear(2 * channels, embedding)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, 12, K) and (B, P) → (B, E), each embedding at unit length."""
        found = patches[mask].flatten(1) @ _rotations(self.motifs).T  # (N, 12 · motifs), N patches in all
        found = self.norm(found.view(-1, len(self.motifs))).relu_()
        found = self.mix_norm(self.mix(found)).relu_().view(-1, PITCH_CLASSES, self.mix.out_features)
        songs = found.split(mask.sum(dim=1).tolist())
        mean = torch.stack([generalised_mean(song, self.exponent) for song in songs])
        keys = mean.flatten(1) @ _rotations(self.keys).T  # (B, 12 · 2 channels)
        keys = torch.relu(self.keys_norm(keys.view(-1, len(self.keys)))).view(
            -1, PITCH_CLASSES, len(self.keys)
        )
        best = self.best_norm(keys.amax(dim=1))
        return normalize(self.linear(self.dropout(best)), dim=1)


def generalised_mean(values: Tensor, exponent: float) -> Tensor:
    """(P, ...) → (...): the mean of the values to the power of `exponent`, to the power of 1 / `exponent`."""
    return ((values + SMALLEST) ** exponent).mean(dim=0) ** (1 / exponent)


def _weights(outputs: int, *inputs: int) -> nn.Parameter:
    """Weights of a linear layer in front of a rectifier (He et al., 2015)."""
    return nn.Parameter(nn.init.kaiming_normal_(torch.empty(outputs, *inputs)))


def _rotations(weights: Tensor) -> Tensor:
    """(C, 12, K) → (12 · C, 12 · K): the weights rotated by 0 to 11 pitch classes, one below the other."""
    rotated = [weights.roll(semitones, dims=1) for semitones in range(PITCH_CLASSES)]
    return torch.stack(rotated).flatten(0, 1).flatten(1)


NETWORKS = {
    "mean": Mean,
    "median": Median,
    "lda": Discriminant,
    "convolution": Convolution,
    "residual": Residual,
    "brief": Brief,
    "motif": Motif,
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
    torch_files.save(path, content)


def load(path: Path | str, device: torch.device | str = "cpu") -> Encoder:
    """The encoder that `save` wrote, ready to embed songs."""
    check(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        projection = content["projection"] and Projection(
            **{name: tensor.numpy() for name, tensor in content["projection"].items()}
        )
        encoder = Encoder(json.loads(content["settings"]), projection)
        encoder.network.load_state_dict(content["network"])
    except Exception as error:  # torch raises all sorts of errors on a damaged file
        raise CoversimError(
            f"{path}: not a readable model. Remedy: delete it; the next run trains it anew"
        ) from error
    return encoder.to(device).eval()


def embed(
    encoder: Encoder, songs: Sequence[Tensor], device: torch.device, tempi: Sequence[float] = (1.0,)
) -> Tensor:
    """Embeddings (N, E), on the CPU, of songs (C, 12, T_i).

    With several `tempi` a song's embedding is the mean of those of the song played at each, at unit length:
    versions whose tempi differ then overlap.
    """
    played = embed_played(encoder, songs, device, tempi)
    return mean_embedding([played[tempo] for tempo in tempi])


def embed_played(
    encoder: Encoder, songs: Sequence[Tensor], device: torch.device, tempi: Iterable[float]
) -> dict[float, Tensor]:
    """Embeddings (N, E), on the CPU, of songs (C, 12, T_i) played at each of the tempi."""
    encoder.eval()
    return {
        tempo: _embed(encoder, [at_tempo(song, tempo) for song in songs], device)
        for tempo in dict.fromkeys(tempi)
    }


def mean_embedding(played: list[Tensor]) -> Tensor:
    """Of embeddings (N, E) of the same songs, their mean at unit length; a single one as it is."""
    return normalize(torch.stack(played).mean(dim=0), dim=1) if len(played) > 1 else played[0]


@torch.no_grad()
def _embed(encoder: Encoder, songs: Sequence[Tensor], device: torch.device) -> Tensor:
    """Embeddings of songs in their order; songs of like length go together, the longest first.

    What follows then fits into the memory that the longest have left.
    """
    order = sorted(range(len(songs)), key=lambda song: -songs[song].shape[-1])
    parts = []
    for start in range(0, len(order), TOGETHER):
        frames, lengths = pad([songs[song] for song in order[start : start + TOGETHER]])
        parts.append(encoder(frames.to(device), lengths.to(device)).cpu())
    embeddings = torch.cat(parts) if parts else torch.zeros(0, 0)
    return embeddings[torch.tensor(order, dtype=torch.long).argsort()]
