"""The Siamese network of patches: patches of covers that the same music makes come near, others go away.

Which patches are the same music, the alignment of covers tells, in the vectors of the network as it is: anew in each
batch. What is not: patches of other works, in the transposition by which their songs would be compared, and of other
places of the same song.
"""

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from coversim.evaluation.retrieval import queries_of, rank
from coversim.sequences.aligned import aligned_vectors
from coversim.sequences.distances import likeness
from coversim.sequences.matching import best_transpositions, restored, scores, stored
from coversim.sequences.network import Network, Weights, by_order, encode
from coversim.sequences.patches import ORDERS, patches, profiles
from coversim.sequences.projection import REAL_ORDERS, Projection, real_numbers
from coversim.siamese import loop
from coversim.siamese.augmentation import varied
from coversim.siamese.losses import loss
from coversim.siamese.sampling import Batch, WorkBatches, balanced, epoch_generator
from coversim.siamese.songs import Songs
from coversim.storage.hashing import stable_hash

CELLS = 12  # patches of a pair of covers that a batch sees
APART = 16  # patches, 8 s: two places of a song that are further apart are other places
VALIDATION_WORKS = 100  # of each source: comparing all songs with all takes long where there are many
SMALL = 1e-8  # squared distance; the gradient of a smaller one is 0


class Siamese(nn.Module):
    """The network while it is trained: from patches (L, 7, F) to vectors (L, size) at unit length."""

    linear: Tensor
    own: Tensor
    is_complex: Tensor

    def __init__(self, projection: Projection, channels: int, layers: int):
        super().__init__()
        self.start = projection
        sizes = [projection.components.shape[1], *[channels] * layers]
        self.layers = nn.ParameterList(
            [torch.randn(ORDERS, before, after, 2) / (2 * before) ** 0.5
             for before, after in pairwise(sizes)]
        )  # fmt: skip
        self.biases = nn.ParameterList([torch.zeros(channels) for _ in range(layers)])
        self.output = nn.Parameter(torch.zeros(ORDERS, channels, len(projection.orders), 2))
        self.register_buffer("linear", torch.from_numpy(by_order(projection)))
        own = torch.from_numpy(projection.orders) == torch.arange(ORDERS)[:, None]
        self.register_buffer("own", own[:, None, :, None])
        self.register_buffer("is_complex", torch.from_numpy(~np.isin(projection.orders, REAL_ORDERS)))

    def weights(self) -> Weights:
        """As `encode` takes them."""
        layers = tuple(map(torch.view_as_complex, self.layers))
        return Weights(self.linear, layers, tuple(self.biases), torch.view_as_complex(self.output * self.own))

    def forward(self, found: Tensor) -> Tensor:
        """Vectors of patches; of silence, zero."""
        values = encode(found, self.weights(), lambda array: torch.from_numpy(array).to(found.device))
        vectors = torch.cat([values.real, values.imag[:, self.is_complex]], dim=1)
        return vectors / vectors.norm(dim=1, keepdim=True).clip(SMALL)

    def played(self, vectors: Tensor, semitones: int) -> Tensor:
        """Vectors (L, size) of the song played so many semitones higher."""
        count = len(self.start.orders)
        angles = torch.from_numpy(-2 * np.pi / 12 * semitones * self.start.orders).to(vectors)
        real, imaginary = vectors[:, :count], torch.zeros_like(vectors[:, :count])
        imaginary[:, self.is_complex] = vectors[:, count:]
        turned = real * angles.sin() + imaginary * angles.cos()
        return torch.cat([real * angles.cos() - imaginary * angles.sin(), turned[:, self.is_complex]], dim=1)

    def network(self) -> Network:
        """What is kept of it."""
        with torch.no_grad():
            weights = self.weights()
            layers, biases = (
                tuple(part.cpu().numpy().copy() for part in parts)
                for parts in (weights.layers, weights.biases)
            )
            return Network(self.start, layers, biases, weights.output.cpu().numpy())


