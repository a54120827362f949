"""The network of patches learns from what the alignment of covers brings together."""

import csv
import json
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import corpus
from coversim.sequences import siamese as siamese_module
from coversim.sequences.matching import best_transpositions
from coversim.sequences.network import Network, load
from coversim.sequences.patches import patches, profiles
from coversim.sequences.projection import (
    Projection,
    SecondMoments,
    principal_components,
    transpose,
)
from coversim.sequences.siamese import (
    APART,
    CELLS,
    Cells,
    Siamese,
    aligned_cells,
    distances,
    loss_of,
    other_music,
    train,
    validation_map,
)
from coversim.siamese.songs import Songs
from coversim.storage import frames
from experiments import experiment
from job_server import stand_in

SCRIPTS = Path(__file__).parents[3] / "scripts"
CPU = torch.device("cpu")
QUIET = {"form": 0.0, "tempo": 0.0, "overtones": 0.0, "noise": 0.0, "gain": 0.0}


def songs(works: int, seed: int) -> Songs:
    """Two songs of each work: the same random chords, in another key and with other passing notes."""
    random = np.random.default_rng(seed)
    found = Songs([], [], [])
    for work in range(works):
        chords = np.repeat(random.random((1, 12, 30)) ** 4, 4, axis=2)
        for _ in range(2):
            passing = 1.2 * (random.random((1, 12, 120)) > 0.8) * random.random((1, 12, 120))
            song = np.roll(chords + passing, random.integers(12), axis=1)
            found.frames.append(torch.from_numpy(song.astype(np.float32)))
            found.works.append(f"W_{seed}{work:03d}")
            found.sources.append(0)
    return found


TRAINING, VALIDATION = songs(16, 1), songs(6, 2)
WITHOUT_COVERS = Songs(*(column[::2] for column in vars(VALIDATION).values()))  # the last epoch is kept


def start() -> Projection:
    moments = SecondMoments(16)
    for song in TRAINING.frames:
        moments.add(patches(song.numpy()))
    return principal_components([moments], 30)


def settings(**changes: dict) -> dict:
    chosen = {
        "epochs": 2,
        "excerpt": 0.0,
        "augmentation": QUIET,
        "batch": {"works": 8},
        "learning_rate": 0.003,
    }
    return experiment(
        model={"kind": "sequence_network", "channels": 8, "layers": 2},
        train=chosen | changes.pop("train", {}),
        **changes,
    )


def trained(
    tmp_path: Path, seed: int = 1, validation: Songs = VALIDATION, **changes: dict
) -> tuple[Network, list[dict]]:
    return train(settings(**changes), seed, TRAINING, validation, start(), CPU, tmp_path / "state.pt")


def moved(made: Siamese) -> Siamese:
    """The same, as if it had been trained."""
    with torch.no_grad():
        made.output.normal_(0, 0.3, generator=torch.Generator().manual_seed(5))
    return made


def batch() -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    """Patches, profiles and works of the songs of a batch."""
    chosen = [song.numpy() for song in TRAINING.frames[:8]]
    return [patches(song) for song in chosen], [profiles(song) for song in chosen], [0, 0, 1, 1, 2, 2, 3, 3]


def test_an_untrained_network_is_the_projection_that_it_starts_from():
    made, song = Siamese(start(), 8, 2), patches(TRAINING.frames[0].numpy())
    np.testing.assert_allclose(made.network()(song), start()(song), atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_computes_the_loss_and_its_gradient_as_the_cpu_does():
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(3)
        made = moved(Siamese(start(), 8, 2)).to(device)
        songs, works = [song.numpy() for song in TRAINING.frames[:8]], [0, 0, 1, 1, 2, 2, 3, 3]
        generator = torch.Generator().manual_seed(4)
        value = loss_of(made, songs, works, settings()["train"]["loss"], generator)
        value.backward()
        found.append([value.detach().cpu(), made.output.grad.cpu()])
    for on_cpu, on_gpu in zip(*found, strict=True):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-5, atol=1e-5)


