"""The script of the rule `train`: killed at any moment it ends with the same bits, and trains nothing twice."""

import csv
import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import corpus
from coversim.dataset.pairs import pair_table
from coversim.siamese import encoder
from coversim.siamese.encoder import embed
from coversim.siamese.history import HISTORY
from coversim.storage import frames, parquet
from experiments import experiment
from job_server import stand_in
from training_songs import TRAINING, VALIDATION, WITHOUT_PCA

SCRIPTS = Path(__file__).parents[3] / "scripts"
CPU = torch.device("cpu")


class Script:
    """scripts/train.py on small files, in processes of its own."""

    def __init__(self, folder: Path, **changes: dict):
        self.folder, self.settings = folder, experiment(**changes)
        table = [("work", "performance", "shard", "split")]
        with frames.writing(folder / "crema-4hz" / "0000.h5", "crema", 12, 4.0) as shard:
            for split, of in (("train", TRAINING), ("valid", VALIDATION)):
                for place, (work, song) in enumerate(zip(of.works, of.frames, strict=True)):
                    shard.append(work, f"P_{split}{place}", song[0].numpy())
                    table.append((work, f"P_{split}{place}", 0, split))
        with (folder / "songs.tsv").open("w", newline="") as file:
            csv.writer(file, dialect="excel-tab").writerows(table)
        corpus.write_copies(folder / "copies.tsv")
        pairs = pair_table([row[:2] for row in table if row[3] == "train"], seed=0)
        parquet.write(folder / "pairs.parquet", pairs)

    def start(self, run: str, **changes: object) -> subprocess.Popen:
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps(self.settings))
        arguments = {
            "settings": settings,
            "seed": 1,
            "frames": self.folder / "crema-4hz" / "0000.h5",
            "songs": self.folder / "songs.tsv",
            "copies": self.folder / "copies.tsv",
            "code": "c0de",
            "state": self.folder / run / "state",
            "threads": 1,
            "device": "cpu",
            "model": self.folder / run / "model.pt",
            "history": self.folder / run / "history.tsv",
        } | changes
        if self.settings["train"]["loss"]["negatives"] == "pairs":
            arguments["pairs"] = self.folder / "pairs.parquet"
        command = [stand_in(), SCRIPTS / "train.py"]
        for name, value in arguments.items():
            command += [f"--{name}", value]
        return subprocess.Popen(map(str, command), stderr=subprocess.PIPE, text=True, env=os.environ)

    def run(self, run: str, **changes: object) -> str:
        process = self.start(run, **changes)
        _, log = process.communicate(timeout=300)
        assert process.returncode == 0, log
        return log

    def kill_after(self, run: str, epoch: int) -> None:
        process = self.start(run)
        for line in process.stderr:
            if f"epoch {epoch}/" in line:
                process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"ended before epoch {epoch}"

    def outputs(self, run: str) -> tuple[bytes, list[list[str]]]:
        """The model's bytes, and the history without its seconds."""
        with (self.folder / run / "history.tsv").open(newline="") as file:
            rows = [row[:-1] for row in csv.reader(file, dialect="excel-tab")]
        return (self.folder / run / "model.pt").read_bytes(), rows


@pytest.mark.parametrize(
    "loss", [{}, {"kind": "contrastive", "negatives": "pairs", "hinge": "linear"}], ids=["nce", "pairs"]
)
def test_killed_at_any_moment_training_ends_with_the_same_bits(loss: dict, tmp_path) -> None:
    script = Script(
        tmp_path,
        **WITHOUT_PCA,
        model={"kind": "motif", "linear": 1.0, "dropout": 0.3},
        train={
            "epochs": 40,
            "patience": 40,
            "excerpt": 10.0,
            "loss": loss,
            "augmentation": {"tempo": 0.3, "form": 0.5, "noise": 0.1},
        },
    )
    script.run("uninterrupted")
    for epoch in (0, 7, 20):
        script.kill_after("killed", epoch)
    assert not (tmp_path / "killed" / "model.pt").exists()
    assert "going on after epoch" in script.run("killed")
    assert script.outputs("killed") == script.outputs("uninterrupted")


def test_what_was_trained_before_comes_back_without_training(tmp_path) -> None:
    script = Script(tmp_path, **WITHOUT_PCA)
    script.run("run")
    first = script.outputs("run")
    for path in ("model.pt", "history.tsv"):
        (tmp_path / "run" / path).unlink()
    for path in ("songs.tsv", "crema-4hz/0000.h5"):
        (tmp_path / path).touch()
    log = script.run("run")
    assert "trained before" in log
    assert "epoch 1/" not in log
    assert script.outputs("run") == first

    log = script.run("run", seed=2)
    assert "epoch 1/3" in log
    assert script.outputs("run") != first
    assert "trained before" in script.run("run")
    assert script.outputs("run") == first


def test_a_remembered_training_that_is_damaged_is_done_again(tmp_path) -> None:
    script = Script(tmp_path, **WITHOUT_PCA)
    script.run("run")
    first = script.outputs("run")
    [remembered] = (tmp_path / "run" / "state").glob("*/model.pt")
    content = bytearray(remembered.read_bytes())
    content[len(content) // 2] ^= 1
    remembered.write_bytes(content)
    assert "epoch 1/3" in script.run("run")
    assert script.outputs("run") == first


def test_songs_that_a_training_does_not_see_do_not_count(tmp_path) -> None:
    script = Script(tmp_path, **WITHOUT_PCA)
    script.run("run")
    shard = tmp_path / "crema-4hz" / "0000.h5"
    before = frames.read(shard)
    with frames.writing(shard, "crema", 12, 4.0) as file:
        everything = zip(
            before.works, before.performances, before.frames(range(len(before.works))), strict=True
        )
        for song in everything:
            file.append(*song)
        file.append("W_test", "P_test", np.ones((12, 40), np.float32))
    with (tmp_path / "songs.tsv").open("a") as file:
        file.write("W_test\tP_test\t0\ttest\n")
    assert "trained before" in script.run("run")


def test_the_history_has_a_row_per_epoch_and_no_loss_of_the_untrained_network(tmp_path) -> None:
    script = Script(tmp_path, **WITHOUT_PCA)
    script.run("run")
    _, (header, *rows) = script.outputs("run")
    assert header == list(HISTORY[:-1])
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert rows[0][1] == ""
    assert all(float(row[1]) > 0 for row in rows[1:])


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.0, "kept epoch 0: training did not help"), (0.003, "kept epoch")],
    ids=["harmful", "good"],
)
def test_model_and_log_tell_the_epoch_that_was_kept(rate: float, said: str, tmp_path) -> None:
    script = Script(tmp_path, **WITHOUT_PCA, train={"epochs": 5, "learning_rate": rate})
    log = script.run("run")
    _, (header, *rows) = script.outputs("run")
    maps = [float(row[header.index("valid_map")]) for row in rows]
    kept = torch.load(tmp_path / "run" / "model.pt", weights_only=True)["epoch"]
    assert kept == maps.index(max(maps))
    assert (kept == 0) == (rate == 0.0)
    assert said in log
    assert ("untrained network" in log) == (kept == 0)
    assert said in script.run("run"), "also where it was trained before"


def test_an_untrained_experiment_has_a_model_and_an_empty_history(tmp_path) -> None:
    script = Script(tmp_path, **WITHOUT_PCA, model={"kind": "mean"}, train={"epochs": 0})
    script.run("run")
    _, rows = script.outputs("run")
    assert rows == [list(HISTORY[:-1])]
    found = encoder.load(tmp_path / "run" / "model.pt")
    assert embed(found, VALIDATION.frames, CPU).isfinite().all()
