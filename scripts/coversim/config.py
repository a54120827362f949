"""The configuration: checked against its schema, and resolved into the settings of each experiment."""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from coversim.errors import CoversimError

EXPERIMENT_SECTIONS = ("features", "fft", "representation", "pca", "model", "train", "rerank")


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
    open.
    """
    defaults = {section: config[section] for section in EXPERIMENT_SECTIONS}
    resolved = {}
    for name, changes in config["experiments"].items():
        if changes is not None:
            settings = merge(defaults, changes)
            resolved[name] = {**settings, "features": settings["features"] or features}
    return resolved


def as_json(settings: Any) -> str:
    """Compact JSON with sorted keys: the same settings give the same text."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