class Cells(NamedTuple):
    """Patches of covers that an alignment brought together, of all pairs of a batch one after the other."""

    here: Tensor  # (N,) rows among the patches of the batch
    there: Tensor  # (N,) of the other song
    pair: np.ndarray  # (N,) number of the pair of songs
    work: np.ndarray  # (N,)
    place: np.ndarray  # (N, 2) within the song and the other
    transpositions: np.ndarray  # (pairs, pairs) semitones by which the other song of a pair is played higher


def train(
    settings: dict,
    seed: int,
    training: Songs,
    validation: Songs,
    projection: Projection,
    device: torch.device,
    state_file: Path,
) -> tuple[Network, list[dict]]:
    """Train a network that starts as `projection`, see coversim.siamese.loop.

    Sources weigh the same: in batches, and in the validation MAP, which is of the songs of VALIDATION_WORKS works of
    each, matched with each other, hubs not corrected. Alignment and matching run on the CPU.

    Parameters
    ----------
    settings : an experiment's resolved settings
    state_file : where the training stands

    Returns
    -------
    network, history
        That of the best epoch, and a row for each epoch; without epochs, the untrained one and no row.
    """
    chosen, model = settings["train"], settings["model"]
    torch.manual_seed(stable_hash("network", seed) >> 1)
    siamese = Siamese(projection, model["channels"], model["layers"]).to(device)
    if not chosen["epochs"]:
        return siamese.network(), []
    ema = deepcopy(siamese)
    state = loop.State(siamese, ema, loop.make_optimiser(siamese, chosen))
    sources = sorted(set(training.sources))
    batchers = [WorkBatches(training.works, training.of_source(source), chosen) for source in sources]
    validated = to_validate(validation)

    def epoch_loss(epoch: int) -> float:
        generator = epoch_generator(seed, epoch)

        def batch_loss(batch: Batch) -> Tensor:
            songs, works = batch
            frames = [
                varied(training.frames[song], settings, generator, len(songs)).numpy() for song in songs
            ]
            return loss_of(siamese, frames, works.tolist(), chosen["loss"], generator)

        return loop.epoch(state, balanced(batchers, generator), batch_loss, chosen, epoch)

    loop.run(state, chosen, epoch_loss, lambda: validation_map(ema.network(), validated), state_file)
    return ema.network(), state.history


def loss_of(
    siamese: Siamese,
    frames: Sequence[np.ndarray],
    works: Sequence[int],
    settings: dict,
    generator: torch.Generator,
) -> Tensor:
    """The loss of songs, their frames (C, 12, T) given; 0 where no two covers align. `settings` is `train.loss`."""
    device = siamese.output.device
    of_songs = [patches(song) for song in frames]
    vectors = siamese(torch.from_numpy(np.concatenate(of_songs)).to(device))
    starts = np.cumsum([0, *map(len, of_songs)])
    there = np.split(vectors.detach().cpu().numpy(), starts[1:-1])
    cells = aligned_cells(there, [profiles(song) for song in frames], works, siamese.start.orders, generator)
    if cells is None:
        return 0 * vectors.sum()
    distance = distances(siamese, vectors[cells.here.to(device)], vectors[cells.there.to(device)], cells)
    negatives = torch.from_numpy(other_music(cells)).to(device)
    cover = distance.diagonal()
    there_too = loss(cover, distance.T, negatives.T, settings)
    return (loss(cover, distance, negatives, settings) + there_too) / 2


