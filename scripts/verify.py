"""Compare every output of a run with what was recorded when it was written."""

import argparse
from pathlib import Path

from coversim.cli import run
from coversim.errors import CoversimError
from coversim.records import damages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the run")
    arguments = parser.parse_args()

    checked, damaged = damages(arguments.results)
    for path, wrong in damaged:
        print(f"{path}: {wrong}. Remedy: delete it, and run the workflow with this file as its target")
    print(f"{checked} outputs checked, {len(damaged)} of them not as they were written")
    if damaged:
        raise CoversimError(f"{len(damaged)} outputs are not as they were written; they are listed above")


if __name__ == "__main__":
    run(main)
