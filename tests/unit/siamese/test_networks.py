"""Networks, beside what they compute written out."""

import torch

from coversim.siamese.networks import PITCH_CLASSES, SMALLEST, Motif

SETTINGS = {"motifs": 3, "channels": 4, "embedding": 5, "pooling": 2.0, "dropout": 0.0}


def test_motifs_and_what_is_made_of_them_are_sought_in_every_transposition():
    torch.manual_seed(0)
    network = Motif(6, SETTINGS).eval()
    song = torch.rand(7, PITCH_CLASSES, 6)  # windows of six frames

    def matches(patterns, seen, by):
        """How well each pattern suits what is seen, that many semitones higher."""
        return torch.stack([(pattern * seen.roll(-by, dims=0)).sum() for pattern in patterns])

    transposed = range(PITCH_CLASSES)
    with torch.no_grad():
        found = torch.stack(
            [torch.stack([matches(network.motifs, window, by) for by in transposed]) for window in song]
        )
        found = network.norm(found.flatten(0, 1)).relu()
        found = network.mix_norm(network.mix(found)).relu().view(7, PITCH_CLASSES, -1)
        pooled = (found + SMALLEST).square().mean(dim=0).sqrt()
        keys = torch.stack([matches(network.keys, pooled, by) for by in transposed])
        best = network.best_norm(network.keys_norm(keys).relu().amax(dim=0)[None])
        expected = torch.nn.functional.normalize(network.linear(best))
        mask = torch.tensor([[True] * 7 + [False] * 2])
        given = network(torch.cat([song, torch.rand(2, PITCH_CLASSES, 6)])[None], mask)
    torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-6)
