"""A network that begins as the projection, and commutes with transposition as it does."""

import numpy as np
import pytest
import torch

from coversim.sequences import patches
from coversim.sequences.aligned import Song
from coversim.sequences.encoder import TEMPERATURE, Encoder, Pairs, contrast, train
from coversim.sequences.projection import Projection, SecondMoments, principal_components, transpose


def recording(seed: int, noise: int, key: int = 0) -> Song:
    tune = np.repeat(np.random.default_rng(seed).random((1, 12, 60)), 2, axis=2) ** 3
    frames = np.roll(tune + 0.8 * np.random.default_rng(noise).random((1, 12, 120)), key, axis=1)
    return Song(patches.patches(frames), patches.profiles(frames))


def works() -> list[list[Song]]:
    return [[recording(seed, 100 + seed), recording(seed, 200 + seed, key=seed)] for seed in range(6)]


def projection() -> Projection:
    moments = SecondMoments(16)
    for song in (song for covers in works() for song in covers):
        moments.add(song.patches)
    return principal_components([moments], 24)


def trained(steps: int, seed: int) -> Encoder:
    torch.manual_seed(seed)
    encoder = Encoder(projection())
    train(encoder, Pairs([works()], projection()), steps, seed)
    return encoder


def test_it_begins_as_the_projection():
    song = recording(9, 9).patches
    np.testing.assert_allclose(Encoder(projection()).project(song), projection()(song), atol=1e-5)


@pytest.mark.parametrize("semitones", [1, 6, -5])
def test_it_commutes_with_transposition_whatever_it_has_learnt(semitones):
    encoder, song = trained(3, seed=0), recording(9, 9).patches
    with torch.no_grad():
        encoder.last += torch.randn(encoder.last.shape, generator=torch.Generator().manual_seed(1))
    assert np.abs(encoder.project(song) - projection()(song)).max() > 0.05
    there = encoder.project(patches.transpose(song, semitones))
    np.testing.assert_allclose(there, transpose(encoder.project(song), encoder.orders, semitones), atol=1e-4)


def test_silence_is_zero():
    assert not trained(3, seed=0).project(np.zeros((2, 7, 16), np.complex64)).any()


def test_the_loss_is_how_a_match_stands_out_from_patches_of_other_works():
    random = np.random.default_rng(0)
    here, there = random.normal(size=(2, 4, 3))
    work = np.array([5, 5, 7, 8])
    expected = []
    for first, second in ((here, there), (there, here)):
        for row in range(4):
            others = [row, *np.flatnonzero(work != work[row])]
            similar = np.exp(first[row] @ second[others].T / TEMPERATURE)
            expected.append(-np.log(similar[0] / similar.sum()))
    found = contrast(*map(torch.from_numpy, (here, there, work)))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-6)


def test_training_makes_matches_stand_out():
    here, there, work = Pairs([works()], projection()).draw(300, np.random.default_rng(9))
    before, after = (
        float(contrast(encoder(here), encoder(there), work).detach())
        for encoder in (Encoder(projection()), trained(80, seed=0))
    )
    assert after < 0.985 * before


def test_the_seed_decides():
    a, b, other = trained(3, seed=0), trained(3, seed=0), trained(3, seed=1)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.linear, other.linear)
