"""Two songs compared, as one picture: both chromagrams, how alike their moments are, and the path that was found."""

import base64
import re
from html import escape
from pathlib import Path

import numpy as np

from coversim.errors import CoversimError
from coversim.metric.clock import clock
from coversim.metric.metric import Comparison, Metric
from coversim.metric.places import similarity
from coversim.metric.songs import Song
from coversim.sequences.patches import RATE
from coversim.storage.atomic import replacing
from coversim.storage.png import png

SIZE = 560  # of the square, in units of the picture
STRIP = 72  # width of a chromagram
GAP, MARGIN, TOP = 10, 64, 112
# resvg takes `sans-serif` for Arial, and draws no text where that is missing: so fonts are named that systems have
FONTS = "Arial, Helvetica, DejaVu Sans, Liberation Sans, Noto Sans, sans-serif"
ZOOM = 2  # pixels of a PNG for a unit
ABOUT = 6  # labels on an axis
NAME = 36  # characters of a name: two stand in one line
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # in XML, or where names are shown
WEIGHTS = ("bold", "normal")  # of the first line of the claim, and of others


def fitting(name: str) -> str:
    """A name that fits into the picture: of a long one the middle is left out, since names of takes differ at their ends.

    What no text of a picture may hold, control characters and bytes that are no UTF-8, is written as �.
    """
    name = FORBIDDEN.sub("�", name)
    return name if len(name) <= NAME else f"{name[: NAME // 2]}…{name[1 - NAME // 2 :]}"


def draw(
    path: Path,
    metric: Metric,
    songs: tuple[Song, Song],
    names: tuple[str, str],
    found: Comparison,
    claim: list[str],
) -> None:
    """Write the picture of two songs; `claim` says in words what it shows, with names that are `fitting`.

    Raises CoversimError unless the file is to be an SVG, or a PNG where resvg is installed.
    """
    form = path.suffix.lower()
    if form not in (".svg", ".png"):
        raise CoversimError(f"{path}: pictures are drawn as SVG or PNG. Remedy: name it .svg or .png")
    svg = _svg(metric, songs, names, found, claim)
    drawn = svg.encode() if form == ".svg" else _png_of(svg)
    with replacing(path, recorded=False) as temporary:
        temporary.write_bytes(drawn)


def _png_of(svg: str) -> bytes:
    try:
        import resvg_py
    except ImportError as error:
        raise CoversimError(
            "a PNG is made by resvg, which is not installed. Remedy: pip install resvg-py, or name the picture .svg"
        ) from error
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM))


def _svg(
    metric: Metric, songs: tuple[Song, Song], names: tuple[str, str], found: Comparison, claim: list[str]
) -> str:
    first, second = songs
    semitones, played = (found.place.transposition, found.place.played) if found.place else (0, (1, 1))
    alike, seconds = similarity(first, second, metric.projection, semitones, played)
    chromagrams = [song.frames(RATE)[0] for song in songs]
    chromagrams = [frames / max(frames.max(), 1e-9) for frames in chromagrams]
    moved = np.roll(chromagrams[1], semitones, axis=0)
    x0, y0 = MARGIN + STRIP + GAP, TOP + STRIP + GAP
    width, height = x0 + SIZE + MARGIN, y0 + SIZE + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="{FONTS}" '
        f'font-size="13"><title>{escape(f"{names[0]} and {names[1]}")}</title><desc>{escape(" ".join(claim))}</desc>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(
            f'<text x="{MARGIN}" y="{28 + 20 * line}" font-weight="{WEIGHTS[line > 0]}">{escape(text)}</text>'
            for line, text in enumerate(claim)
        ),
        _image(x0, TOP, SIZE, STRIP, chromagrams[0][::-1]),
        _image(MARGIN, y0, STRIP, SIZE, moved.T),
        _image(x0, y0, SIZE, SIZE, np.clip(alike.T, 0, 1)),
        f'<rect x="{x0}" y="{y0}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#888"/>',
    ]
    if found.place:
        points = " ".join(
            f"{x0 + SIZE * a / seconds[0]:.1f},{y0 + SIZE * b / seconds[1]:.1f}" for a, b in found.place.path
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="#d62728" stroke-width="3" opacity=".8"/>'
        )
    for row, pitch_class in ((0, "B"), (11, "C")):  # of the first; the second may be moved
        y = TOP + STRIP * (row + 0.5) / 12 + 4
        parts.append(f'<text x="{x0 - 6}" y="{y:.1f}" text-anchor="end" font-size="10">{pitch_class}</text>')
    for at, label in _ticks(first.seconds):
        parts.append(
            f'<text x="{x0 + SIZE * at:.1f}" y="{y0 + SIZE + 18}" text-anchor="middle">{label}</text>'
        )
    for at, label in _ticks(second.seconds):
        parts.append(f'<text x="{x0 + SIZE + 6}" y="{y0 + SIZE * at + 4:.1f}">{label}</text>')
    moved_by = (
        f", {abs(semitones)} semitone{'s' * (abs(semitones) > 1)} {'higher' if semitones > 0 else 'lower'}"
        if semitones
        else ""
    )
    parts += [
        f'<text x="{x0 + SIZE / 2}" y="{y0 + SIZE + 40}" text-anchor="middle">{escape(names[0])}</text>',
        f'<text transform="translate({MARGIN - 12} {y0 + SIZE / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(names[1] + moved_by)}</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _ticks(seconds: float) -> list[tuple[float, str]]:
    """Where on the axis of a song there are round times, as shares of it, and what these are."""
    steps = (5, 10, 15, 30, 60, 120, 300, 600, 1200, *range(3600, int(seconds) + 3601, 3600))
    step = next(step for step in steps if seconds / step <= ABOUT)
    return [(time / seconds, clock(time)) for time in range(0, int(seconds) + 1, step)]


def _image(x: float, y: float, width: float, height: float, values: np.ndarray) -> str:
    """Values from 0 to 1, the first row on top, as shades of grey, the largest black."""
    data = base64.b64encode(png(np.rint(255 * (1 - values)).astype(np.uint8))).decode()
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )
