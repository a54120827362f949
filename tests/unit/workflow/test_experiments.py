"""What an experiment of the configuration is made of."""

from pathlib import Path

import pytest
import torch
import yaml

from coversim.errors import CoversimError
from coversim.features.patches import representation
from coversim.sequences.patches import RATE
from coversim.siamese.encoder import Encoder, embed
from coversim.siamese.kinds import KINDS
from coversim.workflow.config import merge
from coversim.workflow.experiments import SEQUENCE_RATE, frames_name, patch_size, patches_name, resolve

DEFAULTS = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())


def changed(**changes):
    return merge(DEFAULTS, changes)


def test_an_experiment_overrides_the_top_level_key_by_key():
    resolved = resolve(changed(experiments={"small": {"pca": {"components": 8}}}), ["hpcp"])["small"].settings
    assert resolved["pca"] == {**DEFAULTS["pca"], "components": 8}
    assert resolved["features"] == ["hpcp"]
    assert resolved["train"] == DEFAULTS["train"]


def test_an_experiment_set_to_null_is_left_out():
    assert "brief" not in resolve(changed(experiments={"brief": None}), ["crema"])


def test_the_five_experiments_of_the_default_run():
    assert list(resolve(DEFAULTS, ["crema"])) == ["sequence", "vector", "brief", "ftm2d", "pca"]


def test_a_setting_per_feature_comes_down_to_those_of_the_experiment():
    config = changed(features=["hpcp", "crema"], experiments={"one": {"model": {"sharpness": 2}}})
    default = DEFAULTS["model"]["sharpness"]
    resolved = resolve(config, ["cens"])
    assert resolved["vector"].settings["model"]["sharpness"] == [default["hpcp"], default["crema"]]
    assert resolved["one"].settings["model"]["sharpness"] == [2, 2]


def test_a_feature_without_its_setting_is_named():
    config = changed(model={"sharpness": 1}, experiments={"one": {"model": {"sharpness": {}}}})
    with pytest.raises(CoversimError, match=r"'one': model.sharpness has no value for hpcp"):
        resolve(config, ["hpcp"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"features": ["crema", "hpcp"]},
        {"fft": {"rate": 5.0}, "representation": {"seconds": [0.1, 3.0, 7.3]}},
        {"representation": {"bispectrum": []}},
        {"representation": {"bispectrum": [0.0, 0.1, 0.3]}},
        {"representation": {"kind": "frames", "seconds": [2.0]}},
        {
            "representation": {"kind": "flat"},
            "fft": {"frames": 64},
            "model": {"kind": "mean", "tempi": [1.0]},
            "train": {"epochs": 0},
        },
    ],
)
def test_the_plan_knows_the_size_of_patches_without_making_any(changes):
    experiments = {"one": changes} | dict.fromkeys(DEFAULTS["experiments"])
    settings = resolve(changed(experiments=experiments), ["crema"])["one"].settings
    assert patch_size(settings) == representation(settings).size


def test_a_run_beside_others_has_their_seed_or_its_only_one():
    experiments = {"late": {"fuse": ["vector", "pca"]}}
    late = resolve(changed(seeds=[1, 2], experiments=experiments), ["crema"])["late"]
    assert [part.run_of("2") for part in late.parts] == ["vector/2", "pca/1"]
    assert late.runs == ["late/1", "late/2"]


def test_what_compares_songs_as_sequences_has_a_projection_and_no_model():
    experiments = {"sequence": {"model": {"kind": "sequence_pca"}}, "joined": {"fuse": ["vector", "pca"]}}
    resolved = resolve(changed(seeds=[1, 2], experiments=experiments), ["crema"])
    sequence = resolved["sequence"]
    assert (sequence.projection, sequence.runs, list(sequence.frames)) == (
        "pca",
        ["sequence/1"],
        ["crema-4hz"],
    )
    assert [sequence.has_model, sequence.embeds, sequence.patches] == [False, False, ""]
    assert {name for name, experiment in resolved.items() if experiment.projection} == {"sequence"}


