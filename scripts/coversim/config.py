"""The configuration: checked against its schema, and resolved into the settings of each experiment."""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from coversim.errors import CoversimError
from coversim.features import FEATURES

PITCH_CLASSES = 12
EXPERIMENT_SECTIONS = ("features", "fft", "representation", "pca", "model", "train", "query", "rerank")


def validate(config: Mapping[str, Any], schema_file: Path) -> None:
    """Raise CoversimError that lists every mistake; an unknown key is met with the nearest valid one."""
    schema = yaml.safe_load(schema_file.read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    complaints = [
        line for error in sorted(errors, key=lambda error: error.json_path) for line in _explain(error)
    ]
    if complaints:
        raise CoversimError(
            "the configuration has mistakes:\n" + "\n".join(f"  {line}" for line in complaints)
        )


def _explain(error: jsonschema.ValidationError) -> Iterator[str]:
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        for key in sorted(set(map(str, error.instance)) - set(known)):
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean '{nearest[0]}'?" if nearest else f"valid keys: {', '.join(known)}"
            yield f"unknown key '{f'{where}.{key}' if where else key}': {hint}"
    else:
        yield f"{where or '(top level)'}: {error.message}"


def merge(base: Any, changes: Any) -> Any:
    """`changes` over `base`: mappings key by key, anything else replaced whole."""
    if isinstance(base, Mapping) and isinstance(changes, Mapping):
        return {
            key: merge(base.get(key), changes[key]) if key in changes else base[key]
            for key in {**base, **changes}
        }
    return changes


def experiments(config: Mapping[str, Any], features: list[str]) -> dict[str, dict[str, Any]]:
    """Resolved settings of each experiment: its own entry over the top-level sections.

    An experiment that is set to null is left out. `features` is what to use where the configuration leaves it
    open; of a sharpness per feature those of the experiment's features remain, in their order.
    """
    defaults = {section: config[section] for section in EXPERIMENT_SECTIONS}
    resolved = {}
    for name, changes in config["experiments"].items():
        if changes is not None:
            _check_fuse(name, changes)
            settings = merge({**defaults, "fuse": []}, changes)
            chosen = settings["features"] or features
            _check_chroma(name, chosen)
            sharpness = {"sharpness": _of_each(settings["representation"]["sharpness"], chosen, name)}
            resolved[name] = merge({**settings, "features": chosen}, {"representation": sharpness})
    return resolved


def _check_fuse(experiment: str, changes: Mapping[str, Any]) -> None:
    unread = [key for key in ("pca", "model", "train", "query") if key in changes]
    if changes.get("fuse") and unread:
        raise CoversimError(
            f"experiment '{experiment}' fuses others and trains nothing: {', '.join(unread)} would not be read. "
            "Remedy: remove that, or fuse"
        )


def _check_chroma(experiment: str, features: list[str]) -> None:
    for feature in features:
        if FEATURES[feature].rows != PITCH_CLASSES:
            raise CoversimError(
                f"experiment '{experiment}' uses {feature}, which is no chroma: an encoder sees 12 pitch classes. "
                "Remedy: choose `features` from crema, hpcp and cens"
            )


def _of_each(sharpness: float | Mapping[str, float], features: list[str], experiment: str) -> list[float]:
    """One value per feature, of one for all or of a mapping."""
    if not isinstance(sharpness, Mapping):
        return [sharpness] * len(features)
    for feature in features:
        if feature not in sharpness:
            raise CoversimError(
                f"experiment '{experiment}': representation.sharpness has no value for {feature}. Remedy: add it"
            )
    return [sharpness[feature] for feature in features]


def as_json(settings: Any) -> str:
    """Compact JSON with sorted keys: the same settings give the same text."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
