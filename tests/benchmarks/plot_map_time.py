"""Draw docs/map_time.svg, MAP against time per pair, from docs/map_time.tsv: python tests/benchmarks/plot_map_time.py

The table has a row for each method: its name, nanoseconds a pair of songs, and MAP for each source, empty where it is not known.
"""

from html import escape
from math import isnan, log10
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parents[2] / "docs"
WIDTH, HEIGHT, MARGIN, GAP = 165, 240, 52, 22  # of a panel, in pixels; MARGIN is left of all panels
FIRST, LAST = 0, 7  # powers of ten of the axis of time, in nanoseconds
SECONDS = {0: "1 ns", 3: "1 µs", 6: "1 ms"}
COLOURS = (
    *("#7b2d8b", "#0b6e4f", "#4cae8b", "#1f77b4", "#bcbd22"),
    *("#d4589a", "#c0392b", "#e59866", "#34495e", "#7f8c8d", "#b39ddb"),
)
STYLE = "text{font:12px sans-serif;fill:#222} .small{font-size:11px;fill:#555} line{stroke:#ddd}"


def picture(table: pd.DataFrame) -> str:
    """The SVG of a table with the columns method and ns, and one of MAP for each source."""
    sources = list(table.columns[2:])
    width = MARGIN + len(sources) * (WIDTH + GAP)
    rows = (len(table) + 1) // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + 92 + 18 * rows}" role="img" '
        f'aria-label="MAP against time per pair of songs, by source">',
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for column, source in enumerate(sources):
        parts += _panel(table, source, MARGIN + column * (WIDTH + GAP))
    parts.append(
        f'<text x="{width / 2}" y="{HEIGHT + 68}" text-anchor="middle">time per pair of songs</text>'
    )
    parts.append(
        f'<text transform="translate(14 {30 + HEIGHT / 2}) rotate(-90)" text-anchor="middle">MAP</text>'
    )
    for place, method in enumerate(table["method"]):
        x, y = MARGIN + (place % 2) * width / 2, HEIGHT + 92 + 18 * (place // 2)
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{COLOURS[place]}"/>')
        parts.append(f'<text x="{x + 12}" y="{y}">{escape(method)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(table: pd.DataFrame, source: str, left: float) -> list[str]:
    parts = [f'<text x="{left + WIDTH / 2}" y="20" text-anchor="middle">{escape(source)}</text>']
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y}" y2="{y}"/>')
        if left == MARGIN:
            parts.append(
                f'<text class="small" x="{left - 6}" y="{y + 4}" text-anchor="end">{tenth / 10:.1f}</text>'
            )
    for power in range(FIRST, LAST + 1):
        x = _x(10**power, left)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{_y(1)}" y2="{_y(0)}"/>')
        if power in SECONDS:
            parts.append(
                f'<text class="small" x="{x}" y="{_y(0) + 16}" text-anchor="middle">{SECONDS[power]}</text>'
            )
    for place, row in enumerate(table.itertuples(index=False)):
        value = row[table.columns.get_loc(source)]
        if isnan(value):
            continue
        parts.append(
            f'<circle cx="{_x(row.ns, left):.1f}" cy="{_y(value):.1f}" r="5" fill="{COLOURS[place]}">'
            f"<title>{escape(row.method)}: MAP {value:.3f}</title></circle>"
        )
    return parts


def _x(nanoseconds: float, left: float) -> float:
    return left + WIDTH * (log10(nanoseconds) - FIRST) / (LAST - FIRST)


def _y(value: float) -> float:
    return 30 + HEIGHT * (1 - value)


if __name__ == "__main__":
    table = pd.read_csv(DOCS / "map_time.tsv", sep="\t")
    (DOCS / "map_time.svg").write_text(picture(table), encoding="utf-8")
