"""Training the Siamese network: one loop, which goes on where an interrupted one stopped.

The state is written after every epoch. All randomness of an epoch follows from the seed and the epoch's
number, so a resumed training ends with the same bits as an uninterrupted one.
"""

import logging
import math
import time
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from coversim.errors import CoversimError
from coversim.evaluation.retrieval import mean_average_precision
from coversim.features.patches import pad
from coversim.features.pca import Projection
from coversim.siamese.augmentation import augment, excerpt
from coversim.siamese.encoder import Encoder, embed
from coversim.siamese.history import HISTORY, kept_epoch
from coversim.siamese.kinds import KINDS
from coversim.siamese.networks import Discriminant
from coversim.siamese.sampling import (
    Batcher,
    Pair,
    PairBatches,
    WorkBatches,
    balanced,
    balancing,
    epoch_generator,
)
from coversim.siamese.songs import Songs
from coversim.storage import torch_files
from coversim.storage.hashing import stable_hash

# the cosine schedule
WARM_UP = 0.1  # share of the training in which the learning rate rises to its full height …
START = 0.04  # … from this share of it
RISE = (1 - START) / WARM_UP


@dataclass
class State:
    """Where a training stands."""

    encoder: Encoder
    ema: Encoder
    """The same with an exponential moving average of the weights, which generalises better than the last ones."""
    optimiser: torch.optim.Optimizer
    history: list[dict[str, Any]] = field(default_factory=list)
    """A row with the keys HISTORY for each epoch."""
    kept: dict[str, Tensor] = field(default_factory=dict)
    """The averaged weights of the epoch that is kept so far."""

    def kept_epoch(self) -> int:
        """The best epoch so far."""
        return kept_epoch([row["valid_map"] for row in self.history])

    def save(self, path: Path) -> None:
        """Write it all; the file is whole or absent."""
        content = {
            "network": self.encoder.network.state_dict(),
            "ema": self.ema.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
            "kept": self.kept,
        }
        torch_files.save(path, content, recorded=False)

    def resume(self, path: Path) -> None:
        """Take up what an interrupted training left, if anything."""
        if not path.exists():
            return
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises all sorts of errors on a damaged file
            logging.warning("%s is not readable (%s): the training starts anew", path, type(error).__name__)
            return
        self.encoder.network.load_state_dict(content["network"])
        self.ema.network.load_state_dict(content["ema"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.history, self.kept = content["history"], content["kept"]
        logging.info("going on after epoch %d", self.history[-1]["epoch"])


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
    """Train until validation MAP has not risen for `train.patience` epochs, or for `train.epochs`.

    Sources weigh the same, whatever their sizes: in batches, in the fit of `lda`, and in the validation MAP. What is
    validated, and returned, has the EMA of the weights (`train.averaging`); it is validated at all tempi of the
    embedding (`model.tempi`), which is what will be evaluated. Epoch 0 is the untrained
    network: where training only harms, it comes back.

    Parameters
    ----------
    settings : dict
        An experiment's resolved settings.
    pairs : list of (song, song, label) of each source
        Indices into `training`; used if `train.loss.negatives` is `pairs`.
    state_file : Path
        Where the training stands. Written after every epoch, read at the start if it is there.

    Returns
    -------
    encoder, history
        The encoder of the best epoch, and a row with the keys HISTORY for each epoch.
    """
    chosen = settings["train"]
    torch.manual_seed(stable_hash("network", seed) >> 1)
    encoder = Encoder(settings, projection).to(device)
    if not chosen["epochs"]:
        if isinstance(encoder.network, Discriminant):
            places = balancing(training.sources)
            embeddings = embed(encoder, training.frames, device)[places]
            encoder.network.fit(embeddings, [training.works[place] for place in places])
        return encoder.eval(), []
    check_trainable(settings)
    batchers = make_batchers(chosen, training, pairs)
    state = State(encoder, deepcopy(encoder), make_optimiser(encoder, chosen))
    state.resume(state_file)

    for epoch in range(len(state.history), chosen["epochs"] + 1):
        if epoch and epoch - state.kept_epoch() > chosen["patience"]:
            logging.info("no better validation MAP for %d epochs", chosen["patience"])
            break
        started = time.monotonic()
        loss = train_epoch(state, batchers, training.frames, settings, seed, epoch) if epoch else None
        embeddings = embed(state.ema, validation.frames, device, settings["model"]["tempi"])
        valid_map = validation_map(embeddings, validation, device)
        rate, seconds = state.optimiser.param_groups[0]["lr"], time.monotonic() - started
        state.history.append(dict(zip(HISTORY, (epoch, loss, valid_map, rate, seconds), strict=True)))
        if (best := state.kept_epoch()) == epoch:
            state.kept = deepcopy(state.ema.network.state_dict())
        state.save(state_file)
        logging.info(
            "epoch %d/%d  loss %s  validation MAP %.4f  best %.4f (epoch %d)  %.1f s",
            epoch, chosen["epochs"], "-" if loss is None else f"{loss:.4f}", valid_map,
            state.history[best]["valid_map"], best, seconds,
        )  # fmt: skip

    state.ema.network.load_state_dict(state.kept)
    return state.ema.eval(), state.history


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
    state: State,
    batchers: list[Batcher],
    songs: list[Tensor],
    settings: dict,
    seed: int,
    epoch: int,
) -> float:
    """One pass through the frames of the training songs, see `balanced`; the mean loss of its batches."""
    chosen = settings["train"]
    encoder, optimiser = state.encoder, state.optimiser
    device = next(encoder.parameters()).device
    generator = epoch_generator(seed, epoch)
    torch.manual_seed(stable_hash("dropout", seed, epoch) >> 1)
    batches = balanced(batchers, generator)
    if not batches:
        raise CoversimError(
            "no two training works have two usable songs each. Remedy: give the training split more works (split), "
            "or look into set_aside.tsv for what became of their songs"
        )
    losses = []
    encoder.train()
    for step, (drawn, target) in enumerate(batches, start=(epoch - 1) * len(batches)):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step / (chosen["epochs"] * len(batches)), chosen)
        frames, lengths = pad([varied(songs[song], settings, generator) for song in drawn])
        loss = batchers[0].loss(encoder(frames.to(device), lengths.to(device)), target.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        update_ema(state.ema, encoder, ema_decay(step, chosen))
        losses.append(loss.item())
    mean = sum(losses) / len(losses)
    if not math.isfinite(mean):
        raise CoversimError(f"the loss is {mean} in epoch {epoch}. Remedy: lower train.learning_rate")
    return mean


def check_trainable(settings: dict) -> None:
    """Raise CoversimError for a kind of model without weights, or a loss that the pair table cannot feed."""
    kind, loss = settings["model"]["kind"], settings["train"]["loss"]
    if not KINDS[kind].trains:
        raise CoversimError(f"model.kind: {kind} has nothing to train. Remedy: set train.epochs: 0")
    if loss["negatives"] == "pairs" and loss["kind"] != "contrastive":
        raise CoversimError(
            f"train.loss.kind: {loss['kind']} needs negatives from the batch, not from the pair table. "
            "Remedy: set train.loss.negatives to all, semi_hard or hardest"
        )


def varied(frames: Tensor, settings: dict, generator: torch.Generator) -> Tensor:
    """A song as training sees it this time: augmented, and an excerpt of it if so configured."""
    frames = augment(frames, settings["train"]["augmentation"], generator)
    if settings["train"]["excerpt"]:
        frames = excerpt(frames, round(settings["train"]["excerpt"] * settings["fft"]["rate"]), generator)
    return frames


def make_optimiser(encoder: Encoder, chosen: dict) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9."""
    common = {"lr": chosen["learning_rate"], "weight_decay": chosen["weight_decay"]}
    if chosen["optimiser"] == "sgd":
        return torch.optim.SGD(encoder.parameters(), momentum=0.9, **common)
    return torch.optim.AdamW(encoder.parameters(), **common)


def learning_rate(progress: float, chosen: dict) -> float:
    """The learning rate after this share of the training: `constant`, or a warm-up and then half a `cosine`."""
    if chosen["schedule"] == "constant":
        return chosen["learning_rate"]
    if progress < WARM_UP:
        return chosen["learning_rate"] * (START + RISE * progress)
    angle = math.pi * (progress - WARM_UP) / (1 - WARM_UP)
    return chosen["learning_rate"] * ((1 + math.cos(angle)) / 2)


def ema_decay(step: int, chosen: dict) -> float:
    """The weight of the past in the EMA: it rises to `train.averaging`, so that the first weights are soon forgotten."""
    return min(chosen["averaging"], (step + 1) / (step + 10))


@torch.no_grad()
def update_ema(ema: Encoder, encoder: Encoder, decay: float) -> None:
    """Move the averaged weights, and running statistics, towards the encoder's."""
    for mean, now in zip(
        ema.network.state_dict().values(), encoder.network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)
