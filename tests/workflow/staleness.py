"""The kinds of change in staleness.tsv, and how to make each to a place where the workflow has run."""

import csv
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import yaml

import corpus
from place import CONFIG, RESULTS, WORKS, files_of, of_split, song, write_config, write_titles
from workflow import jobs, plan, run

TABLE = Path(__file__).with_suffix(".tsv")


class Row(NamedTuple):
    """What a change must rerun."""

    kind: str  # data, config, numbers (of the configuration), code, outputs, surroundings, copies, clocks or sequences
    change: str
    jobs: Counter  # jobs of each rule
    epochs: str  # whether a network is trained: yes; no, it is known already; –, there is no `train` job
    why: str


def table() -> list[Row]:
    """The rows of staleness.tsv."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [
            Row(row["kind"], row["change"], _counts(row["jobs"]), row["epochs"], row["why"])
            for row in csv.DictReader(file, dialect="excel-tab")
        ]


def _counts(jobs: str) -> Counter:
    return Counter(
        {rule: int(count) for rule, count in (job.split() for job in jobs.split(", ") if job != "–")}
    )


def make_change(place: Path, row: Row) -> list[str]:
    """Make the change of a row to a place; arguments for Snakemake that belong to it."""
    if row.change in CHANGES:
        return CHANGES[row.change](place) or []
    if row.kind in ("config", "numbers"):
        _set(place, *row.change.split(" = ", maxsplit=1))
    else:
        _edit(place / "clone" / row.change)
    return []


def _set(place: Path, key: str, value: str) -> None:
    *sections, last = key.split(".")
    config = yaml.safe_load((place / "run.yaml").read_text(encoding="utf-8"))
    section = config
    for name in sections:
        section = section.setdefault(name, {})
    section[last] = yaml.safe_load(value)
    write_config(place, config)


def _edit(path: Path) -> None:
    """A change that Python's grammar sees, and no result."""
    assert path.is_file(), path
    with path.open("a", encoding="utf-8") as file:
        file.write("\n_EDITED = True\n" if path.suffix == ".py" else "\n")


def _edit_comments(place: Path) -> None:
    for path in (place / "clone" / "scripts").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""') or not text
        path.write_text(text.replace('"""', '"""Now: ', 1) + "\n\n# a remark\n", encoding="utf-8")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def _touch(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file():
            path.touch()


def _touch_outputs(place: Path) -> None:
    model = place / RESULTS / "models" / "network" / "1" / "model.pt"
    assert model.stat().st_size > 1_000_000, "what Snakemake by itself no longer compares by content"
    model.touch()
    _touch((place / RESULTS).rglob("*"))


def _change_content(path: Path, older: bool = False, value: float = 0.5) -> None:
    """Other values; the size stays, and the time moves on, or back."""
    before = path.stat()
    with h5py.File(path, "r+") as file:
        next(iter(file.values()))[0, 0] = value
    assert path.stat().st_size == before.st_size
    if older:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - 10**9))


def _add(place: Path, work: str, *performances: str) -> None:
    for seed, performance in enumerate(performances):
        arrays = corpus.song_arrays(100 + seed, 10, ["crema", "hpcp"])
        corpus.write_song(place / "data", work, performance, arrays)


def _add_copy(place: Path) -> None:
    for path, copy in zip(files_of(place, "W_1", "P_1.1"), files_of(place, "W_1", "P_1.3"), strict=True):
        shutil.copy(path, copy)


def _add_work(place: Path, split: str) -> None:
    _add(place, of_split(split, (f"W_new{number}" for number in range(100))), "P_n.1", "P_n.2")


def _remove(place: Path, work: str, *performances: str) -> None:
    for performance in performances:
        for path in files_of(place, work, performance):
            path.unlink()


def _rename_song(place: Path) -> None:
    for path in files_of(place, "W_1", "P_1.1"):
        path.rename(path.with_name(path.name.replace("P_1.1", "P_1.7")))


def _split_first(place: Path) -> None:
    _set(place, "split", "{method: first, train: 6, valid: 3}")


def _whole_songs(place: Path) -> None:
    """Songs of so many frames are for patches of whole songs, which not every network takes, nor changes of tempo."""
    changes = {
        "fft.frames": "64",
        "representation.kind": "flat",
        "model.kind": "convolution",
        "train.excerpt": "0",
        "train.augmentation.form": "0",
        "train.augmentation.tempo": "0",
    }
    for key, value in changes.items():
        _set(place, key, value)


