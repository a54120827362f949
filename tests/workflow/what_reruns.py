"""Write the table of the README's section "What reruns when" from staleness.tsv: python tests/workflow/what_reruns.py."""

import csv
from itertools import groupby
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
TABLE = Path(__file__).with_name("staleness.tsv")
BEGIN, END = "<!-- from staleness.tsv -->\n", "<!-- end -->\n"


def markdown() -> str:
    """Changes of one kind that rerun the same, one after the other, for the same reason, share a line."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    lines = ["| change | jobs | trains | why |", "|---|---|---|---|"]
    for (jobs, epochs, why), of in groupby(rows, lambda row: (row["jobs"], row["epochs"], row["why"])):
        changes = ", ".join(_shown(row) for row in of)
        lines.append(f"| {changes} | {jobs} | {epochs} | {why} |")
    return "\n".join(lines) + "\n"


def _shown(row: dict[str, str]) -> str:
    """A key without the value that the test gives it; code and keys in code letters."""
    change = row["change"].split(" = ")[0].removeprefix("scripts/")
    is_name = " " not in change and row["kind"] in ("config", "code", "surroundings")
    return f"`{change}`" if is_name else change


def parts(readme: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands after it."""
    before, rest = readme.split(BEGIN)
    table, after = rest.split(END)
    return before + BEGIN, table, END + after


def main() -> None:
    before, _, after = parts(README.read_text(encoding="utf-8"))
    README.write_text(before + markdown() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
