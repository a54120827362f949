"""The configuration: read without surprises, checked against its schema."""

import difflib
import functools
import itertools
import json
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from coversim.errors import CoversimError

COMMAND_LINE = "--config"
PATHS = ("root", "same_works")  # of a data set
KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}

Place = tuple[str | int, ...]  # the keys, and indices of lists, that lead to a value


def _is_number(_: Any, value: Any) -> bool:
    """Whether a 64-bit float can hold it: infinity and NaN are no settings."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


TYPES = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number)
Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=TYPES)
# takes 4.0 for no integer and 4 for no number: its complaints are what there is to normalise
Strict = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=TYPES.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) is float,
        }
    ),
)


def validate(config: Mapping[str, Any], schema_file: Path, files: Sequence[str] = ()) -> dict[str, Any]:
    """The configuration as it is meant, which the schema allows.

    Equal numbers become one: 4.0 is 4 where the schema wants an integer, 4 is 4.0 where any number will do. Keys
    that YAML read as numbers become text, and `~` in a path of a data set the home folder.

    Parameters
    ----------
    config
        As Snakemake merged it; it stays as it is.
    files
        Paths of the files that it was merged from, for messages; and `--config` if that set anything.

    Raises
    ------
    CoversimError
        If there are mistakes: it lists all, with the file that holds each where that can be told.
    """
    _refuse((f"{_from(files, place, value)}{line}" for place, value, line in _misread_keys(config)), files)
    schema = yaml.safe_load(schema_file.read_text(encoding="utf-8"))
    config = _normalised(_keyed_by_text(config), schema)
    validator = Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda error: error.json_path)
    _refuse((line for error in errors for line in _explain(error, validator, config, files)), files)
    return _with_paths(config, os.path.expanduser)


def _with_paths(config: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    datasets = {
        name: chosen and chosen | {key: change(chosen[key]) for key in PATHS if chosen.get(key)}
        for name, chosen in config["datasets"].items()
    }
    return {**config, "datasets": datasets}


def check_files(paths: Iterable[Path]) -> None:
    """Raise CoversimError if one of these YAML or JSON files gives a key twice, of which the later would win."""
    lines = [
        f"{path}: '{'.'.join(map(str, place))}' is given twice, in lines {first} and {second}"
        for path in paths
        for place, first, second in _given_twice(yaml.compose(_text(Path(path)), Loader=yaml.SafeLoader))
    ]
    if lines:
        raise CoversimError("\n".join((*lines, "Remedy: keep one of the two")))


def names_of(paths: Iterable[Path]) -> list[str]:
    """Files as messages name them: from the present folder where they lie below it, else from the root."""
    here = Path.cwd()
    return [
        str(path.relative_to(here) if path.is_relative_to(here) else path)
        for path in map(Path.absolute, map(Path, paths))
    ]


@contextmanager
def naming(files: Sequence[str], defaults: str) -> Iterator[None]:
    """Have a CoversimError name the files of the configuration first; those with the `defaults` only where there is no other."""
    try:
        yield
    except CoversimError as error:
        own = [name for name in files if name != defaults] or files
        raise CoversimError(f"{', '.join(own)}: {error}") from error


def read(path: Path) -> dict[str, Any]:
    """A configuration file."""
    return yaml.safe_load(_text(path))


def _text(path: Path) -> str:
    # JSON may be indented by tabs, which YAML does not take
    return path.read_text(encoding="utf-8").replace("\t", " ")


def _given_twice(node: yaml.Node | None, place: Place = ()) -> Iterator[tuple[Place, int, int]]:
    """Place of each key that a mapping holds twice, and the two lines, from 1."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _given_twice(item, (*place, index))
    elif isinstance(node, yaml.MappingNode):
        line_of: dict[str, int] = {}
        for key_node, item in node.value:
            if key_node.tag != "tag:yaml.org,2002:merge":
                key = str(yaml.SafeLoader("").construct_object(key_node, deep=True))
                line = key_node.start_mark.line + 1
                if key in line_of:
                    yield (*place, key), line_of[key], line
                line_of[key] = line
                yield from _given_twice(item, (*place, key))