def _frames_without_the_baseline(place: Path) -> None:
    """Which takes no patches that keep their pitch classes."""
    _set(place, "representation.kind", "frames")
    _set(place, "experiments.baseline", "null")


def _rename_experiment(place: Path) -> None:
    _set(place, "experiments.network", "null")
    _set(place, "experiments.renamed", "{}")


def _reverse_experiments(place: Path) -> None:
    config = yaml.safe_load((place / "run.yaml").read_text(encoding="utf-8"))
    experiments = dict(reversed(config["experiments"].items()))
    (place / "run.yaml").write_text(
        yaml.safe_dump(config | {"experiments": experiments}, sort_keys=False), encoding="utf-8"
    )


def _add_feature(place: Path) -> None:
    for work, performances in WORKS.items():
        for seed, performance in enumerate(performances):
            arrays = corpus.song_arrays(seed, 10, ["cens"])
            corpus.write_song(place / "data", work, performance, arrays)


def _move_data(place: Path) -> None:
    (place / "data").rename(place / "elsewhere")
    _set(place, "datasets.train.root", str(place / "elsewhere"))


def _move_clone(place: Path) -> list[str]:
    (place / "clone").rename(place / "elsewhere")
    (place / "clone").symlink_to(place / "elsewhere")
    return ["--snakefile", str(place / "elsewhere" / "Snakefile")]


def _shard(place: Path) -> Path:
    return place / RESULTS / "fft" / "train" / "crema-4hz" / "0000.h5"


def _damage(path: Path, keep_time: bool = False) -> None:
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _more_memory(place: Path) -> list[str]:
    profile = place / "clone" / "profiles" / "local"
    _replace(profile / "profile.yaml", "cores: all", "cores: all\nset-resources: {train: {mem_mb: 5000}}")
    return ["--profile", str(profile)]


def _rename_results(place: Path, name: str = "other") -> None:
    (place / RESULTS).rename((place / RESULTS).with_name(name))
    _set(place, "name", name)


def _copy_results(place: Path, name: str = "other") -> None:
    """As `cp -r` does, with new times."""
    shutil.copytree(
        place / RESULTS, (place / RESULTS).with_name(name), copy_function=shutil.copy, symlinks=True
    )
    _set(place, "name", name)


def _copy_an_output(place: Path) -> None:
    """Components that somebody else made, under the name of those that are wanted."""
    [path] = (place / RESULTS / "pca").glob("*/pca-4.npz")
    shutil.copy(path, path.with_name("pca-3.npz"))
    _set(place, "pca.components", "3")


def _second_results_folder(place: Path) -> None:
    """Another run in the same place; the records of the first are lost."""
    _copy_results(place, "second")
    _set(place, "name", CONFIG["name"])
    shutil.rmtree(place / RESULTS / ".snakemake")


def _another_clock(place: Path) -> None:
    """Outputs and records that a machine made whose clock is ten minutes ahead."""
    for path in (place / RESULTS).rglob("*"):
        if path.is_file():
            ahead = path.stat().st_mtime + 600
            os.utime(path, (ahead, ahead))


def _interrupt(place: Path, until: str) -> None:
    """Begin to bring the results up to date, and stop after a rule."""
    done = run(place, "--until", until)
    assert jobs(done)[until], done.stdout


def _in_turn(*changes: Callable[[Path], list[str] | None]) -> Callable[[Path], list[str] | None]:
    def make(place: Path) -> list[str] | None:
        options = None
        for change in changes:
            options = change(place)
        return options

    return make


def _change_song(place: Path) -> None:
    _change_content(song(place, "train"))


def _change_back(place: Path) -> None:
    """Content and time as they were before `_change_song`."""
    path = song(place, "train")
    kept = path.with_suffix(".kept")
    shutil.copy2(kept, path)


def _keep(place: Path) -> None:
    path = song(place, "train")
    shutil.copy2(path, path.with_suffix(".kept"))


def _setting(key: str, value: str) -> Callable[[Path], None]:
    return lambda place: _set(place, key, value)


