import json
from collections import Counter

import pytest

from coversim.errors import CoversimError
from coversim.storage import tsv
from planning import data_set, many, plan


def test_works_that_a_benchmark_shares_with_training_works_are_left_out(tmp_path):
    shared, own = many(40), many(5, songs=3, prefix="X")
    train = data_set(tmp_path / "train", shared)
    benchmark = data_set(tmp_path / "benchmark", shared | own)
    made = plan(
        tmp_path,
        datasets={
            "train": {"root": train},
            "benchmark": {"root": benchmark, "subset": None, "layout": None, "features": None},
        },
    )
    assert made.collections == ["valid", "test", "benchmark"]
    split = json.loads((tmp_path / "results/catalogue/benchmark/summary.json").read_text())["split"]
    training = json.loads((tmp_path / "results/catalogue/train/summary.json").read_text())["split"]
    assert split["shared"]["works"] == training["train"]["works"] + training["valid"]["works"]
    assert split["benchmark"]["works"] == 5 + training["test"]["works"]


def test_a_work_that_is_the_same_as_another_one_is_that_work(tmp_path):
    table = tmp_path / "same.tsv"
    table.write_text("work\tsame_as\nX_0\tW_0\nX_1\tX_2\n")
    train = data_set(tmp_path / "train", many(40))
    benchmark = data_set(tmp_path / "benchmark", many(5, songs=3, prefix="X"))
    datasets = {"train": {"root": train}, "benchmark": {"root": benchmark, "same_works": str(table)}}
    made = plan(tmp_path, datasets=datasets)
    catalogue = tmp_path / "results/catalogue/benchmark/songs.tsv"
    works = Counter(row["work"] for row in tsv.read(catalogue))
    assert works == {"W_0": 3, "X_2": 6, "X_3": 3, "X_4": 3}
    table.write_text("work\tsame_as\nX_1\tX_2\n")
    stale = {
        path
        for path, digest in plan(tmp_path, datasets=datasets).digests.items()
        if made.digests[path] != digest
    }
    assert str(catalogue.relative_to(tmp_path / "results")) in stale
    assert all(path.startswith("catalogue/benchmark/") for path in stale)


def test_a_relative_root_is_found_from_results_that_lie_behind_a_link(tmp_path, monkeypatch):
    data_set(tmp_path / "here/data", many(40))
    scratch = tmp_path / "a/long/way/off"
    scratch.mkdir(parents=True)
    (tmp_path / "here/results").symlink_to(scratch)
    monkeypatch.chdir(tmp_path / "here")
    plan(tmp_path / "here", datasets={"train": {"root": "data"}})
    root = json.loads((scratch / "catalogue/train/summary.json").read_text())["root"]
    assert not root.startswith("/")
    assert (scratch / root).samefile(tmp_path / "here/data")


def test_names_that_two_tables_give_one_after_the_other_are_refused(tmp_path):
    datasets = {}
    for name, prefix, same in (("one", "W", "W_1\tX_1"), ("other", "X", "X_1\tY_1")):
        table = tmp_path / f"{name}.tsv"
        table.write_text(f"work\tsame_as\n{same}\n")
        root = data_set(tmp_path / name, many(40, prefix=prefix))
        datasets[name] = {"root": root, "same_works": str(table)}
    with pytest.raises(
        CoversimError, match=r"datasets.one.same_works: W_1 is the same as X_1, which .* calls Y_1"
    ):
        plan(tmp_path, datasets=datasets)


def test_the_metadata_beside_the_songs_gives_their_titles(tmp_path):
    root = data_set(tmp_path / "data", many(40))
    train = {"train": {"root": root}}
    assert plan(tmp_path, datasets=train).titles == []
    metadata = tmp_path / "data" / "da-tacos_metadata" / "da-tacos_any_subset_metadata.json"
    metadata.parent.mkdir()
    metadata.write_text("{}")
    assert plan(tmp_path, datasets=train).titles == [str(metadata)]


def test_the_briefs_split_has_no_test_collection(tmp_path):
    root = data_set(tmp_path / "data", many(50))
    made = plan(
        tmp_path, datasets={"train": {"root": root}}, split={"method": "first", "train": 40, "valid": 10}
    )
    assert made.collections == ["valid"]


def sets(tmp_path, **works):
    """Data sets of empty files: those whose name begins with b are benchmarks."""
    return {
        name: {
            "root": data_set(tmp_path / name, of),
            "role": "benchmark" if name.startswith("b") else "train",
        }
        for name, of in works.items()
    }


