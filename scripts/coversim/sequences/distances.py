"""From the scores of pairs of songs to distances that lengths and hubs do not decide.

Two songs that have nothing to do with each other find something in common by chance, the more the longer they are,
and what covers have in common cannot be longer than the shorter one: a score is divided by a power of its length.
Some songs score well with everything: how well with songs to learn from, which cover neither, is taken away from
both songs of a pair.
"""

import numpy as np

LENGTH = 0.7  # power of the shorter length that a score is divided by
HUBS = 0.5  # share of what is by chance that is taken away
HALF_RATE = 0.03  # by how much songs seem more alike at half their rate, where each vector is the mean of two
TEMPO = 0.07  # by how much more two songs must be alike at half or twice the tempo than at their own


def likeness(scores: np.ndarray, length: int, lengths: np.ndarray, apart: int = 1) -> np.ndarray:
    """log(1 + score / shorter^LENGTH), (N,), of the scores of a song of so many patches with others.

    Of vectors that are so many patches `apart`, each stands for these; they are to be more alike by HALF_RATE.
    """
    found = np.log1p(apart * scores / (apart * np.minimum(length, lengths)) ** LENGTH)
    return found if apart == 1 else found - HALF_RATE


def hubness(likenesses: np.ndarray) -> float:
    """What a song is to be taken for a hub by: its mean likeness with songs to learn from."""
    return float(np.mean(likenesses))


def distances(likenesses: np.ndarray, hubness: float, hubnesses: np.ndarray) -> np.ndarray:
    """Distances (N,) > 0 of a song to others: exp(−likeness), times what their hubness makes up for.

    They fall as the score grows, and are as symmetric as it is: see coversim.sequences.matching.
    """
    return np.exp(HUBS * (hubness + hubnesses) - likenesses)
