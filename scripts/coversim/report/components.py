"""The principal components of patches: how much each holds, and what the first look like."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coversim.report.pictures import Picture, signs
from coversim.report.plots import Axis, Chart, Line, points
from coversim.storage import npz

PITCH_CLASSES = 12
DRAWN = 6


@dataclass
class Components:
    """Those of one kind of patches."""

    name: str
    kind: str
    spectrum: Chart
    held: float  # share of their variance in the first ten
    drawn: list[list[Picture]]  # of each of the first, a picture for each length of window and feature


def components(pca: Path, settings: Path) -> Components | None:
    """Those of a file of the rule `pca`, and the settings of its patches, JSON; None where there are none."""
    variance, directions = npz.read(pca, "variance", "components")
    if not len(variance):
        return None
    chosen = json.loads(settings.read_text(encoding="utf-8"))
    return Components(
        pca.parent.name,
        chosen["representation"]["kind"],
        _spectrum(variance),
        float(variance[:10].sum() / variance.sum()),
        [
            [signs(image, f"Component {number}{said}") for said, image in as_images(direction, chosen)]
            for number, direction in enumerate(directions[:DRAWN], start=1)
        ],
    )


def _spectrum(variance: np.ndarray) -> Chart:
    held = variance / variance.sum()
    least = max(float(held.min()), 1e-6)
    x, y = Axis(1, max(2, len(held)), "logarithmic"), Axis(least, float(held.max()) * 1.1, "logarithmic")
    numbers = range(1, len(held) + 1)
    powers = [10.0**power for power in range(-6, 1) if least <= 10.0**power <= y.high]
    ticks = [(y.at(power), f"{100 * power:g} %") for power in powers]
    return Chart(
        title="Variance by component",
        description=f"Share of the variance that each of {len(held)} components holds, the largest first",
        x_label="component (logarithmic)",
        y_label="share of the variance kept (logarithmic)",
        x_ticks=x.ticks(),
        y_ticks=ticks or [(0.0, f"{100 * least:.2g} %"), (100.0, f"{100 * y.high:.2g} %")],
        lines=[Line("variance", "line-0", points(map(x.at, numbers), map(y.at, np.maximum(held, least))))],
        tips=[
            (x.at(n), f"component {n}\n{100 * share:.2f} %") for n, share in zip(numbers, held, strict=True)
        ],
    )


def as_images(direction: np.ndarray, settings: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    """A component as pictures: what each shows, and its values (rows, columns), the first row at the bottom.

    Of 2-D Fourier magnitudes the rows are frequencies over pitch class, from −5 to 6, the columns those over time, and NaN
    what mirrors another; the bispectrum is not drawn. Otherwise the columns are time; the rows are pitch classes, or there is
    one for all of them.
    """
    representation, channels = settings["representation"], len(settings["features"])
    if representation["kind"] != "fourier":
        rows = PITCH_CLASSES if representation["kind"] == "flat" else 1
        parts = direction.reshape(channels, rows, -1)
        return [(_of(settings, channel), image) for channel, image in enumerate(parts)]
    images, start = [], 0
    for seconds in representation["seconds"]:
        window = max(2, round(seconds * settings["fft"]["rate"]))
        kept = kept_bins(window)
        for channel in range(channels):
            image = np.full(kept.shape, np.nan)
            image[kept] = direction[start : start + kept.sum()]
            start += kept.sum()
            images.append((f", windows of {seconds:g} s{_of(settings, channel)}", np.roll(image, 5, axis=0)))
    return images


def kept_bins(window: int) -> np.ndarray:
    """Which bins of the real transform of 12 × `window` values a patch keeps, (12, window // 2 + 1); see features.patches."""
    kept = np.ones((PITCH_CLASSES, window // 2 + 1), dtype=bool)
    kept[PITCH_CLASSES // 2 + 1 :, 0] = False
    if window % 2 == 0:
        kept[PITCH_CLASSES // 2 + 1 :, -1] = False
    return kept


def _of(settings: dict[str, Any], channel: int) -> str:
    return f" of {settings['features'][channel]}" if len(settings["features"]) > 1 else ""


def first_kinds(files: Sequence[Path]) -> list[Components]:
    """The components of all files `pca/{patches}/pca-{components}.npz`, one for each kind of patches."""
    by_kind = {path.parent.name: path for path in sorted(files)}
    made = (components(path, path.parents[2] / "patches" / f"{name}.json") for name, path in by_kind.items())
    return [one for one in made if one]
