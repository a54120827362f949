from dataclasses import replace

import pytest

from coversim.errors import CoversimError
from coversim.workflow.config import merge
from coversim.workflow.plan import make_plan
from planning import DEFAULTS, data_set, many, plan

SHARPNESS = DEFAULTS["model"]["sharpness"]["crema"]


def aligning(made):
    return [name for name, one in made.experiments.items() if one.aligns and not one.projection]


def test_a_job_makes_the_same_plan_from_the_catalogue_alone(tmp_path):
    assert plan(tmp_path) == plan(tmp_path, walk=False)


def test_planning_writes_nothing(tmp_path):
    make_plan(DEFAULTS, tmp_path / "results", walk=True)
    assert not list(tmp_path.iterdir())


def test_after_the_data_set_is_gone_the_plan_is_that_of_its_catalogue(tmp_path, caplog):
    train = {"train": {"root": data_set(tmp_path / "data", many(40))}}
    before = plan(tmp_path, datasets=train)
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    after = plan(tmp_path, datasets=train)
    assert str(tmp_path / "data") in after.unreachable
    assert "Planning from the catalogue of the last run" in caplog.text
    assert replace(after, unreachable="") == before
    assert after.digests == before.digests


@pytest.mark.parametrize(
    "change", [{"shards": 3}, {"split": {"seed": 1}}, {"datasets": {"train": {"root": "typo"}}}]
)
def test_a_catalogue_of_other_data_does_not_stand_in_for_data_that_is_gone(tmp_path, change):
    train = {"train": {"root": data_set(tmp_path / "data", many(40))}}
    plan(tmp_path, datasets=train)
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    with pytest.raises(CoversimError, match=r"No such file|no such"):
        plan(tmp_path, **merge({"datasets": train}, change))


def test_a_root_that_is_not_there_is_named_with_the_folder_that_it_is_seen_from(tmp_path, monkeypatch):
    data_set(tmp_path / "data", many(40))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(CoversimError, match=f"^.*data, seen from {tmp_path / 'elsewhere'}: No such file"):
        plan(tmp_path, datasets={"train": {"root": "data"}})


def test_with_on_bad_song_fail_a_file_that_is_called_like_no_song_stops_the_plan(tmp_path):
    root = data_set(tmp_path / "data", many(40))
    stray = tmp_path / "data" / "da-tacos_any_subset_crema" / "W_3_crema" / "badname.h5"
    stray.touch()
    assert plan(tmp_path, datasets={"train": {"root": root}}).songs == {"train": 80}
    with pytest.raises(CoversimError, match=r"data: W_3 .*badname.*Remedy: .*on_bad_song: set_aside"):
        plan(tmp_path, datasets={"train": {"root": root}}, on_bad_song="fail")


def test_a_song_that_changed_changes_the_digest_of_one_manifest(tmp_path):
    root = data_set(tmp_path / "data", many(40))
    train = {"train": {"root": root}}
    before = plan(tmp_path, datasets=train).digests
    next((tmp_path / "data").rglob("*.h5")).write_text("other")
    after = plan(tmp_path, datasets=train).digests
    [changed] = [path for path in before if before[path] != after[path]]
    assert changed.startswith("catalogue/train/manifests/crema/")


def test_a_job_without_a_catalogue_says_what_is_missing(tmp_path):
    with pytest.raises(CoversimError, match=r"summary\.json: no catalogue yet"):
        plan(tmp_path, walk=False)


def test_naming_a_root_is_all_it_takes_to_leave_the_demo_corpus(tmp_path):
    root = data_set(tmp_path / "data", many(40), features=("hpcp",))
    made = plan(tmp_path, datasets={"train": {"root": root}})
    assert not made.demo
    assert list(made.experiments["vector"].frames) == ["hpcp-4hz"]


def test_the_best_feature_that_there_is_is_used(tmp_path):
    root = data_set(tmp_path / "data", many(40), features=("cens", "crema", "hpcp"))
    assert list(plan(tmp_path, datasets={"train": {"root": root}}).experiments["vector"].frames) == [
        "crema-4hz"
    ]


