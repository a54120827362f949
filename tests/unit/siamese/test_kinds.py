"""The kinds of model: what they say of themselves holds of the networks and of the configuration."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from coversim.features.patches import pad
from coversim.siamese.encoder import Encoder
from coversim.siamese.kinds import KINDS
from coversim.siamese.networks import NETWORKS
from experiments import experiment

ROOT = Path(__file__).parents[3]
EMBEDDING = [name for name, kind in KINDS.items() if not kind.pairwise]


def settings(kind: str, keys: tuple[str, ...]) -> dict:
    """An experiment whose `model` has no other keys than these and its kind."""
    flat = {"fft": {"frames": 20}, "representation": {"kind": "flat"}} if kind == "brief" else {}
    whole = experiment(model={"kind": kind, "linear": 1.0}, **flat)
    return whole | {"model": {key: whole["model"][key] for key in ("kind", *keys)}}


def test_what_embeds_songs_has_a_network() -> None:
    assert list(NETWORKS) == EMBEDDING


def test_the_configuration_allows_all_kinds() -> None:
    schema = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text(encoding="utf-8"))
    assert set(schema["$defs"]["model"]["properties"]["kind"]["enum"]) == set(KINDS)


@pytest.mark.parametrize("kind", EMBEDDING)
def test_a_network_reads_the_settings_that_its_kind_says_and_no_others(kind: str) -> None:
    reads = KINDS[kind].reads
    Encoder(settings(kind, reads), None)(*pad([torch.rand(1, 12, 20) for _ in range(2)]))
    for key in set(reads) - {"tempi"}:  # which embedding reads
        with pytest.raises(KeyError, match=key):
            Encoder(settings(kind, tuple(set(reads) - {key})), None)


@pytest.mark.parametrize("kind", EMBEDDING)
def test_what_trains_has_weights_and_what_is_fitted_can_be(kind: str) -> None:
    made = Encoder(settings(kind, KINDS[kind].reads), None)
    assert bool(list(made.parameters())) == KINDS[kind].trains
    assert (hasattr(made.network, "fit") or bool(made.linear)) == bool(KINDS[kind].fitted_on)


def test_kinds_are_known_without_torch() -> None:
    code = "import sys, coversim.siamese.kinds, coversim.siamese.history; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "scripts")
