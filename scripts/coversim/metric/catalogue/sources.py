"""Songs that are to be in a catalogue: which files these are, and what they are called."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from coversim.dataset import titles
from coversim.errors import CoversimError
from coversim.metric.metric import Metric
from coversim.metric.songs import absolute, file_of, has_feature_folder, names_of


def songs_in(paths: Iterable[str | os.PathLike]) -> Iterator[Path]:
    """Files of songs: each path itself, or, where it is a folder, all .h5 files below it, sorted.

    Of Da-TACOS, where each feature has a folder, the files of one feature will do.
    """
    for path in map(absolute, paths):
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*.h5") if not file.name.startswith("."))
        if not found:
            raise CoversimError(f"{path}: no .h5 file below it. Remedy: name the folder that holds the songs")
        seen = set()
        for file in found:
            song = (file.parents[2], *names_of(file)) if has_feature_folder(file) else file
            if song not in seen:
                seen.add(song)
                yield file


class Titles:
    """Title and artist of songs that lie in the layout of Da-TACOS, where its metadata is there."""

    def __init__(self) -> None:
        self._read: dict[Path, dict[tuple[str, str], titles.Titles]] = {}

    def of(self, path: Path) -> tuple[str, str]:
        """Title and artist of a song; empty where they are not known."""
        subset = path.parent.parent.name.removeprefix("da-tacos_").partition("_subset_")[0]
        file = titles.find(path.parent.parent.parent, subset) if len(path.parents) > 2 else None
        if file is None:
            return "", ""
        if file not in self._read:
            self._read[file] = titles.read(file)
        found = self._read[file].get(names_of(path))
        if found is None:
            return "", ""
        return found.performance_title or found.work_title, found.performance_artist or found.work_artist


def known_as(path: Path, metric: Metric) -> Path:
    """The path by which a catalogue knows a song: of its file with the first feature that the metric sees."""
    return file_of(path, metric.kind.features[0])


def state_of(path: Path, metric: Metric) -> tuple[int, int] | None:
    """Size and latest time of the files of a song that the metric sees; None where one is not there.

    Where they differ, the song is embedded anew.
    """
    try:
        found = [file.stat() for file in {file_of(path, feature) for feature in metric.kind.features}]
    except OSError:
        return None
    return sum(status.st_size for status in found), max(status.st_mtime_ns for status in found)