def test_untrained_experiments_have_one_seed(tmp_path):
    runs = plan(tmp_path, seeds=[1, 2, 3]).runs
    assert [run for run in runs if run.startswith(("vector/", "ftm2d/"))] == [
        "vector/1",
        "vector/2",
        "vector/3",
        "ftm2d/1",
    ]


def test_experiments_that_compare_pair_by_pair_have_frames_and_neither_model_nor_pca(tmp_path):
    made = plan(tmp_path, seeds=[1, 2], experiments={"classic": {"model": {"kind": "qmax"}}})
    assert [run for run in made.runs if run.startswith("classic")] == ["classic/1"]
    assert not any(run.startswith("classic") for run in made.models)
    classic = made.experiments["classic"]
    assert classic.frames == made.experiments["vector"].frames
    assert not classic.patches
    assert classic.alignment == {
        "method": "qmax",
        "transpositions": 2,
        "sharpness": f"{SHARPNESS:g}",
        "candidates": 0,
        "refine": 0,
        "double_tempo": "none",
    }
    assert aligning(made) == ["classic"]  # the others re-rank nothing


def test_what_is_fused_has_embeddings_and_no_model_and_as_many_seeds_as_its_parts(tmp_path):
    experiments = {"late": {"fuse": ["vector", "pca"]}, "untrained": {"fuse": ["pca", "ftm2d"]}}
    made = plan(tmp_path, seeds=[1, 2], experiments=experiments)
    late, untrained = made.experiments["late"], made.experiments["untrained"]
    assert [part.name for part in late.parts] == ["vector", "pca"]
    assert (late.runs, untrained.runs) == (["late/1", "late/2"], ["untrained/1"])
    assert late.embeds
    assert not set(late.runs + untrained.runs) & set(made.models)
    assert not aligning(made)
    assert not late.patches


def test_what_fuses_others_sees_frames_only_to_align_them(tmp_path):
    root = data_set(tmp_path / "data", many(40), features=("crema", "hpcp"))
    benchmark = data_set(tmp_path / "other", many(3, prefix="X"), features=("hpcp",))
    datasets = {"train": {"root": root}, "benchmark": {"root": benchmark}}
    names = ("vector", "brief", "ftm2d", "pca", "sequence")
    experiments = {name: {"features": ["hpcp"]} for name in names} | {"late": {"fuse": ["vector", "pca"]}}
    made = plan(tmp_path, datasets=datasets, experiments=experiments)  # late's own features would be crema
    assert set(made.frames) == {"hpcp-4hz", "hpcp-256frames"}
    experiments["late"]["rerank"] = {"candidates": 5}
    with pytest.raises(CoversimError, match="experiment 'late' uses crema, which the data set"):
        plan(tmp_path, datasets=datasets, experiments=experiments)
    experiments["late"]["features"] = ["hpcp"]
    made = plan(tmp_path, datasets=datasets, experiments=experiments, model={"kind": "motif"})
    assert list(made.experiments["late"].frames) == ["hpcp-4hz"]
    assert made.experiments["late"].alignment["candidates"] == 5


def test_what_fuses_others_has_no_settings_of_a_network(tmp_path):
    experiments = {"late": {"fuse": ["vector", "pca"], "model": {"kind": "qmax"}}}
    with pytest.raises(
        CoversimError, match="'late' fuses others and trains nothing: model would not be read"
    ):
        plan(tmp_path, experiments=experiments)


@pytest.mark.parametrize("part", ["nothing", "classic", "early"])
def test_what_has_no_embedding_of_its_own_is_not_fused(tmp_path, part):
    experiments = {
        "classic": {"model": {"kind": "qmax"}},
        "early": {"fuse": ["vector", "pca"]},
        "late": {"fuse": ["vector", part]},
    }
    with pytest.raises(CoversimError, match=f"'late' fuses '{part}'.* Remedy: name experiments among vector"):
        plan(tmp_path, experiments=experiments)


