"""The loop of a training of whatever network: one epoch after another, and on where an interrupted one stopped.

The state is written after every epoch. All randomness of an epoch follows from the seed and the epoch's
number, so a resumed training ends with the same bits as an uninterrupted one.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coversim.errors import CoversimError
from coversim.siamese.history import HISTORY, kept_epoch
from coversim.siamese.sampling import Batch
from coversim.storage import torch_files

# the cosine schedule
WARM_UP = 0.1  # share of the training in which the learning rate rises to its full height …
START = 0.04  # … from this share of it
RISE = (1 - START) / WARM_UP


@dataclass
class State:
    """Where a training stands."""

    network: nn.Module
    ema: nn.Module
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
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
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
        self.network.load_state_dict(content["network"])
        self.ema.load_state_dict(content["ema"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.history, self.kept = content["history"], content["kept"]
        logging.info("going on after epoch %d", self.history[-1]["epoch"])


def run(
    state: State,
    chosen: dict,
    epoch_loss: Callable[[int], float],
    validation_map: Callable[[], float],
    state_file: Path,
) -> None:
    """Train until validation MAP has not risen for `train.patience` epochs, or for `train.epochs`.

    In the end `state.ema` has the weights of the best epoch. Epoch 0 is the untrained network: where training only
    harms, it comes back.

    Parameters
    ----------
    chosen : the settings `train`
    epoch_loss : trains for the epoch of this number, and gives its mean loss
    validation_map : the MAP that the averaged weights have
    state_file : Path
        Where the training stands. Written after every epoch, read at the start if it is there.

    Raises
    ------
    CoversimError
        If a loss is not finite.
    """
    state.resume(state_file)
    for epoch in range(len(state.history), chosen["epochs"] + 1):
        if epoch and epoch - state.kept_epoch() > chosen["patience"]:
            logging.info("no better validation MAP for %d epochs", chosen["patience"])
            break
        started = time.monotonic()
        loss = epoch_loss(epoch) if epoch else None
        if loss is not None and not math.isfinite(loss):
            raise CoversimError(f"the loss is {loss} in epoch {epoch}. Remedy: lower train.learning_rate")
        valid_map = validation_map()
        rate, seconds = state.optimiser.param_groups[0]["lr"], time.monotonic() - started
        state.history.append(dict(zip(HISTORY, (epoch, loss, valid_map, rate, seconds), strict=True)))
        if (best := state.kept_epoch()) == epoch:
            state.kept = deepcopy(state.ema.state_dict())
        state.save(state_file)
        logging.info(
            "epoch %d/%d  loss %s  validation MAP %.4f  best %.4f (epoch %d)  %.1f s",
            epoch, chosen["epochs"], "-" if loss is None else f"{loss:.4f}", valid_map,
            state.history[best]["valid_map"], best, seconds,
        )  # fmt: skip
    state.ema.load_state_dict(state.kept)


def epoch(
    state: State,
    batches: Sequence[Batch],
    batch_loss: Callable[[Batch], Tensor],
    chosen: dict,
    number: int,
) -> float:
    """Train with these batches in the epoch `number`, from 1; the mean of their losses."""
    if not batches:
        raise CoversimError(
            "no two training works have two usable songs each. Remedy: give the training split more works (split), "
            "or look into set_aside.tsv for what became of their songs"
        )
    state.network.train()
    losses = []
    for place, batch in enumerate(batches, start=(number - 1) * len(batches)):
        loss = batch_loss(batch)
        step(state, loss, chosen, place, chosen["epochs"] * len(batches))
        losses.append(loss.item())
    return sum(losses) / len(losses)


def step(state: State, loss: Tensor, chosen: dict, number: int, steps: int) -> None:
    """Move the weights down the gradient of a batch's loss: step `number`, from 0, of so many in all epochs."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(number / steps, chosen)
    state.optimiser.zero_grad()
    loss.backward()
    state.optimiser.step()
    update_ema(state.ema, state.network, ema_decay(number, chosen))


def make_optimiser(network: nn.Module, chosen: dict) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9."""
    common = {"lr": chosen["learning_rate"], "weight_decay": chosen["weight_decay"]}
    if chosen["optimiser"] == "sgd":
        return torch.optim.SGD(network.parameters(), momentum=0.9, **common)
    return torch.optim.AdamW(network.parameters(), **common)


def learning_rate(progress: float, chosen: dict) -> float:
    """The learning rate after this share of the training: `constant`, or a warm-up and then half a `cosine`."""
    if chosen["schedule"] == "constant":
        return chosen["learning_rate"]
    if progress < WARM_UP:
        return chosen["learning_rate"] * (START + RISE * progress)
    angle = math.pi * (progress - WARM_UP) / (1 - WARM_UP)
    return chosen["learning_rate"] * ((1 + math.cos(angle)) / 2)


def ema_decay(step: int, chosen: dict) -> float:
    """The weight of the past in the EMA: it rises to `train.ema`, so that the first weights are soon forgotten."""
    return min(chosen["ema"], (step + 1) / (step + 10))


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights, and running statistics, towards the network's."""
    for mean, now in zip(ema.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)