def _misread_keys(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any, str]]:
    """Keys that were written as text, but are something else to YAML that does not tell the text."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _misread_keys(item, (*place, index))
    elif isinstance(value, Mapping):
        seen = set()
        for key, item in value.items():
            inner = (*place, str(key))
            if key is None or isinstance(key, bool):
                yield (
                    inner,
                    item,
                    f"{_dotted(place)}: as a key, YAML reads {_reading(key)}: write it in quotes",
                )
            elif str(key) in seen:
                yield inner, item, f"{_dotted(inner)}: is given twice, as text and as a number: keep one"
            seen.add(str(key))
            yield from _misread_keys(item, inner)


def _keyed_by_text(value: Any) -> Any:
    """A copy of plain dicts and lists whose keys are text."""
    if isinstance(value, Mapping):
        return {str(key): _keyed_by_text(item) for key, item in value.items()}
    return [_keyed_by_text(item) for item in value] if isinstance(value, list) else value


def _normalised(config: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`config`, changed in place, with numbers of the type that the schema names."""
    for error in list(Strict(schema).iter_errors(config)):
        if error.validator == "type":
            *parents, last = error.absolute_path
            holder = functools.reduce(operator.getitem, parents, config)
            holder[last] = _of_type(holder[last], _types(error))
    return config


def _of_type(value: Any, types: Sequence[str]) -> Any:
    if "integer" in types and isinstance(value, float) and value.is_integer():
        return int(value)
    if "number" in types and type(value) is int and _is_number(None, value):
        return float(value)
    return value


def _refuse(lines: Iterable[str], files: Sequence[str]) -> None:
    if listed := "".join(f"  {line}\n" for line in dict.fromkeys(lines)):
        names = f" ({', '.join(files)})" if files else ""
        raise CoversimError(
            f"the configuration{names} has mistakes:\n{listed}Remedy: mend them; config.yaml explains every key"
        )


def _explain(
    error: jsonschema.ValidationError, validator: Any, config: Mapping[str, Any], files: Sequence[str]
) -> Iterator[str]:
    place, value = tuple(error.absolute_path), error.instance
    if error.validator == "additionalProperties":
        for key in sorted(set(value) - set(error.schema.get("properties", {}))):
            inner = (*place, key)
            hint = _hint(key, place, validator.schema)
            yield f"{_from(files, inner, value[key])}unknown key '{_dotted(inner)}': {hint}"
        return
    if "propertyNames" in error.absolute_schema_path:  # the value is a key
        source = _from(files, (*place, value), _at(config, (*place, value)))
    else:
        source = _from(files, place, value)
    if error.validator == "type":
        reader = COMMAND_LINE if source.startswith(COMMAND_LINE) else "YAML"
        yield f"{source}{_mistyped(error, validator, config, reader)}{_because(error)}"
    elif error.validator == "enum":
        choice = ", ".join(map(_yaml, error.validator_value))
        yield f"{source}{_dotted(place)}: {_yaml(value)} is not one of {choice}"
    elif error.validator in ("pattern", "not"):
        yield f"{source}{_dotted(place)}: {_yaml(value)} is not allowed: {error.schema['description'].rstrip('.')}"
    else:
        yield f"{source}{_dotted(place)}: {error.message}{_because(error)}"


def _because(error: jsonschema.ValidationError) -> str:
    """The schema's words on what another setting asks of the value, which may be a default."""
    asked = {"then", "else"} & set(error.absolute_schema_path)
    return f": {error.schema['description']}" if asked and "description" in error.schema else ""


def _mistyped(
    error: jsonschema.ValidationError, validator: Any, config: Mapping[str, Any], reader: str
) -> str:
    """What the value must be, what it was read as, and what to write instead."""
    place, value = tuple(error.absolute_path), error.instance
    if reader == COMMAND_LINE and len(place) > 1 and _said(value) != value:
        place = tuple(itertools.takewhile(lambda key: isinstance(key, str), place))
        line = f"{_dotted(place)}: {reader} reads all that is in a list or a mapping as text"
        meant = [_said(_at(config, place))]
    else:
        wanted = " or ".join(KINDS[name] for name in _types(error))
        line = f"{_dotted(place)}: must be {wanted}, but {reader} reads {_reading(value)}"
        meant = _meant(error, validator)
    if not meant:
        return line
    is_text = isinstance(meant[0], str)
    text = json.dumps(meant[0], ensure_ascii=False) if is_text else _yaml(meant[0])
    if reader == COMMAND_LINE:  # it has no quotes either
        return f"{line}: write {': {'.join(map(str, place))}: {text}{'}' * (len(place) - 1)} in a file"
    if is_text:
        key = f"{place[-1]}: " if isinstance(place[-1], str) else ""
        return f"{line}: write it in quotes, {key}{text}"
    return f"{line}: write {text}"


def _meant(error: jsonschema.ValidationError, validator: Any) -> list[Any]:
    """What the value of another type is likely to mean, if the schema takes that; else nothing."""
    value = error.instance
    if isinstance(value, str):
        candidates = [_said(value), _said(f"[{value}]")]
    elif isinstance(value, bool):
        candidates = ["yes" if value else "no", [value]]
    elif value is None or isinstance(value, Mapping | list):
        candidates = [_said(value)]
    else:
        candidates = [str(value), [value]]
    valid = validator.evolve(schema=error.schema).is_valid
    return [candidate for candidate in candidates if valid(candidate)][:1]


