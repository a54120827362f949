import copy
import functools
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.cli import parse_config

from coversim.errors import CoversimError
from coversim.workflow.config import check_files, merge, names_of, naming, validate
from coversim.workflow.experiments import SECTIONS, as_json

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "schemas" / "config.schema.yaml"
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(**changes):
    return merge(DEFAULTS, changes)


def leaves(schema, top, path=()):
    """Paths of all keys that the schema describes, and whether each has a description."""
    if "$ref" in schema:
        schema = {
            **top["$defs"][schema["$ref"].rsplit("/", 1)[1]],
            **{k: v for k, v in schema.items() if k != "$ref"},
        }
    for key, inner in schema.get("properties", {}).items():
        resolved = {**top["$defs"].get(inner.get("$ref", "").rsplit("/", 1)[-1], {}), **inner}
        yield (*path, key), "description" in resolved
        yield from leaves(inner, top, (*path, key))


def keys(mapping, path=()):
    for key, value in mapping.items():
        yield (*path, key)
        if isinstance(value, dict) and key != "experiments":
            yield from keys(value, (*path, key))


def complaint(config, files=()):
    with pytest.raises(CoversimError) as error:
        validate(config, SCHEMA, files)
    return str(error.value)


def complaint_about(tmp_path, text):
    """What is said about a file of one's own over the defaults."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)
    return complaint(merge(DEFAULTS, yaml.safe_load(text)), (str(ROOT / "config.yaml"), str(mine)))


def test_the_defaults_are_valid():
    assert validate(DEFAULTS, SCHEMA) == DEFAULTS


def test_the_schema_describes_every_key_of_the_defaults_and_no_other():
    schema = yaml.safe_load(SCHEMA.read_text())
    described = {path: has for path, has in leaves(schema, schema) if path[:2] != ("datasets", "benchmark")}
    assert set(described) == set(keys(DEFAULTS)) - {("datasets", "benchmark")}
    assert all(described.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shard": 3}, "unknown key 'shard': did you mean 'shards'?"),
        ({"fft": {"rates": 3}}, "unknown key 'fft.rates': did you mean 'fft.rate'?"),
        ({"experiments": {"mine": {"modell": {}}}}, "did you mean 'experiments.mine.model'?"),
        (
            {"datasets": {"train": {"rot": "/x"}}},
            "unknown key 'datasets.train.rot': did you mean 'datasets.train.root'?",
        ),
        ({"train": {"learning_rate": float("nan")}}, "YAML reads .nan as no finite number"),
        ({"shards": 0}, "shards: 0 is less than the minimum of 1"),
        ({"name": "../x"}, "name: ../x is not allowed: a name starts with a letter"),
        ({"on_bad_song": "ignore"}, "on_bad_song: ignore is not one of"),
        ({"datasets": {"benchmark": {"subset": "x"}}}, "datasets.benchmark"),
        ({"datasets": {"irish": {"subset": "x"}}}, "datasets.irish: 'root' is a required property"),
        ({"datasets": {"irish": {"root": "/x", "rol": "train"}}}, "did you mean 'datasets.irish.role'?"),
        (
            {"datasets": {"irish": {"root": "/x", "role": "test"}}},
            "datasets.irish.role: test is not one of train, ",
        ),
        (
            {"datasets": {"train": {"role": "benchmark"}}},
            "datasets.train.role: benchmark is not one of train, null",
        ),
        ({"datasets": {"test": {"root": "/x"}}}, "valid, test and shared are taken: choose another"),
        (
            {"datasets": {"valid/x": {"root": "/x"}}},
            "datasets: valid/x is not allowed: a name starts with a letter",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_nearest_key(changes, message):
    assert message in complaint(changed(**changes))


def test_all_mistakes_are_listed_at_once():
    assert len(complaint(changed(shards=0, seed=1)).splitlines()) == 4  # between a head and a remedy


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"shards": 3.0}, {"shards": 3}),
        ({"seeds": [1.0, 2]}, {"seeds": [1, 2]}),
        ({"split": {"seed": 0.0}}, {"split": {"seed": 0}}),
        ({"fft": {"rate": 2, "frames": 256.0}}, {"fft": {"rate": 2.0, "frames": 256}}),
        ({"split": {"method": "first", "valid": 9.0}}, {"split": {"method": "first", "valid": 9}}),
        ({"representation": {"sharpness": 2}}, {"representation": {"sharpness": 2.0}}),
        ({"representation": {"sharpness": {"cens": 2}}}, {"representation": {"sharpness": {"cens": 2.0}}}),
        ({"representation": {"seconds": [2, 3]}}, {"representation": {"seconds": [2.0, 3.0]}}),
        ({"pca": {"whiten": True}}, {"pca": {"whiten": True}}),
        ({"experiments": {"a": {"pca": {"components": 4.0}}}}, {"experiments": {"a": {"pca": {"components": 4}}}}),
        ({"experiments": {"a": {"train": {"excerpt": 0}}}}, {"experiments": {"a": {"train": {"excerpt": 0.0}}}}),
        ({"experiments": {2024: {}}}, {"experiments": {"2024": {}}}),
    ],
)  # fmt: skip
def test_a_number_is_of_the_type_that_the_schema_names_and_a_key_is_text(written, read):
    """JSON tells 1, 1.0 and true apart, where == does not."""
    plain = {**DEFAULTS, "experiments": {}}
    config = merge(plain, written)
    before = copy.deepcopy(config)
    assert as_json(validate(config, SCHEMA)) == as_json(merge(plain, read))
    assert repr(config) == repr(before)


def rewritten(value, as_integer):
    """`value` with each whole number written as an integer or with a fraction, as `as_integer()` says."""
    if isinstance(value, dict):
        return {key: rewritten(item, as_integer) for key, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, as_integer) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return value
    return int(value) if as_integer() else float(value)


@settings(max_examples=30)
@given(st.data(), st.sampled_from([{}, {"split": {"method": "first", "valid": 5}}]))
def test_equal_numbers_are_one_configuration(data, changes):
    config = changed(**changes)
    other = rewritten(config, lambda: data.draw(st.booleans()))
    assert as_json(validate(other, SCHEMA)) == as_json(validate(config, SCHEMA))


@settings(max_examples=30)
@given(
    st.fixed_dictionaries(
        {"shards": st.integers(1, 99) | st.integers(1, 99).map(float)},
        optional={
            "pca": st.fixed_dictionaries({"components": st.sampled_from([0, 4, 4.0, 16.0])}),
            "representation": st.fixed_dictionaries(
                {"sharpness": st.integers(0, 9) | st.floats(0, 9) | st.just({"crema": 2, "hpcp": 0.5})}
            ),
            "experiments": st.dictionaries(
                st.integers(0) | st.from_regex(r"[a-z0-9_][a-z0-9_-]{0,9}", fullmatch=True),
                st.none() | st.just({"model": {"tempi": [1]}, "train": {"works": 1}}),
            ).filter(lambda chosen: len(set(map(str, chosen))) == len(chosen)),
        },
    )
)
def test_to_validate_again_changes_nothing(changes):
    once = validate(changed(**changes), SCHEMA)
    assert as_json(validate(once, SCHEMA)) == as_json(once)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # what YAML reads otherwise than it was meant
        ("name: 2024", 'name: must be text, but YAML reads 2024 as a number: write it in quotes, name: "2024"'),
        ("name: 2024_11_26", 'YAML reads 20241126 as a number: write it in quotes, name: "20241126"'),
        ("name: 2024-11-26", 'YAML reads 2024-11-26 as a date: write it in quotes, name: "2024-11-26"'),
        ("name: yes", 'YAML reads yes, on and true as a truth value: write it in quotes, name: "yes"'),
        ("datasets: {train: {root: 7}}", 'datasets.train.root: must be text or null, but YAML reads 7 as a number: write it in quotes, root: "7"'),
        ("experiments: {a: {fuse: [2024, b]}}", 'experiments.a.fuse.0: must be text, but YAML reads 2024 as a number: write it in quotes, "2024"'),
        ("experiments: {no: {}}", "experiments: as a key, YAML reads no, off and false as a truth value: write it in quotes"),
        ('experiments: {2024: {}, "2024": {}}', "experiments.2024: is given twice, as text and as a number"),
        ("train: {learning_rate: 1e-3}", "train.learning_rate: must be a number, but YAML reads 1e-3 as text: write 0.001"),
        ("train: {learning_rate: 1e-9}", "YAML reads 1e-9 as text: write 1.0e-09"),
        ("train: {learning_rate: .inf}", "train.learning_rate: must be a number, but YAML reads .inf as no finite number"),
        ("train: {epochs: '3'}", "train.epochs: must be a whole number, but YAML reads '3' as text: write 3"),
        ("train: {epochs: 2.5}", "train.epochs: must be a whole number, but YAML reads 2.5 as a number\n"),
        ("pca: {whiten: 'no'}", "pca.whiten: must be true or false, but YAML reads 'no' as text: write false"),
        ("pca:", "pca: must be a mapping, but YAML reads null as nothing"),
        ("seeds: 3", "seeds: must be a list, but YAML reads 3 as a number: write [3]"),
        ("seeds: 1, 2", "seeds: must be a list, but YAML reads 1, 2 as text: write [1, 2]"),
        ("features: crema", "features: must be a list or null, but YAML reads crema as text: write [crema]"),
        ("split: {method: first, valid: 2.5}", "split.valid: must be a whole number"),
        ("split: {method: first}", "0.15 as a number: split.method: first takes a number of works, so set split.valid too"),
        ("model: {kernel: 4}", "model.kernel: 4 is not allowed: Patches that a convolution sees, an odd number"),
        # a key at another level
        ("epochs: 3", "unknown key 'epochs': did you mean 'train.epochs'?"),
        ("epoch: 3", "unknown key 'epoch': did you mean 'train.epochs'?"),
        ("root: /data", "did you mean 'datasets.train.root' or 'datasets.benchmark.root'?"),
        ("experiments: {a: {epochs: 3}}", "did you mean 'experiments.a.train.epochs'?"),
        ("experiments: {a: {seeds: [3]}}", "unknown key 'experiments.a.seeds': did you mean 'seeds'?"),
        ("train.batch.works: 3", "unknown key 'train.batch.works': write train: {batch: {works: …}}"),
        ("something: 3", "unknown key 'something': valid keys: name, datasets, "),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_met_with_what_to_write(tmp_path, text, message):
    assert message in complaint_about(tmp_path, text)


@pytest.mark.parametrize("name", ["-x", ".x", "a/b", "a b", "a\n", "", "é", "{a}", "a" * 101])
def test_a_name_that_no_file_or_argument_can_carry_is_refused_in_words(name):
    reason = "is not allowed: a name starts with a letter (a to z, A to Z), a digit or an underscore; "
    assert reason in complaint(changed(name=name))
    assert reason in complaint(changed(experiments={name: {}}))


@pytest.mark.parametrize("name", ["a", "_", "0", "2024", "a-1", "A_b-", "a" * 100])
def test_other_names_are_taken(name):
    validate(changed(name=name, experiments={name: {}}), SCHEMA)


@pytest.mark.parametrize(
    ("handed", "message"),
    [
        # as Snakemake hands over `seeds=[1,2]`, `name=2024_11_26`, `train={epochs: 3}`
        ({"seeds": ["1", "2"]}, "seeds: --config reads all that is in a list or a mapping as text: write seeds: [1, 2] in a file"),
        ({"name": 20241126}, 'name: must be text, but --config reads 20241126 as a number: write name: "20241126" in a file'),
        ({"train": {"epochs": "3"}}, "train.epochs: --config reads all that is in a list or a mapping as text: write train: {epochs: 3} in a file"),
        ({"train": {"epochs": "x"}}, "train.epochs: must be a whole number, but --config reads x as text\n"),
        ({"seeds": 3}, "seeds: must be a list, but --config reads 3 as a number: write seeds: [3] in a file"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_met_with_what_to_write_in_a_file(handed, message):
    said = complaint(changed(**handed), (str(ROOT / "config.yaml"), "--config"))
    assert len(said.splitlines()) == 3
    assert f"  --config: {message}" in said


def test_a_mistake_names_the_files_and_the_one_that_has_it(tmp_path):
    files = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    files[0].write_text("{shards: 0, pca: {whiten: true}, train: {epoch: 3}}")
    files[1].write_text("{pca: {whiten: 1}, train: {epochs: -1}}")
    config = DEFAULTS
    for file in files:
        config = merge(config, yaml.safe_load(file.read_text()))
    a, b = map(str, files)
    head, *lines, remedy = complaint(merge(config, {"seeds": []}), (a, b, "--config")).splitlines()
    assert head == f"the configuration ({a}, {b}, --config) has mistakes:"
    assert [line.split(": ")[:2] for line in lines] == [
        [f"  {b}", "pca.whiten"],
        ["  --config", "seeds"],
        [f"  {a}", "shards"],
        [f"  {a}", "unknown key 'train.epoch'"],
        [f"  {b}", "train.epochs"],
    ]
    assert remedy.startswith("Remedy: ")


def test_a_key_given_twice_is_named_with_its_file_and_lines(tmp_path):
    yaml_file, json_file = tmp_path / "mine.yaml", tmp_path / "mine.json"
    yaml_file.write_text(
        "seeds: [1]\ntrain:\n  epochs: 3\n  loss: {kind: nce, kind: triplet}\n"
        "experiments:\n  2024: {}\n  '2024': {}\nseeds: [2]\n"
    )
    json_file.write_text('{\n\t"train": {"epochs": 1,\n\t\t"epochs": 2}\n}')
    with pytest.raises(CoversimError) as error:
        check_files([yaml_file, json_file])
    assert str(error.value).splitlines()[:-1] == [
        f"{yaml_file}: 'train.loss.kind' is given twice, in lines 4 and 4",
        f"{yaml_file}: 'experiments.2024' is given twice, in lines 6 and 7",
        f"{yaml_file}: 'seeds' is given twice, in lines 1 and 8",
        f"{json_file}: 'train.epochs' is given twice, in lines 2 and 3",
    ]


def test_a_key_that_overrides_a_merged_one_is_not_given_twice(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "experiments:\n  a: &a {pca: {components: 4}, train: {epochs: 1}}\n  b: {<<: *a, train: {}}"
    )
    check_files([file, *ROOT.glob("config/*.yaml"), ROOT / "config.yaml"])
    file.write_text(json.dumps(DEFAULTS, indent="\t"))
    check_files([file])


def test_the_home_folder_is_written_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    config = validate(changed(datasets={"train": {"root": "~/da-tacos"}, "benchmark": {"root": "b"}}), SCHEMA)
    assert config["datasets"]["train"]["root"] == "/home/somebody/da-tacos"
    assert config["datasets"]["benchmark"]["root"] == "b"


def test_settings_that_do_not_go_together_name_the_files_of_ones_own():
    def said(*files):
        with pytest.raises(CoversimError) as error, naming(files, "/clone/config.yaml"):
            raise CoversimError("split.train: too many. Remedy: lower it")
        return str(error.value)

    assert said("mine.yaml", "/clone/config.yaml") == "mine.yaml: split.train: too many. Remedy: lower it"
    assert said("a.yaml", "/clone/config.yaml", "--config").startswith("a.yaml, --config: split.train")
    assert said("/clone/config.yaml").startswith("/clone/config.yaml: split.train")


def test_a_file_is_named_from_the_present_folder_where_it_lies_below_it(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert names_of([Path("a.yaml"), tmp_path / "here" / "b" / "c.yaml", tmp_path / "d.yaml"]) == [
        "a.yaml",
        "b/c.yaml",
        str(tmp_path / "d.yaml"),
    ]


FOR_OTHER_CASES = {
    ("train", "device"): {"cpu", "cuda"},
    ("rerank", "by"): {"sequence_pca"},  # where no training work has covers
}


def choices(schema, place=()):
    """Place of each setting that is one of several words, and these words."""
    for key, inner in schema.get("properties", {}).items():
        yield from choices(inner, (*place, key))
        if "enum" in inner:
            yield (*place, key), set(inner["enum"])


def test_each_choice_of_a_setting_is_that_of_an_experiment_that_comes_along():
    files = [yaml.safe_load(path.read_text()) for path in (ROOT / "config.yaml", *ROOT.glob("config/*.yaml"))]
    settings = [DEFAULTS, *(own for file in files for own in file["experiments"].values() if own)]
    schema = yaml.safe_load(SCHEMA.read_text())["$defs"]
    for section in SECTIONS:
        for place, offered in choices(schema.get(section, {}), (section,)):
            chosen = {
                functools.reduce(lambda part, key: part.get(key, {}), place, own) or "" for own in settings
            }
            assert offered - chosen == FOR_OTHER_CASES.get(place, set()), place


def test_the_commands_that_config_sources_names_are_valid():
    text = (ROOT / "config" / "sources.yaml").read_text()
    commands = re.findall(r"--config (.*)$", text, flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        changed = merge(merge(DEFAULTS, yaml.safe_load(text)), parse_config(shlex.split(command)))
        validate(changed, SCHEMA, ["--config"])
