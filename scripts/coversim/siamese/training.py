"""Training the Siamese network: one loop, which goes on where an interrupted one stopped.

The state is written after every epoch. All randomness of an epoch follows from the seed and the epoch's
number, so a resumed training ends with the same bits as an uninterrupted one.
"""

import logging
import math
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from coversim.errors import CoversimError
from coversim.evaluation.retrieval import mean_average_precision
from coversim.features.patches import pad
from coversim.features.pca import Projection
from coversim.siamese.augmentation import augment, excerpt
from coversim.siamese.encoder import Discriminant, Encoder, embed
from coversim.siamese.losses import batch_loss, pair_loss
from coversim.siamese.sampling import epoch_generator, pair_batches, work_batches
from coversim.storage import torch_files
from coversim.storage.hashing import stable_hash

Pair = tuple[int, int, int]  # song, song, label
HISTORY = ("epoch", "train_loss", "valid_map", "learning_rate", "seconds")


@dataclass(frozen=True)
class Songs:
    """Songs in memory: frames (C, 12, T_i) float32 and the work of each."""

    frames: list[Tensor]
    works: list[str]


def train(
    settings: dict,
    seed: int,
    training: Songs,
    validation: Songs,
    pairs: list[Pair],
    projection: Projection | None,
    device: torch.device,
    state_file: Path,
) -> tuple[Encoder, list[dict]]:
    """Train until validation MAP has not risen for `train.patience` epochs, or for `train.epochs`.

    What is validated, and returned, is a moving average of the weights (`train.averaging`), which generalises
    better than the last ones. Epoch 0 is the untrained network: where training only harms, it comes back.

    Parameters
    ----------
    settings : dict
        An experiment's resolved settings.
    pairs : list of (song, song, label)
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
            encoder.network.fit(embed(encoder, training.frames, device), training.works)
        return encoder.eval(), []
    if not list(encoder.parameters()):
        raise CoversimError(
            f"model.kind: {settings['model']['kind']} has nothing to train. Remedy: set train.epochs: 0"
        )
    if chosen["loss"]["negatives"] == "pairs" and chosen["loss"]["kind"] != "contrastive":
        raise CoversimError(
            f"train.loss.kind: {chosen['loss']['kind']} needs non-covers from the batch, not from the pair table. "
            "Remedy: set train.loss.negatives to all, semi_hard or hardest"
        )
    averaged = deepcopy(encoder)
    optimiser = make_optimiser(encoder, chosen)
    history, best = [], None

    if (state := read_state(state_file)) is not None:
        encoder.network.load_state_dict(state["network"])
        averaged.network.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        history, best = state["history"], state["best"]
        logging.info("going on after epoch %d of %d", history[-1]["epoch"], chosen["epochs"])

    for epoch in range(len(history), chosen["epochs"] + 1):
        if best and epoch - best["epoch"] > chosen["patience"]:
            logging.info("no better validation MAP for %d epochs", chosen["patience"])
            break
        started = time.monotonic()
        loss = None  # of the untrained network
        if epoch:
            loss = train_epoch(encoder, averaged, optimiser, settings, seed, epoch, training, pairs)
        embeddings = embed(averaged, validation.frames, device)
        valid_map = mean_average_precision(embeddings, validation.works, device.type)
        rate, seconds = optimiser.param_groups[0]["lr"], time.monotonic() - started
        history.append(dict(zip(HISTORY, (epoch, loss, valid_map, rate, seconds), strict=True)))
        if best is None or not valid_map <= best["valid_map"]:  # without validation covers: the last epoch
            best = {
                "epoch": epoch,
                "valid_map": valid_map,
                "network": deepcopy(averaged.network.state_dict()),
            }
        state = {
            "network": encoder.network.state_dict(),
            "averaged": averaged.network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "history": history,
            "best": best,
        }
        torch_files.save(state_file, state, recorded=False)
        logging.info(
            "epoch %d/%d  loss %s  validation MAP %.4f  best %.4f (epoch %d)  %.1f s",
            epoch, chosen["epochs"], "-" if loss is None else f"{loss:.4f}", valid_map,
            best["valid_map"], best["epoch"], seconds,
        )  # fmt: skip

    averaged.network.load_state_dict(best["network"])
    return averaged.eval(), history


def train_epoch(
    encoder: Encoder,
    averaged: Encoder,
    optimiser: torch.optim.Optimizer,
    settings: dict,
    seed: int,
    epoch: int,
    training: Songs,
    pairs: list[Pair],
) -> float:
    """One pass through the training songs; the mean loss of its batches."""
    chosen, batch = settings["train"], settings["train"]["batch"]
    device = next(encoder.parameters()).device
    generator = epoch_generator(seed, epoch)
    torch.manual_seed(stable_hash("dropout", seed, epoch) >> 1)
    from_pairs = chosen["loss"]["negatives"] == "pairs"
    if from_pairs:
        batches = list(pair_batches(pairs, batch["pairs"], generator))
    else:
        batches = list(work_batches(training.works, batch["works"], batch["songs"], generator))
    number = {work: place for place, work in enumerate(dict.fromkeys(training.works))}
    if not batches:
        raise CoversimError(
            "no two training works have two usable songs each. Remedy: give the training split more works (split), "
            "or look into set_aside.tsv for what became of their songs"
        )
    losses = []
    encoder.train()
    for step, drawn in enumerate(batches, start=(epoch - 1) * len(batches)):
        set_learning_rate(optimiser, step / (chosen["epochs"] * len(batches)), chosen)
        songs = [song for pair in drawn for song in pair[:2]] if from_pairs else drawn
        frames, lengths = pad([varied(training.frames[song], settings, generator) for song in songs])
        embeddings = encoder(frames.to(device), lengths.to(device))
        if from_pairs:
            label = torch.tensor([label for _, _, label in drawn], device=device)
            distance = (embeddings[::2] - embeddings[1::2]).norm(dim=1)
            loss = pair_loss(distance, label, chosen["loss"]["margin"], chosen["loss"]["hinge"]).mean()
        else:
            work = torch.tensor([number[training.works[song]] for song in songs], device=device)
            loss = batch_loss(embeddings, work, chosen["loss"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average_weights(averaged, encoder, min(chosen["averaging"], (step + 1) / (step + 10)))
        losses.append(loss.item())
    mean = sum(losses) / len(losses)
    if not math.isfinite(mean):
        raise CoversimError(f"the loss is {mean} in epoch {epoch}. Remedy: lower train.learning_rate")
    return mean


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


def set_learning_rate(optimiser: torch.optim.Optimizer, progress: float, chosen: dict) -> None:
    """`constant`; or `cosine`: up over the first tenth of the training, then down along half a cosine."""
    share = 1.0
    if chosen["schedule"] == "cosine":
        share = min(0.04 + 9.6 * progress, (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2)
    for group in optimiser.param_groups:
        group["lr"] = chosen["learning_rate"] * share


@torch.no_grad()
def average_weights(averaged: Encoder, encoder: Encoder, decay: float) -> None:
    """Move the averaged weights, and running statistics, towards the encoder's."""
    for mean, now in zip(
        averaged.network.state_dict().values(), encoder.network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)


def read_state(path: Path) -> dict | None:
    """What an interrupted training left at `path`, if anything."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises all sorts of errors on a damaged file
        logging.warning("%s is not readable (%s): the training starts anew", path, type(error).__name__)
        return None