def test_any_number_of_data_sets_trains_and_is_evaluated_over_all_and_each_by_itself(tmp_path):
    datasets = sets(tmp_path, irish=many(40, prefix="I"), tunes=many(60, prefix="T"), b1=many(5, prefix="B"))
    made = plan(tmp_path, datasets=datasets)
    assert (made.datasets, made.training, made.demo) == (["irish", "tunes", "b1"], ["irish", "tunes"], False)
    assert made.collections == [
        *("valid", "test", "valid/irish", "valid/tunes", "test/irish", "test/tunes", "b1")
    ]
    assert made.sources["test"] == ["irish", "tunes"]
    assert made.sources["test/irish"] == ["irish"]
    assert made.sources["b1"] == ["b1"]
    assert made.training_pairs == ["train/irish", "train/tunes"]
    assert made == plan(tmp_path, walk=False, datasets=datasets)


def test_the_order_of_data_sets_in_the_configuration_is_no_matter(tmp_path):
    datasets = sets(tmp_path, b1=many(5, prefix="B"), z=many(40, prefix="Z"), a=many(40, prefix="A"))
    made = plan(tmp_path, datasets=datasets)
    again = plan(tmp_path, datasets=dict(reversed(datasets.items())))
    assert made.datasets == again.datasets == ["a", "z", "b1"]
    assert {path: of for path, of in made.digests.items() if path != "config.json"} == {
        path: of for path, of in again.digests.items() if path != "config.json"
    }


def test_one_data_set_of_any_name_has_no_collections_of_its_own(tmp_path):
    made = plan(tmp_path, datasets=sets(tmp_path, mine=many(40)))
    assert made.datasets == ["mine"]
    assert made.collections == ["valid", "test"]
    assert made.training_pairs == ["train"]


def test_a_benchmark_alone_is_refused(tmp_path):
    with pytest.raises(CoversimError, match=r"datasets: b1 is evaluated only.*Remedy: add a data set"):
        plan(tmp_path, datasets=sets(tmp_path, b1=many(5)))
    with pytest.raises(CoversimError, match=r"datasets: benchmark is evaluated only"):
        plan(tmp_path, datasets={"benchmark": {"root": data_set(tmp_path / "other", many(5))}})


def test_a_data_set_of_ones_own_has_a_root(tmp_path):
    with pytest.raises(
        CoversimError, match=r"datasets\.train: subset, rate would not be read.*datasets\.train\.root"
    ):
        plan(tmp_path, datasets={"train": {"subset": "coveranalysis", "rate": 43.0}})


def test_all_data_sets_that_are_not_there_are_named_at_once(tmp_path):
    datasets = sets(tmp_path, a=many(40)) | {name: {"root": str(tmp_path / name)} for name in ("b", "c")}
    with pytest.raises(CoversimError) as error:
        plan(tmp_path, datasets=datasets)
    told = [
        f"{tmp_path / name}: No such file or directory. Remedy: set datasets.{name}.root to the folder of a data set"
        for name in ("b", "c")
    ]
    assert str(error.value).splitlines() == told


def test_the_frame_rate_of_each_data_set_is_its_own(tmp_path):
    datasets = sets(tmp_path, a=many(40, prefix="A"), z=many(40, prefix="Z"))
    datasets["z"]["rate"] = 43.0
    assert plan(tmp_path, datasets=datasets).rates == {"a": 44_100 / 512, "z": 43.0}


def test_a_work_of_two_data_sets_falls_into_the_same_split(tmp_path):
    datasets = sets(tmp_path, a=many(40), z=many(60), b1=many(80))
    plan(tmp_path, datasets=datasets)
    splits = [
        {row["work"]: row["split"] for row in tsv.read(tmp_path / f"results/catalogue/{name}/songs.tsv")}
        for name in datasets
    ]
    assert {work: splits[1][work] for work in splits[0]} == splits[0]
    seen = {work for work, split in splits[1].items() if split in ("train", "valid")}
    assert {work for work, split in splits[2].items() if split == "shared"} == seen
    assert {split for work, split in splits[2].items() if work not in seen} == {"b1"}


def test_the_briefs_split_is_for_one_data_set(tmp_path):
    datasets = sets(tmp_path, a=many(40, prefix="A"), z=many(40, prefix="Z"))
    with pytest.raises(
        CoversimError, match=r"split\.method: first divides one data set.*Remedy: set it to hash"
    ):
        plan(tmp_path, datasets=datasets, split={"method": "first", "train": 20, "valid": 10})


def test_the_best_feature_that_all_training_data_sets_have_is_used(tmp_path):
    datasets = {
        name: {"root": data_set(tmp_path / name, many(40, prefix=name), features)}
        for name, features in {"a": ("crema", "hpcp"), "z": ("hpcp", "cens")}.items()
    }
    assert plan(tmp_path, datasets=datasets).experiments["vector"].settings["features"] == ["hpcp"]