CHANGES: dict[str, Callable[[Path], list[str] | None]] = {
    "nothing": lambda place: None,
    "every song file touched": lambda place: _touch((place / "data").rglob("*.h5")),
    "a song file touched": lambda place: song(place, "train").touch(),
    "data set moved, times kept": _move_data,
    "clone moved": _move_clone,
    "clone checked out again": lambda place: _touch((place / "clone").rglob("*")),
    "a song's content": lambda place: _change_content(song(place, "train")),
    "a song's content, its size kept, its time older": lambda place: _change_content(
        song(place, "train"), True
    ),
    "content of a song that only tests": lambda place: _change_content(song(place, "test")),
    "a song added to a work": lambda place: _add(place, "W_1", "P_1.3"),
    "a copy of a song added to its work": _add_copy,
    "a song removed": lambda place: _remove(place, "W_1", "P_1.1"),
    "a song renamed": _rename_song,
    "a work added to train with": lambda place: _add_work(place, "train"),
    "a work added to test with": lambda place: _add_work(place, "test"),
    "a work removed": lambda place: _remove(place, "W_1", *WORKS["W_1"]),
    "another feature fetched": _add_feature,
    "a file of a feature that is not used": lambda place: _change_content(files_of(place, "W_1", "P_1.1")[1]),
    "titles in the metadata": lambda place: write_titles(place, "Another Title"),
    "split.method = first (6 works to train, 3 to validate)": _split_first,
    "fft.frames = 64 (and what patches of whole songs need)": _whole_songs,
    "representation.kind = frames (without the baseline)": _frames_without_the_baseline,
    "experiments.network renamed": _rename_experiment,
    "experiments in another order": _reverse_experiments,
    "comments, docstrings and white space of all Python code": _edit_comments,
    "a rule's shell text": lambda place: _replace(
        place / "clone" / "rules" / "pairs.smk", "2> {log:q}", " 2> {log:q}"
    ),
    "a comment in a rule": lambda place: _replace(
        place / "clone" / "rules" / "pairs.smk", "rule pairs:", "# a remark\nrule pairs:"
    ),
    "every output touched": _touch_outputs,
    "results renamed": _rename_results,
    "results renamed, then on_bad_song = fail": _in_turn(_rename_results, _setting("on_bad_song", "fail")),
    "results renamed, then fft.py": _in_turn(
        _rename_results, lambda place: _edit(place / "clone" / "scripts" / "fft.py")
    ),
    "results copied, with new times": _copy_results,
    "a song's content, then results copied": _in_turn(_change_song, _copy_results),
    "a song's content, a dry run, then results copied": _in_turn(_change_song, plan, _copy_results),
    "another results folder beside it, metadata of the first deleted": _second_results_folder,
    "components copied from another run": _copy_an_output,
    "outputs by a clock ten minutes ahead": _another_clock,
    "outputs by a clock ten minutes ahead, then a song's content": _in_turn(_another_clock, _change_song),
    "outputs by a clock ten minutes ahead, then a work added": _in_turn(
        _another_clock, lambda place: _add_work(place, "train")
    ),
    "outputs by a clock ten minutes ahead, a song's content, interrupted after fft": _in_turn(
        _another_clock, _change_song, partial(_interrupt, until="fft")
    ),
    "a song's content, interrupted after fft": _in_turn(_change_song, partial(_interrupt, until="fft")),
    "a song's content, interrupted after fft, changed again": _in_turn(
        _change_song,
        partial(_interrupt, until="fft"),
        lambda place: _change_content(song(place, "train"), value=0.25),
    ),
    "a song's content, interrupted after fft, changed back": _in_turn(
        _keep, _change_song, partial(_interrupt, until="fft"), _change_back
    ),
    "pca.components = 3, interrupted after pca": _in_turn(
        _setting("pca.components", "3"), partial(_interrupt, until="pca")
    ),
    "fft.py, interrupted after fft": _in_turn(
        lambda place: _edit(place / "clone" / "scripts" / "fft.py"), partial(_interrupt, until="fft")
    ),
    "a shard of frames deleted": lambda place: _shard(place).unlink(),
    "a shard of frames damaged, its time kept": lambda place: _damage(_shard(place), keep_time=True),
    "a shard of frames damaged": lambda place: _damage(_shard(place)),
    "a model deleted": lambda place: (place / RESULTS / "models" / "network" / "1" / "model.pt").unlink(),
    "table of metrics deleted": lambda place: (place / RESULTS / "metrics.tsv").unlink(),
    "remembered trainings deleted": lambda place: shutil.rmtree(place / RESULTS / "training_state"),
    "Snakemake's metadata deleted": lambda place: shutil.rmtree(place / RESULTS / ".snakemake"),
    "resources in a profile": _more_memory,
    "threads": lambda place: ["--set-threads", "train=2"],
}
