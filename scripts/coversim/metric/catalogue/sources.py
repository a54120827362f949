"""Songs that are to be in a catalogue: which files these are, and what they are called."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from coversim.dataset import titles
from coversim.errors import CoversimError
from coversim.metric.catalogue.parts import METRIC
from coversim.metric.metric import Metric
from coversim.metric.songs import absolute, file_of, has_feature_folder, is_folder, names_of


def songs_in(
    paths: Iterable[str | os.PathLike], problem: Callable[[CoversimError], None] | None = None
) -> Iterator[Path]:
    """Files of songs: each path itself, or, where it is a folder, all .h5 files below it, sorted; links are followed.

    Of Da-TACOS, where each feature has a folder, the files of one feature will do. `problem` is told of each folder that
    cannot be read or holds none; None: the first raises.
    """
    for path in map(absolute, paths):
        if not is_folder(path):
            yield path
            continue
        problems: list[CoversimError] = []
        found = sorted(_files_below(path, problems))
        if not found and not problems:
            problems = [
                CoversimError(f"{path}: no .h5 file below it. Remedy: name the folder that holds the songs")
            ]
        for error in problems:
            if problem is None:
                raise error
            problem(error)
        seen = set()
        for file in found:
            song = (file.parents[2], subset_of(file), *names_of(file)) if has_feature_folder(file) else file
            if song not in seen:
                seen.add(song)
                yield file


def _files_below(folder: Path, problems: list[CoversimError]) -> Iterator[Path]:
    """The .h5 files below a folder, but for hidden ones and those of a catalogue; `problems` takes what cannot be read."""

    def unreadable(error: OSError) -> None:
        problems.append(
            CoversimError(f"{error.filename}: {error.strerror}. Remedy: make it readable, or move it")
        )

    walked = set()
    for place, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(place)
        catalogue = METRIC in files and any(name.startswith("part-") for name in files)
        if real in walked or catalogue:  # walked: a link in a circle
            folders.clear()
            continue
        walked.add(real)
        folders.sort(key=lambda name: (Path(place, name).is_symlink(), name))  # each time by the same way
        yield from (Path(place, name) for name in files if name.endswith(".h5") and not name.startswith("."))


def subset_of(file: Path) -> str:
    """The name of its subset, of a file in the layout of Da-TACOS."""
    return file.parents[1].name.removeprefix("da-tacos_").partition("_subset_")[0]


class Titles:
    """Title and artist of songs that lie in the layout of Da-TACOS, where its metadata is there; `said` is told where not."""

    def __init__(self, said: Callable[[str], None]) -> None:
        self._said = said
        self._read: dict[Path, dict[tuple[str, str], titles.Titles]] = {}

    def of(self, path: Path) -> tuple[str, str]:
        """Title and artist of a song; empty where they are not known."""
        subset = subset_of(path)
        file = titles.find(path.parent.parent.parent, subset) if len(path.parents) > 2 else None
        if file is None:
            return "", ""
        if file not in self._read:
            try:
                self._read[file] = titles.read(file)
            except (CoversimError, OSError) as error:
                self._read[file] = {}
                self._said(f"no titles: {error}")
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