def _said(text: Any) -> Any:
    """What a text says, or those in a list or mapping: as YAML reads it, and numbers like 1e-3 too."""
    if isinstance(text, list):
        return [_said(item) for item in text]
    if isinstance(text, Mapping):
        return {key: _said(item) for key, item in text.items()}
    if not isinstance(text, str):
        return text
    try:
        value = _keyed_by_text(yaml.safe_load(text))
        if not isinstance(value, str):
            return value if isinstance(value, int | float) else _said(value)
        number = float(value)
    except (ValueError, yaml.YAMLError):
        return text
    return int(number) if number.is_integer() else number


def _hint(key: str, place: Place, schema: Mapping[str, Any]) -> str:
    """Where an unknown key of the mapping at `place` may belong, and the name that it may have there."""
    places = list(dict.fromkeys(_places(schema, schema)))
    if (dotted := tuple(key.split("."))) in places and not place:
        return f"write {': {'.join(dotted)}: …{'}' * (len(dotted) - 1)}"
    if place[:1] == ("experiments",):
        own = [(*place[:2], *inner) for inner in _places(schema["$defs"]["experiment"], schema)]
        sections = {inner[2] for inner in own}
        places = own + [other for other in places if other[0] not in sections]
    if place[:1] == ("datasets",) and len(place) > 1:
        own = [(*place, *inner) for inner in _places(schema["$defs"]["dataset"], schema)]
        places = list(dict.fromkeys(own + places))
    siblings = [other for other in places if other[:-1] == place]
    others = [other for other in places if other[:-1] != place]
    near = (
        _called(key, siblings, 0.8) + _called(key, others, 1)
        or _called(key, others, 0.8)
        or _called(key, siblings, 0.5)
    )
    if not near:
        return f"valid keys: {', '.join(str(sibling[-1]) for sibling in siblings)}"
    meant = " or ".join(f"'{_dotted(other)}'" for other in near)
    return f"did you mean {meant}?"


def _called(key: str, places: Iterable[Place], likeness: float) -> list[Place]:
    """Those of the places whose last key is the one that is most like `key`."""
    near = difflib.get_close_matches(key, {str(place[-1]) for place in places}, n=1, cutoff=likeness)
    return [place for place in places if place[-1] in near]


def _places(schema: Mapping[str, Any], top: Mapping[str, Any], place: Place = ()) -> Iterator[Place]:
    """Place of every key that a part of the schema names."""
    for part in (top["$defs"].get(schema.get("$ref", "").removeprefix("#/$defs/"), {}), schema):
        for key, inner in part.get("properties", {}).items():
            yield (*place, key)
            yield from _places(inner, top, (*place, key))


def _from(files: Sequence[str], place: Place, value: Any) -> str:
    """The file that has this value at this place, or the command line if none has, as the head of a line."""
    for name in files:
        content = {} if name == COMMAND_LINE else _keyed_by_text(yaml.safe_load(_text(Path(name))))
        found = _at(content, place)
        if found == value and isinstance(found, bool) == isinstance(value, bool):  # True == 1
            return f"{name}: "
    # a mapping may be of several files
    return f"{COMMAND_LINE}: " if COMMAND_LINE in files and not isinstance(value, Mapping) else ""


def _at(content: Any, place: Place) -> Any:
    """What lies at a place; an object like no other if nothing does."""
    try:
        return functools.reduce(operator.getitem, place, content)
    except (LookupError, TypeError):
        return object()


def _types(error: jsonschema.ValidationError) -> list[str]:
    types = error.validator_value
    return [types] if isinstance(types, str) else types


def _reading(value: Any) -> str:
    if isinstance(value, bool):
        return f"{'yes, on and true' if value else 'no, off and false'} as a truth value"
    if isinstance(value, int | float):
        return f"{_yaml(value)} as {'a' if _is_number(None, value) else 'no finite'} number"
    kinds = {str: "text", list: "a list", dict: "a mapping", type(None): "nothing"}
    return f"{_yaml(value)} as {kinds.get(type(value), 'a date')}"


def _yaml(value: Any) -> str:
    """A value in one line, as YAML reads it."""
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value)
    text = yaml.safe_dump(
        value, default_flow_style=True, width=sys.maxsize, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _dotted(place: Place) -> str:
    return ".".join(map(str, place)) or "(top level)"


def merge(base: Any, changes: Any) -> Any:
    """`changes` over `base`: mappings key by key, anything else replaced whole."""
    if isinstance(base, Mapping) and isinstance(changes, Mapping):
        return {
            key: merge(base.get(key), changes[key]) if key in changes else base[key]
            for key in {**base, **changes}
        }
    return changes
