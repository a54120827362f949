"""Songs to train on in seconds, in memory."""

import torch

from coversim.siamese.songs import Songs

WITHOUT_PCA = {"pca": {"components": 0}}


def songs(works: int, seed: int) -> Songs:
    """Two songs of each work: the same random chords in another key, over a drone that is each song's own."""
    generator = torch.Generator().manual_seed(seed)
    found = Songs([], [], [])
    for work in range(works):
        chords = (torch.rand(1, 12, 15, generator=generator) ** 6).repeat_interleave(4, dim=2)
        for _ in range(2):
            semitones = int(torch.randint(12, (), generator=generator))
            drone = torch.rand(1, 12, 1, generator=generator)
            found.frames.append(chords.roll(semitones, dims=1) + drone)
            found.works.append(f"W_{seed}{work:03d}")
            found.sources.append(0)
    return found


TRAINING, VALIDATION = songs(60, 1), songs(20, 2)
