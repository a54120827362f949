"""The kinds of model (`model.kind`), and what is to be known of each before anything is computed.

Free of torch, since the plan reads it, and every job makes the plan.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What a kind of model needs."""

    reads: tuple[str, ...] = ()
    """The keys of `model` on which it depends, besides `kind`."""
    representations: tuple[str, ...] = ("fourier", "flat")
    """The patches that it takes (`representation.kind`), where it embeds songs: `frames` keep their pitch classes."""
    trains: bool = False
    """Whether it is a network, which epochs of training change."""
    fitted_on: tuple[str, ...] = ()
    """Splits whose songs it is fitted to at once, without epochs."""
    mean: bool = False
    """Whether of a song's patches only their mean counts."""
    own_windows: bool = False
    """Whether it sees windows of the frames (`model.sharpness`, `model.seconds`, `model.hop`) where patches have no pitch classes."""
    pairwise: bool = False
    """Whether it compares songs pair by pair, and embeds none."""
    projection: str = ""
    """How patches become the vectors of a sequence, `pca`, `lda` or `network`, where it compares songs as sequences."""

    def sees(self, epochs: int) -> tuple[str, ...]:
        """The splits whose songs the model depends on; on those of its PCA apart."""
        return ("train", "valid") if epochs else self.fitted_on


KINDS = {
    "mean": Kind(reads=("tempi",), mean=True),
    "median": Kind(reads=("tempi",)),
    "whitened": Kind(reads=("tempi", "shrinkage"), fitted_on=("train",), mean=True),
    "lda": Kind(reads=("tempi", "embedding"), fitted_on=("train",), mean=True),
    "convolution": Kind(
        reads=("tempi", "embedding", "linear", "shrinkage", "channels", "layers", "kernel", "dropout"),
        trains=True,
        fitted_on=("train",),
    ),
    "brief": Kind(reads=("tempi", "embedding", "channels", "kernel"), representations=("flat",), trains=True),
    "motif": Kind(
        reads=(
            "tempi",
            "embedding",
            "linear",
            "shrinkage",
            "motifs",
            "sharpness",
            "seconds",
            "hop",
            "pooling",
            "channels",
            "dropout",
        ),
        representations=("fourier", "frames"),
        trains=True,
        fitted_on=("train",),
        own_windows=True,
    ),
    "qmax": Kind(reads=("sharpness", "transpositions"), pairwise=True),
    "chroma": Kind(reads=("sharpness",), pairwise=True),
    "sequence_pca": Kind(reads=("refine", "double_tempo"), pairwise=True, projection="pca"),
    "sequence_lda": Kind(reads=("refine", "double_tempo"), pairwise=True, projection="lda"),
    "sequence_network": Kind(reads=("channels", "layers"), trains=True, pairwise=True, projection="network"),
}
