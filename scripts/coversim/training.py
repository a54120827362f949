"""Training the Siamese network: one loop, which goes on where an interrupted one stopped.

The state is written after every epoch. All randomness of an epoch follows from the seed and the epoch's
number, so a resumed training ends with the same bits as an uninterrupted one.
"""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from coversim.atomic import replacing
from coversim.augmentation import augment
from coversim.encoder import Encoder, embed
from coversim.errors import CoversimError
from coversim.losses import batch_loss, pair_loss
from coversim.moments import Projection
from coversim.patches import pad
from coversim.retrieval import mean_average_precision
from coversim.sampling import epoch_generator, pair_batches, work_batches
from coversim.shards import stable_hash

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
    pairs: list[tuple[int, int, int]],
    projection: Projection | None,
    device: torch.device,
    state_file: Path,
) -> tuple[Encoder, list[dict]]:
    """Train until validation MAP has not risen for `train.patience` epochs, or for `train.epochs`.

    Epoch 0 is the untrained network: where training only harms, that is what comes back.

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
        return encoder.eval(), []
    network = encoder.network
    if not list(network.parameters()):
        raise CoversimError(
            f"model.kind: {settings['model']['kind']} has nothing to train. Remedy: set train.epochs: 0"
        )
    optimiser = OPTIMISERS[chosen["optimiser"]](network.parameters(), chosen)
    history, best = [], None

    if (state := _read_state(state_file)) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        history, best = state["history"], state["best"]
        logging.info("going on after epoch %d of %d", history[-1]["epoch"], chosen["epochs"])

    for epoch in range(len(history), chosen["epochs"] + 1):
        if best and epoch - best["epoch"] > chosen["patience"]:
            logging.info("no better validation MAP for %d epochs", chosen["patience"])
            break
        started = time.monotonic()
        rate = learning_rate(epoch, chosen)
        loss = None  # of the untrained network
        if epoch:
            for group in optimiser.param_groups:
                group["lr"] = rate
            loss = _train_epoch(encoder, optimiser, settings, seed, epoch, training, pairs, device)
        valid_map = mean_average_precision(embed(encoder, validation.frames, device), validation.works)
        history.append(
            dict(zip(HISTORY, (epoch, loss, valid_map, rate, time.monotonic() - started), strict=True))
        )
        if best is None or not valid_map <= best["valid_map"]:
            best = {"epoch": epoch, "valid_map": valid_map, "network": _copy(network.state_dict())}
        state = {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "history": history,
            "best": best,
        }
        with replacing(state_file) as temporary, Path(temporary).open("wb") as file:
            torch.save(state, file)
        logging.info(
            "epoch %d/%d  loss %s  validation MAP %.4f  best %.4f (epoch %d)  %.1f s",
            epoch, chosen["epochs"], "-" if loss is None else f"{loss:.4f}", valid_map, best["valid_map"], best["epoch"], history[-1]["seconds"],
        )  # fmt: skip

    network.load_state_dict(best["network"])
    return encoder.eval(), history


def _train_epoch(
    encoder: Encoder,
    optimiser: torch.optim.Optimizer,
    settings: dict,
    seed: int,
    epoch: int,
    training: Songs,
    pairs: list[tuple[int, int, int]],
    device: torch.device,
) -> float:
    """One pass through the training songs; the mean loss of its batches."""
    chosen = settings["train"]
    loss_settings, batch = chosen["loss"], chosen["batch"]
    generator = epoch_generator(seed, epoch)
    torch.manual_seed(stable_hash("dropout", seed, epoch) >> 1)
    encoder.train()
    if loss_settings["negatives"] == "pairs":
        batches = pair_batches(pairs, batch["pairs"], generator)
    else:
        batches = work_batches(training.works, batch["works"], batch["songs"], generator)
    work_number = {work: number for number, work in enumerate(dict.fromkeys(training.works))}
    losses = []
    for drawn in batches:
        if loss_settings["negatives"] == "pairs":
            songs = [song for pair in drawn for song in pair[:2]]
        else:
            songs = drawn
        frames, lengths = pad(
            [augment(training.frames[song], chosen["augmentation"], generator) for song in songs]
        )
        embeddings = encoder(frames.to(device), lengths.to(device))
        if loss_settings["negatives"] == "pairs":
            label = torch.tensor([label for _, _, label in drawn], device=device)
            distance = (embeddings[::2] - embeddings[1::2]).norm(dim=1)
            loss = pair_loss(distance, label, loss_settings["margin"], loss_settings["hinge"]).mean()
        else:
            work = torch.tensor([work_number[training.works[song]] for song in songs], device=device)
            loss = batch_loss(embeddings, work, loss_settings)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    mean = sum(losses) / len(losses)
    if not math.isfinite(mean):
        raise CoversimError(f"the loss is {mean} in epoch {epoch}. Remedy: lower train.learning_rate")
    return mean


def learning_rate(epoch: int, chosen: dict) -> float:
    """`constant`, or `cosine`: from the configured rate at epoch 1 along half a cosine towards 0."""
    if chosen["schedule"] == "constant":
        return chosen["learning_rate"]
    return chosen["learning_rate"] * (1 + math.cos(math.pi * max(epoch - 1, 0) / chosen["epochs"])) / 2


OPTIMISERS = {
    "adamw": lambda parameters, chosen: torch.optim.AdamW(
        parameters, lr=chosen["learning_rate"], weight_decay=chosen["weight_decay"]
    ),
    "sgd": lambda parameters, chosen: torch.optim.SGD(
        parameters, lr=chosen["learning_rate"], momentum=0.9, weight_decay=chosen["weight_decay"]
    ),
}


def _copy(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def _read_state(path: Path) -> dict | None:
    """What an interrupted training left at `path`, if anything."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError) as error:
        logging.warning("%s: not readable (%s): training starts anew", path, error)
        return None
