"""The frame-wise features of Da-TACOS (Yesiler et al., ISMIR 2019) and how their files hold them."""

from dataclasses import dataclass

FRAME_RATE = 44_100 / 512
"""Frames per second of every feature of Da-TACOS, Hz. Other data sets may have another rate."""


@dataclass(frozen=True)
class Feature:
    """One feature as the files hold it; its name is also the suffix of its folders and files."""

    name: str
    dataset: str
    """Name of the array in the file."""
    rows: int
    """12 pitch classes, or cepstral coefficients."""
    roll: int = 0
    """Rows to roll by so that the first one is pitch class C."""
    hold: int = 1
    """Frames for which each value is repeated at FRAME_RATE: crema is computed at every 8th frame only."""
    non_negative: bool = True

    def held(self, frame_rate: float) -> float:
        """Frames for which each value is repeated at another frame rate: a mean where it is no whole number."""
        return max(1.0, self.hold * frame_rate / FRAME_RATE)


FEATURES = {
    feature.name: feature
    for feature in (
        Feature("crema", dataset="crema", rows=12, hold=8),
        Feature("hpcp", dataset="hpcp", rows=12, roll=9),
        Feature("cens", dataset="chroma_cens", rows=12),
        Feature("mfcc", dataset="mfcc_htk", rows=13, non_negative=False),
    )
}
