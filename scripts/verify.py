"""Compare every output of a run with what was recorded when it was written."""

import argparse
from collections import Counter
from pathlib import Path

from coversim.cli import run
from coversim.errors import CoversimError
from coversim.storage.checksums import findings
from coversim.workflow.claim import outputs_of, owner
from coversim.workflow.plan import CONFIG

REMEDIES = {
    "being made": "wait until the run ends",
    "without a record": "if this workflow made it, delete it; the next run makes it anew. If not, put it elsewhere",
}
DELETE = "delete it, and run the workflow with this file as its target"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the run")
    arguments = parser.parse_args()

    results = arguments.results.absolute()
    if not (results / CONFIG).is_file():
        raise CoversimError(
            f"{results}: no run is here. Remedy: set `name` to that of a run, or run it first"
        )
    at_work = owner(results) not in ("", "dead")
    found = findings(results, outputs_of(results), at_work)
    for path, finding in found.items():
        if finding != "intact":
            print(f"{path}: {finding}. Remedy: {REMEDIES.get(finding, DELETE)}")
    counts = Counter(found.values())
    print(
        f"{len(found)} outputs: {', '.join(f'{count} {finding}' for finding, count in counts.most_common())}"
    )
    wrong = len(found) - counts["intact"] - counts["being made"]
    if wrong:
        raise CoversimError(f"{wrong} outputs are not as they were written; they are listed above")


if __name__ == "__main__":
    run(main)
