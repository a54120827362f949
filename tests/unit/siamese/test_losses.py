"""Losses against their definitions, and against pytorch-metric-learning where it has the same."""

import pytest
import torch
from torch import Tensor

from coversim.siamese.losses import (
    LOSSES,
    anchors_and_covers,
    batch_loss,
    choose_negatives,
    distances,
    pair_loss,
)

SETTINGS = {"margin": 1.2, "hinge": "squared", "negatives": "all", "temperature": 0.3}
WORK = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3])


def embeddings(seed: int = 0) -> Tensor:
    """Eight songs on the unit sphere, of the works in WORK."""
    points = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(points, dim=1).requires_grad_()


@pytest.mark.parametrize(
    ("distance", "label", "margin", "linear", "squared"),
    [
        (0.0, 0, 1.0, 0.0, 0.0),
        (0.6, 0, 1.0, 0.18, 0.18),
        (3.0, 0, 1.0, 4.5, 4.5),
        (0.0, 1, 1.0, 0.5, 0.5),
        (0.6, 1, 1.0, 0.2, 0.08),
        (0.6, 1, 2.0, 0.7, 0.98),
        (1.0, 1, 1.0, 0.0, 0.0),
        (3.0, 1, 1.0, 0.0, 0.0),
    ],
)
def test_contrastive_loss_of_a_pair_by_hand(distance, label, margin, linear, squared) -> None:
    pair = torch.tensor([distance], dtype=torch.float64), torch.tensor([label])
    assert pair_loss(*pair, margin, "linear").item() == pytest.approx(linear)
    assert pair_loss(*pair, margin, "squared").item() == pytest.approx(squared)


def test_distances_are_exact_and_their_gradient_at_0_is_0() -> None:
    points = embeddings()
    found = distances(points, points)
    for i in range(8):
        for j in range(8):
            assert found[i, j].item() == pytest.approx((points[i] - points[j]).norm().item(), abs=1e-15)
    found.diagonal().sum().backward()
    assert (points.grad == 0).all()


def test_anchors_and_covers_are_all_ordered_pairs_of_songs_of_one_work() -> None:
    anchor, cover = anchors_and_covers(WORK)
    expected = {(a, b) for a in range(8) for b in range(8) if a != b and WORK[a] == WORK[b]}
    assert set(zip(anchor.tolist(), cover.tolist(), strict=True)) == expected
    assert len(anchor) == len(expected)


def slow_choice(distance: Tensor, anchor: int, cover: int, negatives: str) -> set[int]:
    others = [n for n in range(len(WORK)) if WORK[n] != WORK[anchor]]
    if negatives == "semi_hard":
        others = [n for n in others if distance[anchor, n] > distance[anchor, cover]]
    if negatives != "all" and others:
        others = [min(others, key=lambda n: distance[anchor, n].item())]
    return set(others)


@pytest.mark.parametrize("negatives", ["all", "semi_hard", "hardest"])
@pytest.mark.parametrize("seed", range(5))
def test_negatives_are_chosen_as_defined(negatives: str, seed: int) -> None:
    points = embeddings(seed)
    distance = distances(points, points)
    anchor, cover = anchors_and_covers(WORK)
    chosen = choose_negatives(
        distance[anchor, cover], distance[anchor], WORK[anchor][:, None] != WORK, negatives
    )
    for a, c, row in zip(anchor.tolist(), cover.tolist(), chosen, strict=True):
        assert set(row.nonzero().flatten().tolist()) == slow_choice(distance, a, c, negatives)


@pytest.mark.parametrize("hinge", ["linear", "squared"])
@pytest.mark.parametrize("negatives", ["all", "semi_hard", "hardest"])
def test_contrastive_loss_of_a_batch_is_the_mean_over_covers_plus_that_over_negatives(
    hinge, negatives
) -> None:
    settings = SETTINGS | {"kind": "contrastive", "hinge": hinge, "negatives": negatives}
    points = embeddings()
    distance = distances(points, points).detach()
    pairs = list(zip(*(side.tolist() for side in anchors_and_covers(WORK)), strict=True))
    near = [0.5 * distance[a, c] ** 2 for a, c in pairs]
    short = [
        max(0.0, 1.2 - distance[a, n].item())
        for a, c in pairs
        for n in slow_choice(distance, a, c, negatives)
    ]
    far = [0.5 * (value if hinge == "linear" else value**2) for value in short]
    expected = sum(near) / len(near) + sum(far) / len(far)
    assert batch_loss(points, WORK, settings).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("negatives", ["all", "semi_hard", "hardest"])