def test_what_is_fused_is_sought_at_the_same_tempi(tmp_path):
    experiments = {
        "vector": {"query": {"tempi": [0.9, 1.1]}},
        "pca": {"query": {"tempi": [0.9]}},
        "late": {"fuse": ["vector", "pca"]},
    }
    with pytest.raises(CoversimError, match=r"'late' fuses others whose queries have different tempi"):
        plan(tmp_path, experiments=experiments)
    experiments["pca"]["query"]["tempi"] = []
    assert plan(tmp_path, experiments=experiments).experiments["late"].runs == ["late/1"]


def test_re_ranking_changes_no_model(tmp_path):
    made = plan(tmp_path, experiments={"better": {"rerank": {"candidates": 50, "by": "qmax", "weight": 0.5}}})
    better, vector = made.experiments["better"], made.experiments["vector"]
    assert better.model_settings == vector.model_settings
    assert aligning(made) == ["better"]
    assert better.alignment == {
        "method": "qmax",
        "transpositions": 2,
        "sharpness": f"{SHARPNESS:g}",
        "candidates": 50,
        "refine": 0,
        "double_tempo": "none",
    }
    assert (better.weight, vector.weight) == (0.5, "")


def test_what_a_song_is_sought_by_changes_no_model(tmp_path):
    made = plan(tmp_path, experiments={"sought": {"query": {"tempi": [0.85, 1, 1.18]}}})
    assert made.experiments["sought"].model_settings == made.experiments["vector"].model_settings


@pytest.mark.parametrize("changes", [{"model": {"tempi": [0.9, 1.1]}}, {"query": {"tempi": [0.9]}}])
def test_a_fixed_number_of_frames_has_no_tempo(tmp_path, changes):
    with pytest.raises(
        CoversimError, match=r"'brief': songs of a fixed number of frames .* Remedy: set its model"
    ):
        plan(tmp_path, experiments={"brief": changes})


def test_of_a_baselines_settings_only_those_that_it_reads_count(tmp_path):
    untrained = {"epochs": 0, "learning_rate": 0.5, "works": 0.5}
    baselines = {
        kind: {"model": {"kind": kind, "embedding": 8}, "train": untrained} for kind in ("mean", "lda")
    }
    made = plan(tmp_path, experiments=baselines)
    settings = {name: experiment.model_settings for name, experiment in made.experiments.items()}
    assert (settings["mean"]["model"].keys(), settings["mean"]["train"]) == ({"kind", "tempi"}, {"epochs": 0})
    assert settings["lda"]["model"]["embedding"] == 8
    assert settings["lda"]["train"] == {"epochs": 0, "works": 0.5}


def test_experiments_that_differ_only_in_training_share_frames_and_pca(tmp_path):
    made = plan(tmp_path, experiments={"other": {"train": {"epochs": 3}}})
    assert made.experiments["other"].patches == made.experiments["vector"].patches
    assert made.experiments["other"].frames == made.experiments["vector"].frames


def test_copies_are_told_by_the_frames_of_most_experiments(tmp_path):
    root = data_set(tmp_path / "data", many(40))
    train = {"train": {"root": root}}
    assert plan(tmp_path, datasets=train).telling_frames == "crema-4hz"
    more = {"a": {"fft": {"rate": 2.0}}, "b": {"fft": {"rate": 1.0}}}
    assert plan(tmp_path, datasets=train, experiments=more).telling_frames == "crema-4hz"


def test_a_feature_that_the_data_set_lacks_is_refused(tmp_path):
    root = data_set(tmp_path / "data", many(40))
    with pytest.raises(CoversimError, match="uses hpcp, which the data set"):
        plan(tmp_path, datasets={"train": {"root": root}}, features=["hpcp"])


def test_a_run_without_experiments_is_refused(tmp_path):
    with pytest.raises(CoversimError, match="no experiment"):
        plan(tmp_path, experiments=dict.fromkeys(DEFAULTS["experiments"]))


def test_a_feature_that_is_no_chroma_is_refused_by_name(tmp_path):
    root = data_set(tmp_path / "data", many(40), features=("crema", "mfcc"))
    with pytest.raises(CoversimError, match=r"uses mfcc, which is no chroma.*Remedy"):
        plan(tmp_path, datasets={"train": {"root": root}}, features=["crema", "mfcc"])
