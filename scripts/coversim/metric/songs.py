"""A song that somebody asks about: a file of features as Da-TACOS has them, or an array of chroma."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.dataset.frame_rate import check_held, step
from coversim.dataset.reader import LARGEST, read_feature
from coversim.errors import BadSong, CoversimError
from coversim.features.downsampling import downsample

PITCH_CLASSES = 12


@dataclass(frozen=True)
class Song:
    """A song's chroma, one array (12, T) for each feature that the metric sees, row 0 being pitch class C."""

    features: tuple[str, ...]
    arrays: tuple[np.ndarray, ...]
    rate: float  # frames per second of the arrays

    @property
    def seconds(self) -> float:
        """How long it is."""
        return min(array.shape[1] for array in self.arrays) / self.rate

    def seen_by(self, features: tuple[str, ...]) -> "Song":
        """The same song, of these of its features alone."""
        return Song(features, tuple(self.arrays[self.features.index(name)] for name in features), self.rate)

    def frames(self, rate: float | None = None, length: int | None = None) -> np.ndarray:
        """Frames (C, 12, T') float32 at `rate` Hz, or `length` of them, as the workflow makes them of its songs."""
        found = [
            array.astype(np.float32)
            if rate == self.rate
            else downsample(
                array,
                self.rate,
                rate=rate,
                frames=length,
                hold=step(FEATURES[feature], self.rate),
                non_negative=FEATURES[feature].non_negative,
            )
            for feature, array in zip(self.features, self.arrays, strict=True)
        ]
        shortest = min(array.shape[1] for array in found)
        return np.stack([array[:, :shortest] for array in found])


def opened(song: Any, features: tuple[str, ...], rate: float | None = None) -> Song:
    """A song, from the path of a file or from an array.

    Parameters
    ----------
    song : path, or array (12, T), (1, 12, T), or (C, 12, T) for C features
        A path leads to a file of one song that holds the features, or, where each has a folder, to that of any of
        them.
    rate : float
        Frames per second of an array; of a file too, where they are not those of Da-TACOS.

    Raises
    ------
    CoversimError
        If there is no such file, if it holds no such feature, if that shows another frame rate, or if an array is no chroma.
    """
    if rate is not None and not 0 < rate < np.inf:
        raise CoversimError(
            f"rate={rate}: no number of frames per second. Remedy: say rate=, e.g. rate=44100 / 512"
        )
    if isinstance(song, str | os.PathLike):
        rate = rate or FRAME_RATE
        return Song(features, tuple(_read(Path(song), feature, rate) for feature in features), rate)
    array = np.asarray(song)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[:2] != (len(features), PITCH_CLASSES) or array.shape[2] < 2:
        raise CoversimError(
            f"an array of shape {np.shape(song)}: the metric sees {', '.join(features)}, (12, frames) each, in an array "
            f"({len(features)}, 12, frames). Remedy: transpose or stack it; row 0 is pitch class C"
        )
    numbers = array.dtype.kind in "fiu" and np.isfinite(array).all()
    if not (numbers and array.min() >= 0 and array.max() <= LARGEST and array.any()):
        raise CoversimError(
            f"an array that is no chroma: its values must be finite numbers, at least 0, at most {LARGEST:g}, and not all 0. "
            "Remedy: give the magnitudes of twelve pitch classes"
        )
    if rate is None:
        raise CoversimError(
            "an array does not tell how fast its frames follow each other. Remedy: say rate=, frames per second, "
            "e.g. rate=44100 / 512"
        )
    return Song(features, tuple(array), float(rate))


def _read(path: Path, feature: str, rate: float) -> np.ndarray:
    if is_folder(path):
        raise CoversimError(f"{path}: a folder. Remedy: name one of the files in it")
    file = file_of(path, feature)
    try:
        values = read_feature(file, feature).values
    except BadSong as bad:
        raise CoversimError(f"{file.parent}/{bad}") from bad
    try:
        check_held(values, FEATURES[feature], rate)
    except BadSong as bad:
        raise CoversimError(
            f"{file}: {bad.reason}. Remedy: say --rate (in Python rate=), frames per second of the file"
        ) from bad
    return values


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; not if nobody can tell, its name being too long or a folder above it closed."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def absolute(path: str | os.PathLike) -> Path:
    """A path from the root on, without `..`: what lies above one is looked up, since links may lead elsewhere."""
    path = Path(path).absolute()
    if ".." not in path.parts:
        return path
    below = len(path.parts) - path.parts[::-1].index("..")
    return Path(os.path.realpath(Path(*path.parts[:below])), *path.parts[below:])


def file_of(path: Path, feature: str) -> Path:
    """The file of a feature of the song in `path`: the same, or, where each feature has a folder, its sibling."""
    path = absolute(path)
    if not has_feature_folder(path):
        return path
    suffix = f"_{path.stem.rpartition('_')[2]}"
    if suffix == f"_{feature}":
        return path
    song, work, folder = (
        name.removesuffix(suffix) + f"_{feature}"
        for name in (path.stem, path.parent.name, path.parents[1].name)
    )
    return path.parents[2] / folder / work / f"{song}{path.suffix}"


def names_of(path: Path) -> tuple[str, str]:
    """Work and performance, as the folder and the file are called."""
    path = absolute(path)
    suffix = f"_{path.stem.rpartition('_')[2]}" if has_feature_folder(path) else ""
    return path.parent.name.removesuffix(suffix), path.stem.removesuffix(suffix)


def has_feature_folder(path: Path) -> bool:
    """Whether a file's name, and its folder's, end in a feature: then others have folders of their own."""
    return any(path.stem.endswith(f"_{name}") and path.parent.name.endswith(f"_{name}") for name in FEATURES)
