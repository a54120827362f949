"""Training the Siamese network of whole songs."""

import math
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from coversim.evaluation.retrieval import mean_average_precision
from coversim.features.patches import pad
from coversim.features.pca import Projection
from coversim.siamese import loop
from coversim.siamese.augmentation import varied
from coversim.siamese.encoder import BLOCK, Encoder, embed, embed_played, in_batches, linear_parts
from coversim.siamese.networks import Discriminant, Whitened
from coversim.siamese.sampling import (
    Batch,
    Batcher,
    Pair,
    PairBatches,
    WorkBatches,
    balanced,
    balancing,
    epoch_generator,
)
from coversim.siamese.songs import Songs
from coversim.storage.hashing import stable_hash


def train(
    settings: dict,
    seed: int,
    training: Songs,
    validation: Songs,
    pairs: list[list[Pair]],
    projection: Projection | None,
    device: torch.device,
    state_file: Path,
) -> tuple[Encoder, list[dict]]:
    """Train an encoder, see coversim.siamese.loop; what only is fitted takes no epochs.

    Sources weigh the same, whatever their sizes: in batches, in what is fitted, and in the validation MAP. What is
    validated, and returned, has the EMA of the weights (`train.ema`); it is validated at all tempi of the
    embedding (`model.tempi`), which is what will be evaluated.

    Parameters
    ----------
    settings : dict
        An experiment's resolved settings.
    pairs : list of (song, song, label) of each source
        Indices into `training`; used if `train.loss.negatives` is `pairs`.
    state_file : Path
        Where the training stands.

    Returns
    -------
    encoder, history
        The encoder of the best epoch, and a row with the keys HISTORY for each epoch.
    """
    chosen = settings["train"]
    torch.manual_seed(stable_hash("network", seed) >> 1)
    encoder = Encoder(settings, projection).to(device)
    if isinstance(encoder.network, Discriminant) and not chosen["epochs"]:
        places = balancing(training.sources)
        embeddings = embed(encoder, training.frames, device)[places]
        encoder.network.fit(embeddings, [training.works[place] for place in places])
    whitened = encoder.network if isinstance(encoder.network, Whitened) else encoder.linear
    if whitened and whitened.shrinkage < 1:
        fit_whitening(whitened, settings, training, projection, device)
    if not chosen["epochs"]:
        return encoder.eval(), []
    batchers = make_batchers(chosen, training, pairs)
    ema = deepcopy(encoder)
    state = loop.State(encoder.network, ema.network, loop.make_optimiser(encoder.network, chosen))

    def epoch_loss(epoch: int) -> float:
        return train_epoch(encoder, state, batchers, training.frames, settings, seed, epoch)

    tempi = settings["model"]["tempi"]
    linear = linear_parts(ema, validation.frames, device, tempi)  # stays the same from epoch to epoch

    def valid_map() -> float:
        embeddings = embed(ema, validation.frames, device, tempi, linear)
        return validation_map(embeddings, validation, device)

    loop.run(state, chosen, epoch_loss, valid_map, state_file)
    return ema.eval(), state.history


def fit_whitening(
    whitened: Whitened, settings: dict, training: Songs, projection: Projection | None, device: torch.device
) -> None:
    """Fit to the mean patches of the training songs at each of `model.tempi`: versions, as covers are."""
    if not training.frames:
        return
    means = Encoder(settings | {"model": settings["model"] | {"kind": "mean"}}, projection).to(device)
    tempi = list(dict.fromkeys(settings["model"]["tempi"]))
    blocks = in_batches(training.frames, lambda song: song.shape[-1], BLOCK)
    played = [embed_played(means, block, device, tempi) for block in blocks]
    songs = torch.cat([block[tempo] for tempo in tempi for block in played])
    whitened.fit(songs.to(device), training.works * len(tempi), training.sources * len(tempi))


def make_batchers(chosen: dict, training: Songs, pairs: list[list[Pair]]) -> list[Batcher]:
    """What draws batches from each source; `chosen` are the settings `train`."""
    if chosen["loss"]["negatives"] == "pairs":
        return [PairBatches(of_source, chosen) for of_source in pairs]
    return [
        WorkBatches(training.works, training.of_source(source), chosen)
        for source in sorted(set(training.sources))
    ]


def validation_map(embeddings: Tensor, songs: Songs, device: torch.device) -> float:
    """The mean of the MAPs within each source; NaN where no song of any has a cover."""
    found = []
    for source in sorted(set(songs.sources)):
        places = songs.of_source(source)
        works = [songs.works[place] for place in places]
        found.append(mean_average_precision(embeddings[places], works, device.type))
    defined = [value for value in found if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def train_epoch(
    encoder: Encoder,
    state: loop.State,
    batchers: list[Batcher],
    songs: list[Tensor],
    settings: dict,
    seed: int,
    epoch: int,
) -> float:
    """One pass through the frames of the training songs, see `balanced`; the mean loss of its batches."""
    device = next(encoder.parameters()).device
    generator = epoch_generator(seed, epoch)
    torch.manual_seed(stable_hash("dropout", seed, epoch) >> 1)

    def batch_loss(batch: Batch) -> Tensor:
        drawn, target = batch
        frames, lengths = pad([varied(songs[song], settings, generator, len(drawn)) for song in drawn])
        return batchers[0].loss(encoder(frames.to(device), lengths.to(device)), target.to(device))

    encoder.train()
    return loop.epoch(state, balanced(batchers, generator), batch_loss, settings["train"], epoch)