def test_the_training_computes_what_the_trained_network_will():
    made, song = moved(Siamese(start(), 8, 2)), patches(TRAINING.frames[0].numpy())
    vectors = made(torch.from_numpy(song)).detach()
    np.testing.assert_allclose(vectors, made.network()(song), atol=1e-5)
    assert np.abs(made.network()(song) - start()(song)).max() > 0.05
    for semitones in (-3, 0, 8):
        expected = transpose(vectors.numpy(), start().orders, semitones)
        np.testing.assert_allclose(made.played(vectors, semitones), expected, atol=1e-5)


def test_cells_are_close_patches_of_covers_and_of_no_others():
    of_songs, of_sections, works = batch()
    generator = torch.Generator().manual_seed(0)
    cells = aligned_cells([start()(song) for song in of_songs], of_sections, works, start().orders, generator)
    starts = np.cumsum([0, *map(len, of_songs)])
    here, there = (
        np.searchsorted(starts, rows, "right") - 1 for rows in (cells.here.numpy(), cells.there.numpy())
    )
    assert (here != there).all()
    np.testing.assert_array_equal(np.array(works)[here], np.array(works)[there])
    np.testing.assert_array_equal(np.array(works)[here], cells.work)
    np.testing.assert_array_equal(cells.here.numpy() - starts[here], cells.place[:, 0])
    np.testing.assert_array_equal(cells.there.numpy() - starts[there], cells.place[:, 1])
    assert set(np.bincount(cells.pair)) == {CELLS}
    # the music is the same: the covers keep time
    assert np.abs(cells.place[:, 0] - cells.place[:, 1]).max() <= 2


def test_songs_of_other_works_are_set_beside_each_other_in_the_transposition_that_suits_them():
    of_songs, of_sections, works = batch()
    vectors, generator = [start()(song) for song in of_songs], torch.Generator().manual_seed(0)
    cells = aligned_cells(vectors, of_sections, works, start().orders, generator)
    means = [of_song.mean(axis=0)[None] for of_song in of_sections]
    starts = np.cumsum([0, *map(len, of_songs)])
    songs = {
        pair: [
            int(np.searchsorted(starts, rows[cells.pair == pair][0], "right")) - 1
            for rows in (cells.here.numpy(), cells.there.numpy())
        ]
        for pair in set(cells.pair.tolist())
    }
    suited = np.array(
        [
            [best_transpositions(means[songs[pair][0]], means[songs[other][1]], 1).item() for other in songs]
            for pair in songs
        ]
    )
    off = ~np.eye(len(songs), dtype=bool)
    np.testing.assert_array_equal(cells.transpositions[off], suited[off])
    assert (suited[off] != suited.T[off]).any()  # the other way round it is another one


def test_songs_without_covers_give_no_cells():
    of_songs, of_sections, _ = batch()
    vectors = [start()(song) for song in of_songs]
    assert aligned_cells(vectors, of_sections, list(range(8)), start().orders, torch.Generator()) is None
    made = Siamese(start(), 8, 1)
    loss = loss_of(made, [song.numpy() for song in TRAINING.frames[:4]], [0, 1, 2, 3], {}, torch.Generator())
    loss.backward()
    assert loss == 0


