"""The scripts from frames to embeddings: pca_moments, pca, train and embed, as the rules call them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import corpus
import train as train_script
from coversim.errors import CoversimError
from coversim.features.pca import Moments, Projection
from coversim.storage import embeddings, frames
from experiments import experiment
from job_server import stand_in

SCRIPTS = Path(__file__).parents[3] / "scripts"
SPLITS = {"W_1": "train", "W_2": "train", "W_3": "valid", "W_4": "test", "W_5": "shared"}


def call(script: str, **arguments: object) -> str:
    command = [stand_in(), str(SCRIPTS / f"{script}.py"), *words_of(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def words_of(arguments: dict[str, object]) -> list[str]:
    """Arguments by name, as they stand on a command line."""
    words = []
    for name, value in arguments.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return words


class Workplace:
    """Two shards of two features, five works of two songs each; one song lacks its second feature."""

    def __init__(self, folder: Path, seed: int = 0):
        self.folder = folder
        self.songs = folder / "songs.tsv"
        self.copies = corpus.write_copies(folder / "copies.tsv")
        rows = [("work", "performance", "shard", "split")]
        for shard in (0, 1):
            for feature in ("crema", "hpcp"):
                path = folder / f"{feature}-4hz" / f"{shard:04d}.h5"
                with frames.writing(path, feature, 12, 4.0) as file:
                    for work in list(SPLITS)[shard::2]:
                        for song in "ab":
                            if (feature, work, song) != ("hpcp", "W_4", "b"):
                                file.append(work, f"P_{work}{song}", self.values(work, song, feature, seed))
            rows += [
                (work, f"P_{work}{song}", shard, SPLITS[work])
                for work in list(SPLITS)[shard::2]
                for song in "ab"
            ]
        with self.songs.open("w", newline="") as file:
            csv.writer(file, dialect="excel-tab").writerows(rows)

    @staticmethod
    def values(work: str, song: str, feature: str, seed: int) -> np.ndarray:
        """Frames; those of the training songs do not depend on the seed."""
        seed = 0 if SPLITS[work] == "train" else seed
        length = np.random.default_rng([seed, ord(work[2]), ord(song)]).integers(30, 60)
        generator = np.random.default_rng([seed, ord(work[2]), ord(song), len(feature)])
        return generator.random((12, int(length))).astype(np.float32)

    def settings(self, settings: dict) -> Path:
        """An experiment's settings as a file."""
        path = self.folder / "settings.json"
        path.write_text(json.dumps(settings))
        return path

    def frames(self, *features: str, shard: str = "*") -> list[Path]:
        return [
            path for feature in features for path in sorted(self.folder.glob(f"{feature}-4hz/{shard}.h5"))
        ]

    def moments(self, settings: dict, *features: str) -> list[Path]:
        outputs = []
        for shard in ("0000", "0001"):
            outputs.append(self.folder / "moments" / f"{shard}.npz")
            call(
                "pca_moments",
                frames=self.frames(*features, shard=shard),
                songs=self.songs,
                settings=self.settings(settings),
                output=outputs[-1],
            )
        return outputs


def test_principal_components_see_training_songs_only(tmp_path) -> None:
    outputs = [Workplace(tmp_path / str(seed), seed).moments(experiment(), "crema") for seed in (1, 2)]
    for first, second in zip(*outputs, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert sum(Moments.load(path).count for path in outputs[0]) > 0


@pytest.mark.parametrize("features", [["crema"], ["crema", "hpcp"]])
def test_from_frames_to_embeddings(features: list[str], tmp_path) -> None:
    place = Workplace(tmp_path)
    settings = experiment(features=features, model={"kind": "motif", "linear": 1.0}, train={"epochs": 1})
    pca, model = tmp_path / "pca.npz", tmp_path / "model.pt"
    call("pca", moments=place.moments(settings, *features), components=5, output=pca)
    assert Projection.load(pca).components.shape[0] == 5
    call(
        "train",
        settings=place.settings(settings),
        seed=1,
        frames=place.frames(*features),
        songs=place.songs,
        copies=place.copies,
        pca=pca,
        code="c0de",
        state=tmp_path / "state",
        model=model,
        history=tmp_path / "history.tsv",
    )
    call(
        "embed",
        model=model,
        frames=place.frames(*features),
        songs=place.songs,
        copies=place.copies,
        output=tmp_path / "songs.h5",
    )

    found = embeddings.read(tmp_path / "songs.h5")
    expected = {f"P_{work}{song}" for work in SPLITS for song in "ab" if SPLITS[work] != "shared"}
    if "hpcp" in features:
        expected.remove("P_W_4b")  # it lacks a feature
    assert set(found.performances) == expected
    assert len(found.performances) == len(expected)
    assert [SPLITS[work] for work in found.works] == list(found.splits)
    assert found.embeddings.shape[1] == 5 + settings["model"]["embedding"]
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, rtol=1e-5)