def test_following_the_gradient_brings_covers_nearer_than_negatives(kind: str, negatives: str) -> None:
    settings = SETTINGS | {"kind": kind, "negatives": negatives}
    points = embeddings()
    for _ in range(300):
        (gradient,) = torch.autograd.grad(batch_loss(points, WORK, settings), points)
        points = torch.nn.functional.normalize(points - 0.1 * gradient, dim=1).detach().requires_grad_()
    distance = distances(points, points)
    anchor, cover = anchors_and_covers(WORK)
    nearest = distance[anchor].masked_fill(WORK[anchor][:, None] == WORK, torch.inf).amin(dim=1)
    assert (distance[anchor, cover] < nearest).all()


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("negatives", ["all", "semi_hard", "hardest"])
def test_a_collapsed_batch_has_a_finite_loss_and_gradient(kind: str, negatives: str) -> None:
    points = torch.ones(8, 4, requires_grad=True)
    loss = batch_loss(points, WORK, SETTINGS | {"kind": kind, "negatives": negatives})
    loss.backward()
    assert loss.isfinite()
    assert points.grad.isfinite().all()


def test_align_uniform_by_its_definition() -> None:
    points = embeddings()
    distance = distances(points, points)
    align = torch.stack([distance[a, c] ** 2 for a, c in zip(*anchors_and_covers(WORK), strict=True)]).mean()
    # every anchor counts once for each of its covers
    spread = [
        torch.exp(-2 * distance[a, n] ** 2)
        for a, c in zip(*(side.tolist() for side in anchors_and_covers(WORK)), strict=True)
        for n in slow_choice(distance, a, c, "all")
    ]
    found = batch_loss(points, WORK, SETTINGS | {"kind": "align_uniform"})
    torch.testing.assert_close(found, align + torch.stack(spread).mean().log())


class TestAgainstPytorchMetricLearning:
    """The same figures where the reference has the same loss; Musgrave, Belongie & Lim (2020)."""

    EQUAL = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    """Works of as many songs: the reference counts a negative pair once, ours once per cover of its anchor."""

    @pytest.fixture
    def pml(self):
        import pytorch_metric_learning.losses

        return pytorch_metric_learning.losses

    @pytest.fixture
    def euclidean(self, pml):
        from pytorch_metric_learning.distances import LpDistance

        return lambda power=1: LpDistance(normalize_embeddings=False, power=power)

    @staticmethod
    def mean_parts(loss, work: Tensor) -> tuple[Tensor, Tensor]:
        """The reference's mean loss of cover pairs and of negative pairs."""
        parts = loss.compute_loss(embeddings(), work, None, None, None)
        return parts["pos_loss"]["losses"].mean(), parts["neg_loss"]["losses"].mean()

    def test_contrastive_with_the_linear_hinge_and_all_negatives(self, pml, euclidean) -> None:
        near, _ = self.mean_parts(pml.ContrastiveLoss(0, 1.2, distance=euclidean(power=2)), self.EQUAL)
        _, far = self.mean_parts(pml.ContrastiveLoss(0, 1.2, distance=euclidean()), self.EQUAL)
        ours = batch_loss(embeddings(), self.EQUAL, SETTINGS | {"kind": "contrastive", "hinge": "linear"})
        torch.testing.assert_close(ours, (near + far) / 2)

    def test_infonce(self, pml, euclidean) -> None:
        theirs = pml.NTXentLoss(temperature=0.3, distance=euclidean(power=2))(embeddings(), WORK)
        torch.testing.assert_close(batch_loss(embeddings(), WORK, SETTINGS | {"kind": "nce"}), theirs)

    def test_triplet_with_all_negatives(self, pml, euclidean) -> None:
        from pytorch_metric_learning.reducers import MeanReducer

        theirs = pml.TripletMarginLoss(margin=1.2, distance=euclidean(), reducer=MeanReducer())
        ours = batch_loss(embeddings(), WORK, SETTINGS | {"kind": "triplet"})
        torch.testing.assert_close(ours, theirs(embeddings(), WORK))

    def test_triplet_with_the_hardest_negative(self, pml, euclidean) -> None:
        from pytorch_metric_learning.miners import BatchEasyHardMiner
        from pytorch_metric_learning.reducers import MeanReducer

        miner = BatchEasyHardMiner(pos_strategy="all", neg_strategy="hard", distance=euclidean())
        theirs = pml.TripletMarginLoss(margin=1.2, distance=euclidean(), reducer=MeanReducer())
        points = embeddings()
        ours = batch_loss(points, WORK, SETTINGS | {"kind": "triplet", "negatives": "hardest"})
        torch.testing.assert_close(ours, theirs(points, WORK, miner(points, WORK)))
