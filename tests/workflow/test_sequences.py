"""Whatever was changed, killed, copied and renamed before: a run ends with what a run from scratch makes.

Hypothesis draws sequences of what people do to a tiny corpus and its results. COVERSIM_SEQUENCES sets how many (20 by
default, always the same ones; with another number, others at each start).
"""

import csv
import hashlib
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import corpus
from place import clone
from workflow import ROOT, plan, run, start, wait_for_jobs

SEQUENCES = os.environ.get("COVERSIM_SEQUENCES")
STEPS = 6
WORKS = {f"W_{number}": [f"P_{number}.1", f"P_{number}.2"] for number in range(7)}
EXTRA = {"W_8": ["P_8.1", "P_8.2"]}
EDITED = [("W_1", "P_1.1"), ("W_4", "P_4.2")]  # songs with several contents
SECONDS = 6
CHOICES = {
    "on_bad_song": ["set_aside", "fail"],
    "pca.components": [3, 4, 4.0],
    "split.seed": [0, 1],
    "seeds": [[1], [1, 2]],
    "evaluation.resamples": [100, 200],
    "fft.rate": [4, 3.0],
}
CONFIG = {
    "datasets": {"train": {"root": "../data"}},
    "shards": 2,
    "split": {"valid": 0.3, "test": 0.3, "seed": 0},
    "representation": {"seconds": [2.0], "bispectrum": [0.0]},
    "pca": {"components": 3},
    "model": {"motifs": 4, "embedding": 4, "tempi": [1.0]},
    "train": {"epochs": 1},
    "evaluation": {"resamples": 100},
    "experiments": {**dict.fromkeys(("vector", "brief", "ftm2d", "pca", "sequence")), "network": {}},
}
TELL_TIMES = {"report.html"}
NOT_OUTPUTS = {"catalogue", "logs", "benchmarks", "training_state", "config.json"}

expected: dict[str, dict[str, str]] = {}  # outputs of a run from scratch, by what it was made from


class Sequence(RuleBasedStateMachine):
    """A place (see place.py), and what it is to hold."""

    @initialize()
    def make(self):
        self.place = Path(tempfile.mkdtemp(prefix="sequence"))
        self.state = {
            "songs": [0] * len(EDITED),
            "extra": False,
            "code": 0,
            "config": {key: choices[0] for key, choices in CHOICES.items()},
        }
        self.name = "a"
        self.names = 0
        self.moment = 0
        make_place(self.place, self.state)

    def teardown(self):
        try:
            if hasattr(self, "place"):
                self.bring_up_to_date()
        finally:
            shutil.rmtree(self.place, ignore_errors=True)

    @property
    def results(self):
        return self.place / "run" / "results" / self.name

    def write(self):
        write_config(self.place, self.state, self.name)

    @rule()
    def bring_up_to_date(self):
        self.write()
        done = tries_again(self.place)
        assert outputs(self.results).items() >= from_scratch(self.state).items(), done.stdout
        assert "Nothing to be done" in plan(self.place).stdout

    @rule(number=st.integers(0, len(EDITED) - 1), content=st.integers(0, 2))
    def edit_a_song(self, number, content):
        self.moment += 1
        self.state["songs"][number] = content
        write_song(self.place, number, content, self.moment)

    @rule()
    def add_or_remove_a_work(self):
        self.state["extra"] = not self.state["extra"]
        write_extra(self.place, self.state["extra"])

    @rule(data=st.data())
    def change_a_setting(self, data):
        key = data.draw(st.sampled_from(sorted(CHOICES)))
        self.state["config"][key] = data.draw(st.sampled_from(CHOICES[key]))

    @rule(version=st.integers(0, 2))
    def edit_code(self, version):
        self.state["code"] = version
        write_code(self.place, version)

    @rule(seconds=st.floats(0.2, 5))
    def kill_a_run(self, seconds):
        """The jobs that it has started go on."""
        self.write()
        process = start(self.place, self.place / "killed.txt")
        process.join(seconds)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()

    @rule(last=st.sampled_from(["fft", "pairs", "pca_moments", "pca", "train", "embed", "evaluate"]))
    def interrupt_a_run_after(self, last):
        self.write()
        tries_again(self.place, "--until", last)

    @rule()
    def look(self):
        self.write()
        tries_again(self.place, "-n")
        tries_again(self.place, "--summary")

    @rule()
    def rename_the_results(self):
        self.names += 1
        before, self.name = self.results, f"renamed{self.names}"
        if before.exists():
            wait_for_jobs(
                self.place
            )  # a run that is killed and renamed while its jobs write is not promised to go on well
            before.rename(self.results)

    @rule(times=st.booleans())
    def copy_the_results(self, times):
        self.names += 1
        before, self.name = self.results, f"copied{self.names}"
        if before.exists():
            wait_for_jobs(self.place)
            copy = shutil.copy2 if times else shutil.copy
            shutil.copytree(before, self.results, copy_function=copy)

    @rule(minutes=st.sampled_from([-10, 10]))
    def set_other_times(self, minutes):
        for path in self.results.rglob("*"):
            if path.is_file():
                then = path.stat().st_mtime + 60 * minutes
                os.utime(path, (then, then))


