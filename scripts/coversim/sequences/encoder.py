"""A small network in the place of the projection, which begins as one and commutes with transposition like one.

Beside the linear map of each order there are convolutions around the circle of pitch classes, which commute with
its rotations, whatever is done to each value after them. It learns by InfoNCE (van den Oord, Li & Vinyals, 2018,
"Representation learning with contrastive predictive coding") from the patches that alignment brings together.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, relu

from coversim.sequences import patches
from coversim.sequences.aligned import Song, aligned
from coversim.sequences.projection import REAL_ORDERS, Projection

CHANNELS = 64
WIDTH = 7  # semitones that a convolution sees
TEMPERATURE = 0.1
BATCH = 512  # pairs of patches
MIXED = 1.0  # how loud, at most, what is added to a patch is
RATE = 5e-4
DECAY = 1e-3


class Encoder(nn.Module):
    """Vectors of patches, as those of the projection that it begins as; `orders` are those of its components."""

    def __init__(self, projection: Projection):
        super().__init__()
        features = projection.components.shape[1]
        self.orders = projection.orders
        self.register_buffer("order", torch.from_numpy(projection.orders))
        self.register_buffer("complex", torch.from_numpy(~np.isin(projection.orders, REAL_ORDERS)))
        self.linear = nn.Parameter(torch.from_numpy(projection.components))
        around = {"padding": WIDTH // 2, "padding_mode": "circular"}
        self.first = nn.Conv1d(features, CHANNELS, WIDTH, **around)
        self.second = nn.Conv1d(CHANNELS, CHANNELS, WIDTH, **around)
        self.last = nn.Parameter(torch.zeros(len(self.orders), CHANNELS, dtype=torch.complex64))

    def forward(self, found: Tensor) -> Tensor:
        """Vectors (N, size) at unit length, of patches (N, 7, F) complex64; of silence, zero."""
        values = torch.einsum("nkf,kf->nk", found[:, self.order], self.linear.conj())
        pitches = torch.fft.irfft(found, n=12, dim=1).transpose(1, 2) * (12 * found.shape[2]) ** 0.5
        seen = torch.fft.rfft(relu(self.second(relu(self.first(pitches)))), dim=2) / 12
        values = values + torch.einsum("nck,kc->nk", seen[:, :, self.order], self.last.conj())
        vectors = torch.cat([values.real, values.imag[:, self.complex]], dim=1)
        heard = found.abs().amax(dim=(1, 2)) > 0
        return normalize(vectors, dim=1) * heard[:, None]

    def project(self, found: np.ndarray) -> np.ndarray:
        """Vectors (L, size) float32 of a song's patches, as a projection gives them."""
        with torch.no_grad():
            return self(torch.from_numpy(found)).numpy()


class Pairs:
    """Patches of covers that alignment brings together, drawn so that sources and works weigh the same."""

    def __init__(self, sources: Sequence[Sequence[Sequence[Song]]], projection: Projection):
        """Align the covers of the works of each source."""
        self.sources = []
        for works in sources:
            found = [(covers, list(aligned(covers, projection))) for covers in works]
            self.sources.append([(covers, pairs) for covers, pairs in found if pairs])

    def draw(self, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """`count` patches (count, 7, F), what they match, in their key, and numbers of their works (count,)."""
        here, there, numbers = [], [], []
        for _ in range(count):
            source = int(random.integers(len(self.sources)))
            work = int(random.integers(len(self.sources[source])))
            covers, pairs = self.sources[source][work]
            pair = pairs[int(random.integers(len(pairs)))]
            place, other = pair.places[int(random.integers(len(pair.places)))]
            here.append(covers[pair.song].patches[place])
            there.append(patches.transpose(covers[pair.other].patches[other], pair.transposition))
            numbers.append(source * 1_000_000 + work)
        return torch.from_numpy(np.stack(here)), torch.from_numpy(np.stack(there)), torch.tensor(numbers)


def contrast(here: Tensor, there: Tensor, work: Tensor) -> Tensor:
    """InfoNCE, both ways, of vectors (N, size), their matches and the works (N,) of both: other works are strangers."""
    cosines = here @ there.T / TEMPERATURE
    alone = torch.eye(len(work), dtype=torch.bool) | (work[:, None] != work)
    cosines = cosines.masked_fill(~alone, -torch.inf)
    target = torch.arange(len(work))
    return (cross_entropy(cosines, target) + cross_entropy(cosines.T, target)) / 2


def train(encoder: Encoder, pairs: Pairs, steps: int, seed: int) -> None:
    """Train an encoder to tell a patch's match from the patches of other works, each with another patch mixed in.

    What is mixed in stands for the voices that only one of two covers has.
    """
    random, mixing = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(steps):
        here, there, work = pairs.draw(BATCH, random)
        loss = contrast(encoder(_mixed(here, mixing)), encoder(_mixed(there, mixing)), work)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def _mixed(found: Tensor, generator: torch.Generator) -> Tensor:
    loudness = MIXED * torch.rand(len(found), 1, 1, generator=generator)
    return found + loudness * found[torch.randperm(len(found), generator=generator)]