def test_a_network_of_sequences_is_named_by_its_training_and_its_seed():
    network = {"model": {"kind": "sequence_network"}}
    experiments = {
        "network": network,
        "same": network | {"representation": {"hop": 0.5}, "pca": {"components": 8}},
        "wider": {"model": {"kind": "sequence_network", "channels": 9}},
        "untrained": network | {"train": {"epochs": 0}},
        "lda": {"model": {"kind": "sequence_lda"}},
    }
    resolved = resolve(changed(experiments=experiments, seeds=[3, 4]), ["crema"])
    one, same, wider = (resolved[name] for name in ("network", "same", "wider"))
    assert one.runs == ["network/3", "network/4"]
    assert resolved["untrained"].runs == ["untrained/3"]
    assert [one.has_model, one.embeds, one.patches] == [False, False, ""]
    assert one.projection_of(3) == f"network-{one.training}-3"
    assert one.projection_of(3) == same.projection_of(3)
    assert one.alignment == same.alignment
    assert len({one.projection_of(3), one.projection_of(4), wider.projection_of(3)}) == 3
    assert one.alignment != wider.alignment
    assert resolved["lda"].projection_of(3) == resolved["lda"].projection == "lda"


@pytest.mark.parametrize("representation", ["fourier", "frames", "flat"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not KINDS[kind].pairwise])
def test_a_kind_of_model_embeds_what_it_may_be_configured_for(kind, representation):
    """And what it may not be configured for, it cannot embed."""
    changes = {
        "representation": {"kind": representation, "seconds": [4.0], "bispectrum": []},
        "fft": {"frames": 64 if representation == "flat" else None},
        "pca": {"components": 0},
        "model": {"kind": kind, "tempi": [1.0], "embedding": 8, "motifs": 4, "channels": 8},
        "train": {"epochs": 0},
    }
    experiments = dict.fromkeys(DEFAULTS["experiments"]) | {"one": changes}
    songs = [torch.rand(1, 12, 64, generator=torch.manual_seed(seed)) for seed in range(2)]
    if representation in KINDS[kind].representations:
        settings = resolve(changed(experiments=experiments), ["crema"])["one"].settings
        assert embed(Encoder(settings, None).eval(), songs, torch.device("cpu")).isfinite().all()
    else:
        with pytest.raises(
            CoversimError, match=f"'one': model.kind: {kind} takes no patches of .*{representation}"
        ):
            resolve(changed(experiments=experiments), ["crema"])
        settings = resolve(changed(), ["crema"])["pca"].settings
        with pytest.raises((RuntimeError, IndexError, ValueError)):
            embed(Encoder(merge(settings, changes), None).eval(), songs, torch.device("cpu"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"representation": {"kind": "flat"}, "model": {"kind": "brief"}}, "fft.frames, e.g. to 256"),
        ({"fft": {"frames": 256}}, "set its fft.frames to null"),
        ({"representation": {"kind": "frames"}}, "list one in its representation.seconds"),
        ({"model": {"kind": "mean"}}, "set its train.epochs to 0"),
        ({"train": {"loss": {"negatives": "pairs"}}}, "train.loss.negatives to all"),
        (
            {
                "model": {"kind": "sequence_network"},
                "train": {"loss": {"negatives": "pairs", "kind": "contrastive"}},
            },
            "sequence_network learns from patches",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_a_song_is_read(changes, message):
    with pytest.raises(CoversimError, match=f"'one'.*Remedy.*{message}|'one'.*{message}.*Remedy"):
        resolve(changed(experiments={"one": changes}), ["crema"])


def test_a_lag_as_long_as_the_longest_window_is_refused_before_a_song_is_read():
    short = {"seconds": [1.0, 2.0], "bispectrum": [0.0, 2.0]}
    with pytest.raises(CoversimError, match=r"'one'.*bispectrum.*Remedy: choose shorter ones"):
        resolve(changed(experiments={"one": {"representation": short}}), ["crema"])
    for changes in ({"bispectrum": [0.0, 1.5]}, {"bispectrum": []}, {"seconds": [0.1], "bispectrum": [0.0]}):
        assert resolve(changed(experiments={"one": {"representation": short | changes}}), ["crema"])
    unread = {"representation": short, "model": {"kind": "qmax"}}
    assert resolve(changed(experiments={"one": unread}), ["crema"])


@pytest.mark.parametrize("fft", [{"rate": 2.0}, {"frames": 256}])
def test_sequences_of_another_frame_rate_are_refused(fft):
    experiments = {"sequence": {"fft": fft, "model": {"kind": "sequence_lda"}}}
    with pytest.raises(
        CoversimError, match=r"'sequence'.*4 frames per second.*Remedy: set its fft.rate to 4.0"
    ):
        resolve(changed(experiments=experiments), ["crema"])


def test_the_plan_knows_the_frame_rate_of_sequences():
    assert SEQUENCE_RATE == RATE


def test_frames_are_named_by_feature_and_sampling():
    assert frames_name("crema", {"rate": 4.0, "frames": None}) == "crema-4hz"
    assert frames_name("crema", {"rate": 2.5, "frames": None}) == "crema-2.5hz"
    assert frames_name("hpcp", {"rate": 4.0, "frames": 256}) == "hpcp-256frames"


def test_patches_are_named_by_what_they_depend_on():
    settings = {section: DEFAULTS[section] for section in ("fft", "representation", "pca", "model")} | {
        "features": ["crema"]
    }
    longer = merge(settings, {"representation": {"seconds": [20.0]}})
    assert (
        patches_name(merge(settings, {"pca": {"components": 3}}))
        == patches_name(settings)
        != patches_name(longer)
    )
    flat = merge(settings, {"representation": {"kind": "flat"}})
    assert patches_name(flat) == patches_name(merge(flat, {"representation": {"seconds": [20.0]}}))


def test_experiments_share_a_training_where_their_models_depend_on_equal_settings():
    named = resolve(
        changed(
            experiments={
                "tempi": {"query": {"tempi": [0.8, 1.0]}},
                "reranked": {"rerank": {"candidates": 100}},
                "wider": {"model": {"channels": 64}},
            }
        ),
        ["crema"],
    )
    assert named["tempi"].training == named["reranked"].training == named["vector"].training
    trainings = [named[name].training for name in ("vector", "wider", "brief", "ftm2d", "pca")]
    assert len(set(trainings)) == 5


def test_what_is_re_ranked_by_sequences_has_their_projection_and_stays_the_same_model():
    named = resolve(
        changed(experiments={"reranked": {"rerank": {"candidates": 100, "by": "sequence_pca"}}}), ["crema"]
    )
    assert named["reranked"].projection == "pca"
    assert named["reranked"].training == named["vector"].training
    assert named["vector"].projection == ""


@pytest.mark.parametrize("fused", [{}, {"fuse": ["vector", "pca"]}])
def test_what_is_not_of_four_frames_per_second_is_not_re_ranked_by_sequences(fused):
    slow = {"fft": {"rate": 2.0}, "rerank": {"candidates": 9}} | fused
    with pytest.raises(
        CoversimError,
        match=r"'reranked': sequences \(sequence_lda\).*fft\.rate to 4\.0.*or its rerank\.by to qmax",
    ):
        resolve(changed(experiments={"reranked": slow}), ["crema"])
    by_alignment = merge(slow, {"rerank": {"by": "qmax"}})
    assert resolve(changed(experiments={"reranked": by_alignment}), ["crema"])["reranked"].aligns


def test_sequences_are_refined_wherever_they_are_compared():
    named = resolve(
        changed(
            model={"refine": 20},
            experiments={
                "sequence": {"model": {"kind": "sequence_lda"}},
                "whole": {"model": {"kind": "sequence_lda", "refine": 0}},
                "reranked": {"rerank": {"candidates": 100}},
                "qmax": {"model": {"kind": "qmax"}},
                "default": {},
            },
        ),
        ["crema"],
    )
    names = ("sequence", "whole", "reranked", "qmax", "default")
    assert [named[name].alignment["refine"] for name in names] == [20, 0, 20, 0, 0]
    assert named["reranked"].training == named["default"].training


def test_sequences_are_compared_at_twice_their_tempo_wherever_they_are_linear():
    named = resolve(
        changed(
            model={"double_tempo": "all"},
            experiments={
                "sequence": {"model": {"kind": "sequence_lda"}},
                "own": {"model": {"kind": "sequence_lda", "double_tempo": "none"}},
                "fast": {"model": {"kind": "sequence_lda", "double_tempo": "nearest"}},
                "network": {"model": {"kind": "sequence_network"}},
                "reranked": {"rerank": {"candidates": 100}},
                "qmax": {"model": {"kind": "qmax"}},
                "default": {},
            },
        ),
        ["crema"],
    )
    names = ("sequence", "own", "fast", "network", "reranked", "qmax", "default")
    found = [named[name].alignment["double_tempo"] for name in names]
    assert found == ["all", "none", "nearest", "none", "all", "none", "none"]
    assert named["reranked"].training == named["default"].training


@pytest.mark.parametrize(
    "fast",
    [
        {"model": {"kind": "sequence_lda"}},
        {"rerank": {"candidates": 9}},
        {"rerank": {"candidates": 9}, "fuse": ["vector", "pca"]},
    ],
)
def test_none_is_nearest_where_none_is_compared_again(fast):
    none_again = {"double_tempo": "nearest", "refine": 0}
    with pytest.raises(CoversimError, match=r"'fast'.*no songs are compared again.*Remedy: set model.refine"):
        resolve(changed(model=none_again, experiments={"sequence": None, "fast": fast}), ["crema"])


def test_what_finds_songs_to_match_changes_nothing_that_is_computed_of_them():
    by_vector = {"model": {"kind": "sequence_lda", "first_step": "vector"}}
    named = resolve(changed(experiments={"other": by_vector}), ["crema"])
    assert named["sequence"].alignment == named["other"].alignment
    assert named["sequence"].training == named["other"].training


@pytest.mark.parametrize(
    ("experiments", "said"),
    [
        (
            {"vector": None},
            "'vector' is no experiment .* of crema .*name one of brief, ftm2d, pca, or set it to",
        ),
        ({"vector": {"features": ["hpcp"]}}, "'vector' is no experiment .* of crema as well"),
        ({"sequence": {"model": {"first_step": "sequence"}}}, "'sequence' .* an embedding of its own"),
        (
            {"late": {"fuse": ["vector", "pca"]}, "sequence": {"model": {"first_step": "late"}}},
            "'late' is no experiment .*name one of vector, brief, ftm2d, pca",
        ),
        (
            dict.fromkeys(("vector", "brief", "ftm2d", "pca")),
            "'vector' .*Remedy: set it to null, and outlines",
        ),
    ],
)
def test_what_finds_songs_to_match_has_an_embedding_of_the_same_features(experiments, said):
    with pytest.raises(CoversimError, match=f"'sequence': its model.first_step {said}"):
        resolve(changed(model={"first_step": "vector"}, experiments=experiments), ["crema"])


def test_what_does_not_match_songs_needs_nothing_that_finds_them():
    missing = {"model": {"first_step": "missing"}}
    named = resolve(
        changed(**missing, experiments={"sequence": None, "reranked": {"rerank": {"candidates": 9}}}),
        ["crema"],
    )
    assert "reranked" in named


@pytest.mark.parametrize(
    ("train", "key"),
    [
        ({"augmentation": {"form": 0.3}}, "train.augmentation.form"),
        ({"augmentation": {"tempo": 0.1}}, "train.augmentation.tempo"),
        ({"excerpt": 20.0}, "train.excerpt"),
    ],
)
def test_what_sees_whole_songs_is_not_trained_on_parts_of_them_or_at_other_tempi(train, key):
    brief = DEFAULTS["experiments"]["brief"]
    with pytest.raises(CoversimError, match=f"'mine': .*flat.*Remedy: set its {key} to 0"):
        resolve(changed(experiments={"mine": merge(brief, {"train": train})}), ["crema"])
    untrained = merge(brief, {"train": {**train, "epochs": 0}})
    assert "mine" in resolve(changed(train=train, experiments={"mine": untrained}), ["crema"])


def test_qmax_tries_so_many_transpositions_wherever_it_aligns():
    one = {"model": {"transpositions": 1}}
    named = resolve(
        changed(
            experiments={
                "qmax": {"model": {"kind": "qmax"}},
                "one": {"model": {"kind": "qmax", "transpositions": 1}},
                "chroma": {"model": {"kind": "chroma"}},
                "reranked": {"rerank": {"candidates": 100, "by": "qmax"}, **one},
                "vector": one,
            }
        ),
        ["crema"],
    )
    tried = {name: named[name].alignment["transpositions"] for name in ("qmax", "one", "chroma", "reranked")}
    assert tried == {"qmax": DEFAULTS["model"]["transpositions"], "one": 1, "chroma": 1, "reranked": 1}
    assert (
        named["reranked"].training
        == named["vector"].training
        == resolve(DEFAULTS, ["crema"])["vector"].training
    )