def train_on(place: Workplace, **changes: dict) -> bytes:
    """What model.pt holds after a training on one feature, on patches as they are."""
    call("train", **training(place, **changes))
    return (place.folder / "model.pt").read_bytes()


def training(place: Workplace, **changes: dict) -> dict[str, object]:
    """Arguments of such a training."""
    return {
        "settings": place.settings(experiment(pca={"components": 0}, **changes)),
        "seed": 1,
        "frames": place.frames("crema"),
        "songs": place.songs,
        "copies": place.copies,
        "code": "c0de",
        "state": place.folder / "state",
        "model": place.folder / "model.pt",
        "history": place.folder / "history.tsv",
    }


def test_discriminants_see_training_songs_only(tmp_path) -> None:
    places = [Workplace(tmp_path / str(seed), seed) for seed in (0, 1)]
    fitted, same = (train_on(place, model={"kind": "lda"}, train={"epochs": 0}) for place in places)
    assert fitted == same
    call(
        "embed",
        model=tmp_path / "1" / "model.pt",
        frames=places[1].frames("crema"),
        songs=places[1].songs,
        copies=places[1].copies,
        output=tmp_path / "songs.h5",
    )
    found = embeddings.read(tmp_path / "songs.h5").embeddings
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert np.linalg.matrix_rank(found) == 1  # two training works differ in one direction


def test_a_training_sees_a_share_of_the_works(tmp_path) -> None:
    with pytest.raises(AssertionError, match="no two training works"):
        train_on(Workplace(tmp_path), train={"epochs": 1, "works": 1e-9})


def test_too_little_memory_of_a_gpu_has_a_remedy(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(train_script, "train", full)
    monkeypatch.setattr(train_script, "compute_reproducibly", lambda threads: None)  # of the whole process
    monkeypatch.setattr(sys, "argv", ["train.py", *words_of(training(Workplace(tmp_path)))])
    with pytest.raises(CoversimError, match=r"Remedy: lower train\.batch\.works or train\.excerpt"):
        train_script.main()


def test_songs_are_sought_at_the_tempi_that_are_asked_for(tmp_path) -> None:
    place = Workplace(tmp_path)
    tempi = experiment()["model"]["tempi"]
    train_on(place, model={"kind": "motif", "linear": 1.0}, train={"epochs": 1})
    for name, asked in (("plain", {}), ("sought", {"query-tempi": [*tempi, 0.9]})):
        call(
            "embed",
            model=tmp_path / "model.pt",
            frames=place.frames("crema"),
            songs=place.songs,
            copies=place.copies,
            output=tmp_path / f"{name}.h5",
            **asked,
        )
    plain, sought = (embeddings.read(tmp_path / f"{name}.h5") for name in ("plain", "sought"))
    assert plain.queries is None
    np.testing.assert_array_equal(sought.embeddings, plain.embeddings)
    assert sought.queries.shape == (len(plain.works), 4, plain.embeddings.shape[1])
    mean = sought.queries[:, :3].mean(axis=1)
    np.testing.assert_allclose(
        mean / np.linalg.norm(mean, axis=1, keepdims=True), plain.embeddings, atol=1e-6
    )