def test_distances_are_in_the_transposition_that_suits_two_songs():
    made, random = Siamese(start(), 8, 2), np.random.default_rng(1)
    vectors = random.normal(size=(2, 6, start().size)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    pair = np.array([0, 0, 1, 1, 2, 2])
    keys = random.integers(-5, 12, (3, 3))
    cells = Cells(torch.arange(6), torch.arange(6), pair, pair, np.zeros((6, 2), int), keys)
    found = distances(made, *map(torch.from_numpy, vectors), cells)
    for i, one in enumerate(vectors[0]):
        for j in range(6):
            other = transpose(vectors[1, j : j + 1], start().orders, keys[pair[i], pair[j]])[0]
            assert found[i, j].item() == pytest.approx(np.linalg.norm(one - other), abs=1e-3)


def test_other_music_is_of_other_works_or_of_other_places():
    random = np.random.default_rng(2)
    pair = random.integers(0, 4, 60)
    work = np.array([0, 0, 1, 2])[pair]  # the first work has two pairs of songs
    place = random.integers(0, 80, (60, 2))
    found = other_music(Cells(None, None, pair, work, place, None))
    for i in range(60):
        for j in range(60):
            other_place = pair[i] == pair[j] and min(abs(place[i] - place[j])) > APART
            assert found[i, j] == (work[i] != work[j] or other_place)


@pytest.mark.parametrize("kind", ["nce", "contrastive"])
def test_training_lowers_the_loss(kind, tmp_path):
    _, history = trained(tmp_path, train={"epochs": 8, "loss": {"kind": kind, "temperature": 0.2}})
    assert [row["epoch"] for row in history] == list(range(9))
    assert history[-1]["train_loss"] < history[1]["train_loss"]


def test_the_best_epoch_comes_back(tmp_path):
    found, history = trained(tmp_path, train={"epochs": 4, "learning_rate": 0.05})
    validated = siamese_module.to_validate(VALIDATION)
    assert validation_map(found, validated) == max(row["valid_map"] for row in history)
    untrained = validation_map(Siamese(start(), 8, 2).network(), validated)
    assert untrained == pytest.approx(history[0]["valid_map"])


def test_without_covers_validation_has_no_figure():
    validated = siamese_module.to_validate(WITHOUT_COVERS)
    assert np.isnan(validation_map(Siamese(start(), 8, 1).network(), validated))


def test_zero_epochs_give_the_projection(tmp_path):
    found, history = trained(tmp_path, train={"epochs": 0})
    song = patches(TRAINING.frames[0].numpy())
    assert history == []
    np.testing.assert_allclose(found(song), start()(song), atol=1e-6)


def test_a_seed_gives_the_same_weights_again(tmp_path):
    noisy = {"train": {"epochs": 1, "augmentation": QUIET | {"noise": 0.2}}}
    first, again, other = (
        trained(tmp_path / str(run), seed, WITHOUT_COVERS, **noisy)[0].arrays()
        for run, seed in enumerate((1, 1, 2))
    )
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert first["output"].any()
    assert not np.array_equal(first["output"], other["output"])


def command(folder: Path, run: str) -> list[str]:
    """scripts/sequence_train.py on small files."""
    table = [("work", "performance", "shard", "split")]
    with frames.writing(folder / "crema-4hz" / "0000.h5", "crema", 12, 4.0) as shard:
        for split, of in (("train", TRAINING), ("valid", WITHOUT_COVERS)):
            for place, (work, song) in enumerate(zip(of.works, of.frames, strict=True)):
                shard.append(work, f"P_{split}{place}", song[0].numpy())
                table.append((work, f"P_{split}{place}", 0, split))
    with (folder / "songs.tsv").open("w", newline="") as file:
        csv.writer(file, dialect="excel-tab").writerows(table)
    start().save(folder / "lda.npz")
    (folder / "settings.json").write_text(json.dumps(settings(train={"epochs": 12, "patience": 12})))
    arguments = {
        "settings": folder / "settings.json",
        "seed": 1,
        "frames": folder / "crema-4hz" / "0000.h5",
        "songs": folder / "songs.tsv",
        "copies": corpus.write_copies(folder / "copies.tsv"),
        "start": folder / "lda.npz",
        "code": "c0de",
        "state": folder / run / "state",
        "device": "cpu",
        "projection": folder / run / "projection.npz",
        "history": folder / run / "history.tsv",
    }
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    return [stand_in(), str(SCRIPTS / "sequence_train.py"), *words]


def test_killed_at_any_moment_it_ends_as_an_undisturbed_one_and_is_not_trained_twice(tmp_path):
    subprocess.run(command(tmp_path, "undisturbed"), check=True, capture_output=True, timeout=300)
    again = command(tmp_path, "killed")
    for epoch in (1, 6):
        process = subprocess.Popen(again, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if f"epoch {epoch}/" in line:
                process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"ended before epoch {epoch}"
    assert not (tmp_path / "killed" / "projection.npz").exists()
    done = subprocess.run(again, check=True, capture_output=True, text=True, timeout=300)
    assert "going on after epoch" in done.stderr
    paths = [tmp_path / run / "projection.npz" for run in ("undisturbed", "killed")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert load(paths[0]).output.any()
    assert isinstance(load(paths[0]), Network)
    done = subprocess.run(again, check=True, capture_output=True, text=True, timeout=300)
    assert "trained before" in done.stderr
