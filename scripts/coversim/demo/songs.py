"""Which songs the demo corpus holds, and where: known without writing or reading a file.

Stdlib only and instant, because the Snakefile asks it for the catalogue while it is parsed.
"""

import random

SUBSET = "demo"
FEATURES = ("crema", "hpcp", "cens")
METADATA = f"da-tacos_metadata/da-tacos_{SUBSET}_subset_metadata.json"

FIRST_NUMBER = 100_001
PERFORMANCES = {
    1: 8,
    2: 30,
    3: 34,
    4: 28,
}  # songs of a work: in per cent of the works; the 1s are distractors


def songs(works: int, seed: int) -> list[tuple[str, str]]:
    """The songs as (work, performance), sorted; the first n works are the same however many follow."""
    listed = []
    for number in range(FIRST_NUMBER, FIRST_NUMBER + works):
        (count,) = random.Random(f"{seed}/songs of/{number}").choices(
            list(PERFORMANCES), weights=list(PERFORMANCES.values())
        )
        listed += [(f"W_{number}", f"P_{10 * number + version}") for version in range(1, count + 1)]
    return listed


def files(work: str, performance: str) -> dict[str, str]:
    """The song's file of each feature, relative to the corpus' root, in Da-TACOS' per-feature layout."""
    return {
        feature: f"da-tacos_{SUBSET}_subset_{feature}/{work}_{feature}/{performance}_{feature}.h5"
        for feature in FEATURES
    }
