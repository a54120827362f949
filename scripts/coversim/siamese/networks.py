"""The networks: each takes the patches of songs and their mask, and gives one embedding per song."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from coversim.errors import CoversimError
from coversim.features.patches import PITCH_CLASSES

SMALLEST = 1e-4  # activation, so that the gradient of GeM pooling is bounded


def mean(patches: Tensor, mask: Tensor) -> Tensor:
    """The mean (B, K) of each song's patches (B, P, K)."""
    return (patches * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def mean_patch(patches: Tensor, mask: Tensor) -> Tensor:
    """The same, at unit length."""
    return normalize(mean(patches, mask), dim=1)


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


class Whitened(nn.Module):
    """The mean patch, whitened by how songs of one work differ, at unit length: what covers change counts less.

    Within-class covariance normalisation (Hatch, Kajarekar & Stolcke, 2006). Until it is fitted it gives the mean patch
    itself.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        self.shrinkage = settings["shrinkage"]
        self.matrix: Tensor
        self.register_buffer("matrix", torch.eye(size))

    def fit(self, songs: Tensor, works: Sequence[str], sources: Sequence[int]) -> None:
        """Fit to the mean patches (N, K) of songs, each of a work and of a source. Sources weigh the same.

        Where no work has several songs, it stays as it is.
        """
        covariances = []
        for source in sorted(set(sources)):
            places = [place for place, of_song in enumerate(sources) if of_song == source]
            covariance = within_works(songs[places].double(), [works[place] for place in places])
            covariances += [] if covariance is None else [covariance]
        if not covariances:
            return
        covariance = torch.stack(covariances).mean(dim=0)
        shrunk = (1 - self.shrinkage) * covariance
        shrunk.diagonal().add_(self.shrinkage * covariance.trace() / len(covariance))
        variances, directions = torch.linalg.eigh(shrunk)
        self.matrix.copy_((directions * variances**-0.5) @ directions.T)

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """(B, P, K) and (B, P) → (B, K)."""
        return normalize(mean_patch(patches, mask) @ self.matrix, dim=1)


def within_works(songs: Tensor, works: Sequence[str]) -> Tensor | None:
    """The covariance (K, K) of the songs (N, K) of a work, mean over works; None where none has several that differ."""
    of_work: dict[str, list[int]] = {}
    for place, work in enumerate(works):
        of_work.setdefault(work, []).append(place)
    total, count = torch.zeros(songs.shape[1], songs.shape[1], dtype=songs.dtype, device=songs.device), 0
    for places in of_work.values():
        if len(places) > 1:
            total += torch.cov(songs[places].T).view_as(total)
            count += 1
    return total / count if total.any() else None


class Discriminant(nn.Module):
    """Linear discriminant analysis of the mean patch: directions along which works differ most, songs of one least.

    Until it is fitted it gives the mean patch itself; then the first `model.embedding` directions count.
    """

    def __init__(self, size: int, settings: dict):
        super().__init__()
        self.directions = settings["embedding"]
        self.mean: Tensor
        self.matrix: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("matrix", torch.eye(size))

    def fit(self, songs: Tensor, works: Sequence[str]) -> None:
        """Fit to the mean patches (N, K) of songs, by scikit-learn; `works` are the classes.

        Raises CoversimError if no work has several songs that differ, or all songs are of one work.
        """
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # slow to import

        if len(set(works)) < 2 or within_works(songs, works) is None:
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
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            patches = patches * mask[..., None]
            patches = norm(convolution(patches.transpose(1, 2)).transpose(1, 2))
            patches = self.dropout(torch.relu(patches))
        return normalize(self.linear(self.pool(patches, mask)), dim=1)


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
    """Motif detectors, searched for in all transpositions; how well each is found, in the best transposition, counts.

    A detector is a pattern over the twelve pitch classes and a window of time. GeM pooling
    over time makes the few places where a motif stands out weigh more than the many where it does not. Rotating the pitch classes of a song rotates what every layer gives along the axis of rotations; the
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
        songs = self.found(patches[mask]).split(mask.sum(dim=1).tolist())
        return self.summarised(torch.stack([gem(song, self.exponent) for song in songs]))

    def found(self, patches: Tensor) -> Tensor:
        """What is found in each patch, in each transposition: (N, 12, K) → (N, 12, channels)."""
        found = patches.flatten(1) @ _rotations(self.motifs).T  # (N, 12 · motifs)
        found = self.norm(found.view(-1, len(self.motifs))).relu_()
        return self.mix_norm(self.mix(found)).relu_().view(-1, PITCH_CLASSES, self.mix.out_features)

    def summarised(self, pooled: Tensor) -> Tensor:
        """Embeddings (B, E) of songs of which it is known how much was found, (B, 12, channels)."""
        # the keys have far more values than a few songs, so it is these that are rotated
        keys = _rotations(pooled) @ self.keys.flatten(1).T  # (12 · B, 2 channels)
        keys = torch.relu(self.keys_norm(keys)).view(PITCH_CLASSES, len(pooled), -1)
        best = self.best_norm(keys.amax(dim=0))
        return normalize(self.linear(self.dropout(best)), dim=1)


def gem(values: Tensor, exponent: float) -> Tensor:
    """GeM pooling, (P, ...) → (...): the generalised mean, (mean of x^exponent)^(1 / exponent), of P values x.

    Radenović, Tolias & Chum (2018), "Fine-tuning CNN image retrieval with no human annotation".
    """
    return ((values + SMALLEST) ** exponent).mean(dim=0) ** (1 / exponent)


def _weights(outputs: int, *inputs: int) -> nn.Parameter:
    """Weights of a linear layer in front of a rectifier (He et al., 2015)."""
    return nn.Parameter(nn.init.kaiming_normal_(torch.empty(outputs, *inputs)))


def _rotations(values: Tensor) -> Tensor:
    """(C, 12, K) → (12 · C, 12 · K): weights or songs rotated by 0 to 11 pitch classes, one below the other."""
    rotated = [values.roll(semitones, dims=1) for semitones in range(PITCH_CLASSES)]
    return torch.stack(rotated).flatten(0, 1).flatten(1)


NETWORKS = {
    "mean": Mean,
    "median": Median,
    "whitened": Whitened,
    "lda": Discriminant,
    "convolution": Convolution,
    "brief": Brief,
    "motif": Motif,
}