def make_place(place: Path, state: dict) -> None:
    clone(place)
    corpus.write_corpus(place / "data", WORKS, features=["crema"], seconds=SECONDS)
    for number, content in enumerate(state["songs"]):
        write_song(place, number, content, 0)
    write_extra(place, state["extra"])
    write_code(place, state["code"])
    (place / "run").mkdir()


def write_song(place: Path, number: int, content: int, moment: int) -> None:
    work, performance = EDITED[number]
    path = corpus.song_path(place / "data", work, performance, "crema", "per-feature")
    path.unlink()
    arrays = corpus.song_arrays(1000 + 10 * number + content, SECONDS, ["crema"])
    corpus.write_song(place / "data", work, performance, arrays)
    os.utime(path, ns=(10**18 + moment, 10**18 + moment))  # long ago, and never the same time twice


def write_extra(place: Path, there: bool) -> None:
    if there:
        corpus.write_corpus(place / "data", EXTRA, features=["crema"], seconds=SECONDS, seed=100)
    else:
        for work in EXTRA:
            shutil.rmtree(place / "data" / "da-tacos_toy_subset_crema" / f"{work}_crema", ignore_errors=True)


def write_code(place: Path, version: int) -> None:
    """Another version of the downsampling, with other results."""
    name = "scripts/coversim/features/downsampling.py"
    text = (ROOT / name).read_text()
    end = "return np.maximum(resampled, 0) if non_negative else resampled\n"
    assert text.endswith(end)
    other = end.replace("return ", "return (").replace("\n", f") * {version + 1}\n")
    (place / "clone" / name).write_text(text.replace(end, other))


def tries_again(place: Path, *arguments: str):
    """Run Snakemake; once more where a late job of a killed run put an output in place between two looks at it."""
    done = run(place, *arguments, check=False)
    if "seems to be a broken symlink" in done.stdout:
        done = run(place, *arguments, check=False)
    assert done.returncode == 0, done.stdout
    return done


def write_config(place: Path, state: dict, name: str) -> None:
    config = json.loads(json.dumps(CONFIG | {"name": name}))
    for key, value in state["config"].items():
        *sections, last = key.split(".")
        section = config
        for part in sections:
            section = section.setdefault(part, {})
        section[last] = value
    (place / "run.yaml").write_text(yaml.safe_dump(config))


def from_scratch(state: dict) -> dict[str, str]:
    """What a run makes that nothing came before, by path below the results."""
    key = repr(sorted(state.items())).replace(".0", "")  # 4.0 is 4
    if key not in expected:
        with tempfile.TemporaryDirectory(prefix="scratch") as folder:
            place = Path(folder)
            make_place(place, state)
            write_config(place, state, "scratch")
            run(place)
            expected[key] = outputs(place / "run" / "results" / "scratch")
    return expected[key]


def outputs(results: Path) -> dict[str, str]:
    """Digest of each output but those that tell times; of histories without their column of seconds."""
    digests = {}
    for path in results.rglob("[!.]*"):
        name = path.relative_to(results)
        if path.is_file() and name.parts[0] not in NOT_OUTPUTS | TELL_TIMES | {".snakemake"}:
            content = path.read_bytes()
            if path.name == "history.tsv":
                rows = csv.DictReader(content.decode().splitlines(), dialect="excel-tab")
                content = repr([{**row, "seconds": ""} for row in rows]).encode()
            digests[str(name)] = hashlib.sha256(content).hexdigest()
    return digests


def test_after_any_sequence_a_run_ends_as_one_from_scratch():
    run_state_machine_as_test(
        Sequence,
        settings=settings(
            max_examples=int(SEQUENCES or 20),
            derandomize=SEQUENCES is None,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
