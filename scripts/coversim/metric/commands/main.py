"""The command `coversim`: ask a finished metric."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from coversim.errors import CoversimError
from coversim.metric.commands import catalogue, compare, export, search
from coversim.metric.commands.arguments import described

EXAMPLES = """\
examples:
  coversim compare P_1.h5 P_2.h5 --metric results/mine             are these two covers of each other?
  coversim compare P_1.h5 P_2.h5 --metric metric.pt --plot it.svg  and a picture of where they match
  coversim catalogue add songs.cat FOLDER --metric metric.pt       make songs searchable, or add some
  coversim search P_1.h5 --catalogue songs.cat --top 5             which of them are covers of this one?

exit status: 0 answered, 1 something to mend (a message says what), 2 the command line is wrong, 130 interrupted
"""


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold anything
    arguments = _parser().parse_args(words)
    try:
        return arguments.answer(arguments)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CoversimError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {_refused(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _refused(error: OSError) -> str:
    """What the system refuses, in words: which file it is, and not under which name it was being written."""
    path = Path(os.fsdecode(error.filename or "a file"))
    path = path.with_name(re.sub(r"^\.(.+)\.[0-9a-f]{8}\.partial$", r"\1", path.name))
    return f"{path}: {error.strerror or error}. Remedy: name a path that may be read, and, if it is to be written, written"


def _parser() -> argparse.ArgumentParser:
    parser = described(
        argparse.ArgumentParser(prog="coversim"), "Ask a trained metric which songs are covers.", EXAMPLES
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for one in (compare, search, catalogue, export):
        one.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
