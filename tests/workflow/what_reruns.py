"""Write docs/reruns.md, the table of what each change reruns, from staleness.tsv: python tests/workflow/what_reruns.py."""

import csv
from itertools import groupby
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reruns.md"
TABLE = Path(__file__).with_name("staleness.tsv")
HEAD = """# What reruns when

The tests make each change to a finished run, and compare this table with what Snakemake then runs. The run has 3 shards and
two experiments: a network, and an untrained baseline.

- *Jobs*: `fft 3` are three jobs of the rule `fft`; – is none. `fit` and `embed_baseline` do for the baseline what `train`
  and `embed` do for the network.
- *Trains*: whether the network is trained again (yes), or its training is remembered and comes back without an epoch (no);
  – where no `train` job runs.

`python tests/workflow/what_reruns.py` writes this page from `tests/workflow/staleness.tsv`.

"""


def markdown() -> str:
    """Changes of one kind that rerun the same, one after the other, for the same reason, share a line."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    lines = ["| change | jobs | trains | why |", "|---|---|---|---|"]
    for (jobs, epochs, why), of in groupby(rows, lambda row: (row["jobs"], row["epochs"], row["why"])):
        changes = ", ".join(_shown(row) for row in of)
        lines.append(f"| {changes} | {jobs} | {epochs} | {why} |")
    return HEAD + "\n".join(lines) + "\n"


def _shown(row: dict[str, str]) -> str:
    """A key without the value that the test gives it; code and keys in code letters."""
    change = row["change"].removeprefix("scripts/")
    if row["kind"] == "config":
        change = change.split(" = ")[0]
    is_name = " " not in change and row["kind"] in ("config", "code", "surroundings")
    return f"`{change}`" if is_name else change


if __name__ == "__main__":
    PAGE.write_text(markdown(), encoding="utf-8")
