"""Arrays as pictures in the page: shades of grey that follow the reader's scheme, or two colours around zero."""

import base64
from dataclasses import dataclass

import numpy as np

from coversim.storage.png import png

NEGATIVE, POSITIVE = np.array([194, 105, 28]), np.array([26, 95, 180])  # the page's colours
WIDEST = 480  # pixels: what is longer is averaged


@dataclass
class Picture:
    """A picture, and what it shows for readers who cannot see it."""

    data: str  # base64 of a PNG file
    rows: int
    columns: int
    description: str


def shades(values: np.ndarray, description: str) -> Picture:
    """Values (rows, columns), the first row at the bottom, the largest the darkest."""
    values = narrowed(values)
    top = max(float(values.max(initial=0)), 1e-12)
    pixels = np.rint(255 * (1 - np.clip(values[::-1] / top, 0, 1))).astype(np.uint8)
    return _picture(pixels, description)


def signs(values: np.ndarray, description: str) -> Picture:
    """Values (rows, columns) around zero, the first row at the bottom; white is zero, and where there is no value (NaN)."""
    values = np.nan_to_num(narrowed(values))[::-1, :, None]
    values = values / max(float(np.abs(values).max(initial=0)), 1e-12)
    colour = np.where(values < 0, NEGATIVE, POSITIVE)
    return _picture(np.rint(255 + np.abs(values) * (colour - 255)).astype(np.uint8), description)


def narrowed(values: np.ndarray) -> np.ndarray:
    """(rows, columns) of which neighbouring columns are averaged, so that there are WIDEST at most."""
    columns = values.shape[1]
    if columns <= WIDEST:
        return values
    edges = np.linspace(0, columns, WIDEST + 1).astype(int)[:-1]
    return np.add.reduceat(values, edges, axis=1) / np.diff(np.append(edges, columns))


def _picture(pixels: np.ndarray, description: str) -> Picture:
    rows, columns = pixels.shape[:2]
    return Picture(base64.b64encode(png(pixels)).decode(), rows, columns, description)
