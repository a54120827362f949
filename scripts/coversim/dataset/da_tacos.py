"""Which songs a data set holds: its layout, recognised from folder names, and one walk through it.

Da-TACOS comes in two layouts, and any collection that lies in one of them is read the same way:

    per-feature   da-tacos_<subset>_subset_<feature>/<work>_<feature>/<performance>_<feature>.h5
    single        da-tacos_<subset>_subset_single_files/<work>/<performance>.h5

No song is opened here, and only the standard library is used: the Snakefile's main process runs this.
Hidden entries are ignored, and so are files that do not end in `.h5`.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from coversim.dataset.features import FEATURES
from coversim.dataset.paths import is_inside
from coversim.errors import BadSong, CoversimError

KINDS = ("per-feature", "single")

_FOLDER = re.compile(r"da-tacos_(?P<subset>.+)_subset_(?P<content>[a-z_]+)", re.DOTALL)
_SINGLE = "single_files"
_SUFFIX = ".h5"


class Layout(NamedTuple):
    """How a data set lies on disk."""

    kind: str
    subset: str
    features: tuple[str, ...]

    @property
    def folders(self) -> dict[str, tuple[str, ...]]:
        """Each folder that holds works, and the features that its files hold."""
        prefix = f"da-tacos_{self.subset}_subset_"
        if self.kind == "single":
            return {prefix + _SINGLE: self.features}
        return {prefix + feature: (feature,) for feature in self.features}


class File(NamedTuple):
    """A song's file: path relative to the data set's root, bytes, and time of change in ns."""

    path: str
    size: int
    mtime_ns: int


class SongFiles(NamedTuple):
    """A performance of a work, and the file of each feature that there is one for."""

    work: str
    performance: str
    files: dict[str, File]


class Problem(NamedTuple):
    """A song (or a whole work, its performance then empty) that cannot be used, and why."""

    work: str
    performance: str
    reason: str
    remedy: str


def recognise(
    root: str | os.PathLike,
    subset: str | None = None,
    layout: str | None = None,
    features: Sequence[str] | None = None,
    key: str = "datasets.train",
    names: Mapping[str, str] | None = None,
) -> Layout:
    """The layout of the data set at `root`; whatever is named by an argument is not guessed.

    Without `features`, they are all that have a folder; what single files hold cannot be known without
    opening them, so all that Da-TACOS has are taken. The CoversimError raised where nothing, or more than one
    thing, is recognised says which setting to change: root, subset, layout or features below `key`, the data
    set's place in the config, or what `names` calls these.
    """
    names = names or {name: f"{key}.{name}" for name in ("root", "subset", "layout", "features")}
    contents = defaultdict(set)
    for entry in _entries(root, f"set {names['root']} to the folder of a data set"):
        if (match := _holds_works(entry.name)) and _is_folder(entry):
            if _printable(entry.name) != entry.name:
                raise CoversimError(f"{root}: {_printable(entry.name)} is not UTF-8. Remedy: rename it")
            contents[match["subset"]].add(match["content"])
    if not contents:
        raise _no_data_set(root, names["root"])
    subset = _choice(root, names["subset"], "subset", subset, sorted(contents))
    found = contents[subset]
    kinds = [kind for kind in KINDS if (found - {_SINGLE} if kind == "per-feature" else _SINGLE in found)]
    kind = _choice(root, names["layout"], "layout", layout, kinds)
    available = [feature for feature in FEATURES if kind == "single" or feature in found]
    for feature in features or ():
        _choice(root, names["features"], "feature", feature, available)
    return Layout(kind, subset, tuple(features or available))


def _no_data_set(root: str | os.PathLike, setting: str) -> CoversimError:
    """What to say where nothing is recognised: the data set may lie one folder further down, or up."""
    folder = Path(root).absolute()
    inside = sorted(folder / entry.name for entry in _visible(folder) if _is_folder(entry))
    for where, candidates in (("one folder further down", inside), ("further up", folder.parents[:2])):
        if found := [_printable(str(path)) for path in candidates if _is_data_set(path)]:
            return CoversimError(
                f"{root}: the data set lies {where}. Remedy: set {setting} to {' or '.join(found)}"
            )
    for feature in FEATURES:
        if works := [_printable(path.name) for path in inside if path.name.endswith(f"_{feature}")]:
            return CoversimError(
                f"{root}: its folder {works[0]} is a work's. "
                f"Remedy: move all like it into a folder da-tacos_<subset>_subset_{feature}"
            )
    return CoversimError(
        f"{root}: no folder da-tacos_<subset>_subset_<feature> or da-tacos_<subset>_subset_{_SINGLE}. "
        f"Remedy: set {setting} to the folder that holds them"
    )


def _is_data_set(folder: Path) -> bool:
    try:
        return any(_holds_works(entry.name) for entry in _visible(folder))
    except OSError:
        return False


def _holds_works(name: str) -> re.Match | None:
    """Subset and content of a folder of that name, if it is one of works."""
    match = _FOLDER.fullmatch(name)
    return match if match and (match["content"] in FEATURES or match["content"] == _SINGLE) else None


def walk(root: str | os.PathLike, layout: Layout) -> tuple[list[SongFiles], list[Problem]]:
    """All songs of the data set and all that cannot be used, both sorted by work and performance.

    A song is its work and its performance: performances of two works may be called the same. Links are followed
    inside the data set only. A data set without any song is a CoversimError.
    """
    files: dict[tuple[str, str], dict[str, File]] = defaultdict(dict)
    problems = []
    for folder, features in layout.folders.items():
        suffix = f"_{features[0]}" if layout.kind == "per-feature" else ""
        for found in _walk_folder(os.path.realpath(root), folder, suffix):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                work, performance, file = found
                files[work, performance].update(dict.fromkeys(features, file))

    songs = [
        SongFiles(work, performance, of_features)
        for (work, performance), of_features in sorted(files.items())
    ]
    problems.sort()
    if not songs:
        song = f"<work>{suffix}/<performance>{suffix}{_SUFFIX}"
        empty = Problem(
            "", "", "no work holds a file of one", f"unpack the archives so that songs lie there as {song}"
        )
        first = problems[0] if problems else empty
        raise CoversimError(
            f"{root}: no song in {', '.join(layout.folders)}: {first.reason}. Remedy: {first.remedy}"
        )
    return songs, problems


def _walk_folder(root: str, folder: str, suffix: str) -> Iterator[tuple[str, str, File] | Problem]:
    """(work, performance, file) or the problem of each song in one folder of works."""
    if not is_inside(root, f"{root}/{folder}"):
        raise CoversimError(
            f"{root}: {folder} is a link out of the data set. Remedy: put what it points to in its place"
        )
    for entry in _entries(f"{root}/{folder}", "make it readable"):
        if not (entry.is_symlink() or entry.is_dir()):  # a link that leads nowhere is a problem of its work
            continue
        work = _printable(entry.name).removesuffix(suffix)
        path = f"{folder}/{_printable(entry.name)}"
        try:
            _check(root, entry)
            inside = _visible(entry.path)
            songs = [song for song in inside if song.name.endswith(_SUFFIX)]
            if not songs and (deeper := next(filter(_holds_songs, inside), None)):
                raise BadSong(
                    f"songs lie one folder further down, in {_printable(deeper.name)}",
                    f"move the folders of works up, so that each lies in {folder}",
                )
            _check_name(entry, suffix)
        except OSError as error:
            yield Problem(work, "", f"{path}: {error.strerror}", "make it a folder that can be read")
            continue
        except BadSong as bad:
            yield Problem(work, "", f"{path}: {bad.reason}", bad.remedy)
            continue
        for song in songs:
            performance = _printable(song.name).removesuffix(suffix + _SUFFIX)
            try:
                _check(root, song)
                _check_name(song, suffix + _SUFFIX)
                if not song.is_file():
                    raise BadSong("not a file", "move it out of the data set")
                status = song.stat()
            except OSError as error:
                reason = f"{path}/{_printable(song.name)}: {error.strerror}"
                yield Problem(work, performance, reason, "make it a file that can be read")
            except BadSong as bad:
                yield Problem(work, performance, f"{path}/{_printable(song.name)}: {bad.reason}", bad.remedy)
            else:
                yield work, performance, File(f"{path}/{song.name}", status.st_size, status.st_mtime_ns)


def _check(root: str, entry: os.DirEntry) -> None:
    """Raise BadSong unless the name of `entry` is text and it lies inside the data set."""
    if _printable(entry.name) != entry.name:
        raise BadSong("its name is not UTF-8", "rename it")
    if entry.is_symlink() and not is_inside(root, entry.path):
        raise BadSong("a link out of the data set", "put what it points to in its place")


def _check_name(entry: os.DirEntry, suffix: str) -> None:
    """Raise BadSong unless `entry` is named <name><suffix>."""
    if not entry.name.endswith(suffix) or entry.name == suffix:
        raise BadSong(f"its name does not end in {suffix!r} after an identifier", "rename it")


def _holds_songs(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir() and any(song.name.endswith(_SUFFIX) for song in _visible(entry.path))
    except OSError:
        return False


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that is closed
        return False


def _visible(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _entries(folder: str | os.PathLike[str], remedy: str) -> list[os.DirEntry[str]]:
    try:
        return _visible(folder)
    except OSError as error:
        seen_from = "" if Path(folder).is_absolute() else f", seen from {Path.cwd()}"
        raise CoversimError(f"{folder}{seen_from}: {error.strerror}. Remedy: {remedy}") from error


def _choice(root: str | os.PathLike, key: str, what: str, wanted: str | None, available: list[str]) -> str:
    """`wanted` if it is available; without it, the only one available."""
    if wanted in available:
        return wanted
    if wanted is None and len(available) == 1:
        return available[0]
    choices = ", ".join(map(_printable, available)) or "none"
    problem = f"no {what} {wanted!r}" if wanted is not None else f"more than one {what}"
    raise CoversimError(f"{root}: {problem}. Remedy: set {key} to what is there: {choices}")


def _printable(name: str) -> str:
    """`name` with the bytes that are not UTF-8 written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()
