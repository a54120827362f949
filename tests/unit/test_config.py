from pathlib import Path

import pytest
import yaml

from coversim.config import experiments, merge, validate
from coversim.errors import CoversimError

ROOT = Path(__file__).parents[2]
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


def test_the_defaults_are_valid():
    validate(DEFAULTS, SCHEMA)


def test_the_schema_describes_every_key_of_the_defaults_and_no_other():
    schema = yaml.safe_load(SCHEMA.read_text())
    described = {path: has for path, has in leaves(schema, schema) if path[:2] != ("datasets", "benchmark")}
    assert set(described) == set(keys(DEFAULTS)) - {("datasets", "benchmark")}
    assert all(described.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shard": 3}, "unknown key 'shard': did you mean 'shards'?"),
        ({"fft": {"rates": 3}}, "unknown key 'fft.rates': did you mean 'rate'?"),
        ({"experiments": {"mine": {"modell": {}}}}, "did you mean 'model'?"),
        ({"datasets": {"train": {"rot": "/x"}}}, "unknown key 'datasets.train.rot': did you mean 'root'?"),
        ({"shards": 0}, "shards: 0 is less than the minimum of 1"),
        ({"name": "../x"}, "name: '../x' does not match"),
        ({"on_bad_song": "ignore"}, "on_bad_song: 'ignore' is not one of"),
        ({"datasets": {"benchmark": {"subset": "x"}}}, "datasets.benchmark"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_nearest_key(changes, message):
    with pytest.raises(CoversimError) as error:
        validate(changed(**changes), SCHEMA)
    assert message in str(error.value)


def test_all_mistakes_are_listed_at_once():
    with pytest.raises(CoversimError) as error:
        validate(changed(shards=0, seed=1), SCHEMA)
    assert len(str(error.value).splitlines()) == 3


def test_an_experiment_overrides_the_top_level_key_by_key():
    resolved = experiments(changed(experiments={"small": {"pca": {"components": 8}}}), ["hpcp"])["small"]
    assert resolved["pca"] == {**DEFAULTS["pca"], "components": 8}
    assert resolved["features"] == ["hpcp"]
    assert resolved["train"] == DEFAULTS["train"]


def test_an_experiment_set_to_null_is_left_out():
    assert "brief" not in experiments(changed(experiments={"brief": None}), ["crema"])


def test_the_four_experiments_of_the_default_run():
    assert list(experiments(DEFAULTS, ["crema"])) == ["default", "brief", "ftm2d", "pca"]


def test_a_setting_per_feature_comes_down_to_those_of_the_experiment():
    config = changed(features=["hpcp", "crema"], experiments={"one": {"representation": {"sharpness": 2}}})
    default = DEFAULTS["representation"]["sharpness"]
    resolved = experiments(config, ["cens"])
    assert resolved["default"]["representation"]["sharpness"] == [default["hpcp"], default["crema"]]
    assert resolved["one"]["representation"]["sharpness"] == [2, 2]


def test_a_feature_without_its_setting_is_named():
    config = changed(
        representation={"sharpness": 1}, experiments={"one": {"representation": {"sharpness": {}}}}
    )
    with pytest.raises(CoversimError, match=r"'one': representation.sharpness has no value for hpcp"):
        experiments(config, ["hpcp"])
