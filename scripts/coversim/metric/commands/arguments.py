"""What the commands share: arguments, their help, and how an answer is written."""

import argparse
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

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
    """The file of a metric: the path itself, or of the results of a run that of its first experiment, which is said."""
    if not path.is_dir():
        return path
    from coversim.metric.of_run import metric_of

    found, said = metric_of(path)
    print(f"metric: {found} ({said})", file=sys.stderr)
    return found


def given(words: Iterable[str]) -> Iterator[str]:
    """Each word; instead of `-` the lines of standard input, or, as `find -print0` gives them, what NUL separates."""
    for word in words:
        if word == "-":
            if isinstance(sys.stdin, io.TextIOWrapper):  # names of files may be no UTF-8
                sys.stdin.reconfigure(errors="surrogateescape")
            for line in sys.stdin:
                if "\0" in line:
                    yield from filter(None, (line + sys.stdin.read()).split("\0"))
                elif line.strip():
                    yield line.rstrip("\n")
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


def add_rate(parser: argparse.ArgumentParser, more: str = "") -> None:
    """The argument that tells how fast the frames of files follow each other."""
    parser.add_argument(
        "--rate",
        type=_rate,
        metavar="HZ",
        help=f"frames per second of the files (those of Da-TACOS: 44,100 / 512 = 86.13{more})",
    )


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of frames per second")
    return value


def count(text: str) -> int:
    """An argument from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value