def aligned_cells(
    vectors: Sequence[np.ndarray],
    of_sections: Sequence[np.ndarray],
    works: Sequence[int],
    orders: np.ndarray,
    generator: torch.Generator,
) -> Cells | None:
    """At most CELLS patches of each pair of covers, drawn from their alignment; None where none align.

    `vectors` (L, size) and profiles `of_sections` (sections, C, 12) are those of the songs of a batch.
    """
    songs_of = defaultdict(list)
    for song, work in enumerate(works):
        songs_of[work].append(song)
    starts = np.cumsum([0, *map(len, vectors)])
    pairs: list[tuple[int, int, int]] = []
    rows: list[tuple[int, ...]] = []
    for work, songs in songs_of.items():
        found = aligned_vectors(
            [vectors[song] for song in songs], [of_sections[song] for song in songs], orders
        )
        for pair in found:
            chosen = torch.randperm(len(pair.places), generator=generator)[:CELLS].sort().values.numpy()
            number, places = len(pairs), pair.places[chosen]
            pairs.append((songs[pair.song], songs[pair.other], pair.transposition))
            rows += [(number, work, *place) for place in places.tolist()]
    if not pairs:
        return None
    here, there, own = np.array(pairs).T
    means = np.stack([of_song.mean(axis=0) for of_song in of_sections])
    keys = best_transpositions(means[here], means[there], 1)[:, :, 0]
    np.fill_diagonal(keys, own)
    number, work, *place = np.array(rows).T
    first, second = (
        torch.from_numpy(starts[song[number]] + of) for song, of in zip((here, there), place, strict=True)
    )
    return Cells(first, second, number, work, np.stack(place, axis=1), keys)


def distances(siamese: Siamese, here: Tensor, there: Tensor, cells: Cells) -> Tensor:
    """Euclidean distances (N, N) of vectors and vectors of other songs, played as their songs suit each other."""
    semitones = cells.transpositions[cells.pair][:, cells.pair] % 12
    cosines = torch.zeros(len(here), len(there), device=here.device)
    for played in np.unique(semitones).tolist():
        of_all = here @ siamese.played(there, played).T
        cosines = cosines + of_all * torch.from_numpy(semitones == played).to(here.device)
    return (2 - 2 * cosines).clip(SMALL).sqrt()


def other_music(cells: Cells) -> np.ndarray:
    """Which patches (N, N) are other music: those of other works, and of the same two songs at other places."""
    apart = (np.abs(cells.place[:, None] - cells.place[None]) > APART).all(axis=2)
    same_pair = cells.pair[:, None] == cells.pair
    return (cells.work[:, None] != cells.work) | (same_pair & apart)


def to_validate(songs: Songs) -> list[tuple[list[np.ndarray], list[str]]]:
    """Of each source frames and works of the songs that validate: those of VALIDATION_WORKS works, by stable hash."""
    found = []
    for source in sorted(set(songs.sources)):
        places = songs.of_source(source)
        works = sorted(
            {songs.works[place] for place in places}, key=lambda work: (stable_hash("valid", work), work)
        )
        kept = [place for place in places if songs.works[place] in set(works[:VALIDATION_WORKS])]
        found.append(
            ([songs.frames[place].numpy() for place in kept], [songs.works[place] for place in kept])
        )
    return found


def validation_map(network: Network, sources: Sequence[tuple[Sequence[np.ndarray], Sequence[str]]]) -> float:
    """The mean of the MAPs within each source; NaN where no song of any has a cover."""
    found = [
        _average_precision(
            [network(patches(song)) for song in frames],
            [profiles(song) for song in frames],
            works,
            network.orders,
        )
        for frames, works in sources
    ]
    means = [of_source.mean() for of_source in found if len(of_source)]
    return float(np.mean(means)) if means else float("nan")


def _average_precision(
    vectors: Sequence[np.ndarray], of_sections: Sequence[np.ndarray], works: Sequence[str], orders: np.ndarray
) -> np.ndarray:
    """That of each song that has a cover, its vectors as they are stored matched with those of all songs."""
    kept = [stored(song) for song in vectors]
    lengths = np.array([len(song) for song in kept])
    offsets, together, sections = np.cumsum([0, *lengths]), np.concatenate(kept), np.concatenate(of_sections)

    def distances_to_all(row: int) -> np.ndarray:
        keys = best_transpositions(of_sections[row], sections)
        found = scores(restored(kept[row], real_numbers(orders)), together, offsets, keys, orders)
        return -likeness(found, int(lengths[row]), lengths)

    blocks = ((np.array([row]), distances_to_all(row)[None]) for row in queries_of(works))
    return rank(blocks, works).average_precision
