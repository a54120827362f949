"""Losses on the Euclidean distance of embeddings. Labels of pairs: 0 = cover, 1 = non-cover.

In a batch every song is an *anchor* once. A loss sees, for each of its C pairs of an anchor and a cover of it,
their distance `cover` (C,), the distances `others` (C, B) from the anchor to all songs of the batch, and which of
these are its `negatives` (C, B): the songs that the loss pushes away from the anchor.
"""

import torch
from torch import Tensor
from torch.nn.functional import relu

from coversim.dataset.labels import NON_COVER


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (N, M) between the rows of (N, E) and of (M, E); the gradient at distance 0 is 0."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def pair_loss(distance: Tensor, label: Tensor, margin: float, hinge: str) -> Tensor:
    """Contrastive loss of each pair, (1−Y)·½·D² + Y·½·max(0, m−D), `linear` as in the original brief.

    With hinge `squared` the second term is Y·½·max(0, m−D)² (Hadsell, Chopra & LeCun 2006, "Dimensionality
    reduction by learning an invariant mapping").
    """
    short = relu(margin - distance)
    if hinge == "squared":
        short = short.square()
    return 0.5 * torch.where(label == NON_COVER, short, distance.square())


def batch_loss(embeddings: Tensor, work: Tensor, settings: dict) -> Tensor:
    """The loss of a batch: embeddings (B, E), `work` (B,) equal for songs of one work.

    `settings` is `train.loss` of the configuration.
    """
    distance = distances(embeddings, embeddings)
    anchor, cover = anchors_and_covers(work)
    others = distance[anchor]
    return loss(distance[anchor, cover], others, work[anchor][:, None] != work, settings)


def loss(cover: Tensor, others: Tensor, negatives: Tensor, settings: dict) -> Tensor:
    """The loss of pairs, of whose `negatives` (C, B) those count that `train.loss` of the configuration names."""
    chosen = choose_negatives(cover, others, negatives, settings["negatives"])
    return LOSSES[settings["kind"]](cover, others, chosen, settings)


def anchors_and_covers(work: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (C,) and (C,) of all ordered pairs of two songs of one work."""
    same = (work[:, None] == work).fill_diagonal_(False)
    anchor, cover = same.nonzero(as_tuple=True)
    return anchor, cover


def choose_negatives(cover: Tensor, others: Tensor, negatives: Tensor, which: str) -> Tensor:
    """Which of the `negatives` (C, B) of each pair of an anchor and a cover the loss sees.

    `all` of them. `hardest`: the nearest. `semi_hard`: the nearest that is farther
    away than the cover (Schroff, Kalenichenko & Philbin 2015, "FaceNet"), none where there is none.
    """
    if which == "all":
        return negatives
    if which == "semi_hard":
        negatives = negatives & (others > cover[:, None])
    nearest = others.detach().masked_fill(~negatives, torch.inf).argmin(dim=1, keepdim=True)
    return negatives & (torch.arange(others.shape[1], device=others.device) == nearest)


def contrastive(cover: Tensor, others: Tensor, negatives: Tensor, settings: dict) -> Tensor:
    """Contrastive loss, covers and negatives weighing the same whatever their number."""
    far = pair_loss(others, others.new_full((), NON_COVER), settings["margin"], settings["hinge"])
    return cover.square().mean() / 2 + _mean(far, negatives)


def triplet(cover: Tensor, others: Tensor, negatives: Tensor, settings: dict) -> Tensor:
    """max(0, D(anchor, cover) − D(anchor, negative) + margin), averaged."""
    return _mean(relu(cover[:, None] - others + settings["margin"]), negatives)


def nce(cover: Tensor, others: Tensor, negatives: Tensor, settings: dict) -> Tensor:
    """InfoNCE (van den Oord, Li & Vinyals 2018) on −D² / temperature: find the cover among the negatives."""
    near = -cover.square() / settings["temperature"]
    far = (-others.square() / settings["temperature"]).masked_fill(~negatives, -torch.inf)
    return (torch.cat((near[:, None], far), dim=1).logsumexp(dim=1) - near).mean()


def align_uniform(cover: Tensor, others: Tensor, negatives: Tensor, settings: dict) -> Tensor:
    """Alignment of covers plus uniformity of negatives: E[D²] + log E[exp(−2 D²)].

    Wang & Isola (2020), "Understanding contrastive representation learning through alignment and uniformity
    on the hypersphere"; for versions of music Serrà et al. (2025).
    """
    align = cover.square().mean()
    if not negatives.any():
        return align
    spread = (-2 * others.square()).masked_fill(~negatives, -torch.inf).flatten().logsumexp(dim=0)
    return align + spread - negatives.sum().log()


LOSSES = {"contrastive": contrastive, "triplet": triplet, "nce": nce, "align_uniform": align_uniform}


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values, 0 if none is."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
