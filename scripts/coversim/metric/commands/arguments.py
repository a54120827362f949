"""What the commands share: arguments, their help, and how an answer is written."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from coversim.errors import CoversimError

NO_METRIC = (
    "An experiment that only fuses, aligns or re-ranks others has none: ask theirs, with search --rerank"
)
METRIC_HELP = "a metric.pt, or the results of a run, whose first experiment with one is taken"


def command(
    commands: Any, name: str, what: str, examples: str, answer: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """A command below `commands`, which `answer` answers with its exit status."""
    parser = described(commands.add_parser(name, help=what), what, examples)
    parser.set_defaults(answer=answer)
    return parser


def described(parser: argparse.ArgumentParser, what: str, examples: str) -> argparse.ArgumentParser:
    """The parser, whose help says what it does, and shows examples."""
    parser.description, parser.epilog = what, examples
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def loaded(path: Path) -> Any:
    """The metric that `find_metric` finds."""
    from coversim.metric.metric import Metric

    return Metric.load(find_metric(path))


def find_metric(path: Path) -> Path:
    """The file of a metric: the path itself, or that of the first experiment of a run that has one, which is said.

    Of its seeds it is the best on validation works. The experiments of `metrics.tsv` are in the order of the configuration.
    """
    if not path.is_dir():
        return path
    from coversim.evaluation.headline import first_of
    from coversim.storage import tsv

    if not (path / "metrics.tsv").is_file():
        raise CoversimError(
            f"{path}: no results of a run. Remedy: name a metric.pt, or results/<name> of a finished run"
        )
    maps = {
        (row["experiment"], path / "models" / row["experiment"] / row["seed"] / "metric.pt"): float(
            row["map"]
        )
        for row in tsv.read(path / "metrics.tsv")
        if row["collection"] == "valid" and row["map"]
    }
    first = first_of(
        (experiment for experiment, _ in maps), {experiment for experiment, file in maps if file.is_file()}
    )
    if not first:
        raise CoversimError(
            f"{path}: no metric.pt below models. Remedy: have the workflow make them: snakemake --cores all bundles"
        )
    value, chosen = max(
        (value, file) for (experiment, file), value in maps.items() if experiment == first and file.is_file()
    )
    (highest, file), most = max(maps.items(), key=lambda item: item[1])
    said = f"validation MAP {value:.3f}"
    if most > value:
        said += f"; {highest} has {most:.3f}" + ("" if file.is_file() else f" and no metric.pt. {NO_METRIC}")
    print(f"metric: {chosen} ({said})", file=sys.stderr)
    return chosen


def given(words: Iterable[str]) -> Iterator[str]:
    """Each word; instead of `-` the lines of standard input."""
    for word in words:
        if word == "-":
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        else:
            yield word


def as_json(answer: Any) -> str:
    """An answer in one line."""
    return json.dumps(answer, ensure_ascii=False, allow_nan=False)


def probability(text: str) -> float:
    """An argument between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def count(text: str) -> int:
    """An argument from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value
