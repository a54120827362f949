"""A search that aligns frames does it as the workflow does."""

from pathlib import Path

import yaml

from coversim.metric import alignment

ROOT = Path(__file__).parents[3]


def test_a_search_aligns_as_re_ranking_by_qmax_does():
    defaults = yaml.safe_load((ROOT / "config.yaml").read_text())
    classics = yaml.safe_load((ROOT / "config" / "classics.yaml").read_text())
    assert defaults["fft"]["rate"] == alignment.RATE
    assert defaults["model"]["transpositions"] == alignment.TRANSPOSITIONS
    assert classics["experiments"]["vector"]["rerank"]["weight"] == alignment.WEIGHT
