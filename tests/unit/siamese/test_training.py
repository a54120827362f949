"""Training: it learns, stops early, and takes what it is given."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import corpus
from coversim.dataset.pairs import pair_table
from coversim.errors import CoversimError
from coversim.evaluation.retrieval import mean_average_precision
from coversim.siamese import training as training_module
from coversim.siamese.encoder import Encoder, embed, embed_played
from coversim.siamese.history import kept_epoch
from coversim.siamese.loop import WARM_UP, learning_rate
from coversim.siamese.networks import Whitened
from coversim.siamese.songs import load_songs
from coversim.siamese.training import Songs, train, validation_map
from coversim.storage import frames, parquet
from experiments import experiment
from training_songs import TRAINING, VALIDATION, WITHOUT_PCA, songs

CPU = torch.device("cpu")


def trained(tmp_path: Path, seed: int = 1, validation: Songs = VALIDATION, pairs=(), **changes: dict):
    return train(
        experiment(**WITHOUT_PCA | changes),
        seed,
        TRAINING,
        validation,
        pairs,
        None,
        CPU,
        tmp_path / "state.pt",
    )


@pytest.mark.parametrize(("kind", "schedule"), [("motif", "cosine"), ("convolution", "constant")])
def test_training_brings_covers_of_other_works_nearer(kind: str, schedule: str, tmp_path) -> None:
    _, history = trained(
        tmp_path,
        model={"kind": kind, "pooling": 1.0},  # the drone is loud everywhere, and a higher exponent heeds it
        train={"epochs": 10, "learning_rate": 0.003, "schedule": schedule},
    )
    assert history[-1]["valid_map"] > 1.5 * history[0]["valid_map"]
    assert history[-1]["train_loss"] < history[1]["train_loss"]


def test_sgd_lowers_the_contrastive_loss(tmp_path) -> None:
    loss = {"kind": "contrastive", "negatives": "all", "margin": 1.0}
    _, history = trained(
        tmp_path,
        train={"epochs": 6, "optimiser": "sgd", "learning_rate": 0.01, "schedule": "constant", "loss": loss},
    )
    assert history[-1]["train_loss"] < history[1]["train_loss"]


def test_the_encoder_of_the_epoch_comes_back_that_is_best_at_all_its_tempi(tmp_path) -> None:
    found, history = trained(tmp_path, train={"epochs": 6, "learning_rate": 0.02})
    embeddings = embed(found, VALIDATION.frames, CPU, experiment()["model"]["tempi"])
    valid_map = mean_average_precision(embeddings, VALIDATION.works)
    assert valid_map == max(row["valid_map"] for row in history)


def test_training_stops_when_validation_has_not_risen_for_a_while(tmp_path) -> None:
    _, history = trained(tmp_path, train={"epochs": 50, "patience": 3, "learning_rate": 0.0})
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]


def test_what_only_harms_gives_back_the_untrained_network(tmp_path) -> None:
    found, history = trained(
        tmp_path, model={"kind": "motif", "linear": 1.0}, train={"epochs": 3, "learning_rate": 0.01}
    )
    assert max(row["valid_map"] for row in history[1:]) < history[0]["valid_map"]
    embeddings = embed(found, VALIDATION.frames, CPU, experiment()["model"]["tempi"])
    valid_map = mean_average_precision(embeddings, VALIDATION.works)
    assert valid_map == history[0]["valid_map"]


def test_without_covers_to_validate_on_the_last_epoch_counts(tmp_path) -> None:
    alone = Songs(VALIDATION.frames[::2], VALIDATION.works[::2], VALIDATION.sources[::2])
    found, history = trained(tmp_path, validation=alone, train={"epochs": 3})
    assert len(history) == 4
    assert kept_epoch([row["valid_map"] for row in history]) == 3
    last = torch.load(tmp_path / "state.pt", weights_only=True)["ema"]
    assert all(torch.equal(weights, last[name]) for name, weights in found.network.state_dict().items())


def together(*sources: Songs) -> Songs:
    """The songs of several sources, as one."""
    numbers = [number for number, of in enumerate(sources) for _ in of.works]
    return Songs([f for of in sources for f in of.frames], [w for of in sources for w in of.works], numbers)


def test_the_map_that_chooses_the_epoch_is_the_mean_of_those_within_the_sources() -> None:
    large, little, alone = (
        songs(30, 3),
        songs(3, 4),
        Songs(*(column[::2] for column in vars(songs(5, 5)).values())),
    )
    both, all_three = together(large, little), together(large, little, alone)
    embeddings = torch.randn(len(all_three.works), 8, generator=torch.Generator().manual_seed(0))
    of_large = mean_average_precision(embeddings[:60], large.works)
    of_little = mean_average_precision(embeddings[60:66], little.works)
    assert validation_map(embeddings[:66], both, CPU) == pytest.approx((of_large + of_little) / 2)
    assert validation_map(embeddings[:60], large, CPU) == of_large
    # a source without covers to validate on does not count
    assert validation_map(embeddings, all_three, CPU) == pytest.approx((of_large + of_little) / 2)
    assert math.isnan(validation_map(embeddings[66:], alone, CPU))


def test_sources_weigh_the_same_in_lda(tmp_path) -> None:
    large, little = songs(20, 3), songs(4, 4)
    repeated = together(large, *[little] * 5)
    one = Songs(repeated.frames, repeated.works, [0] * len(repeated.works))
    settings = experiment(**WITHOUT_PCA, model={"kind": "lda"}, train={"epochs": 0})
    found, expected = (
        train(settings, 1, of, VALIDATION, [], None, CPU, tmp_path / "state.pt")[0].network
        for of in (together(large, little), one)
    )
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.matrix, expected.matrix)


@pytest.mark.parametrize(("kind", "epochs"), [("whitened", 0), ("motif", 1)])
def test_songs_at_other_tempi_are_versions_to_the_whitening(kind: str, epochs: int, tmp_path) -> None:
    def whitened(shrinkage: float, tempi: list[float]) -> torch.Tensor:
        model = {"kind": kind, "linear": 1.0, "shrinkage": shrinkage, "tempi": tempi}
        (tmp_path / "state.pt").unlink(missing_ok=True)
        found, _ = trained(tmp_path, model=model, train={"epochs": epochs})
        return (found.linear or found.network).matrix

    means = embed_played(
        Encoder(experiment(**WITHOUT_PCA, model={"kind": "mean"}), None), TRAINING.frames, CPU, [1.0, 1.25]
    )
    expected = Whitened(means[1.0].shape[1], {"shrinkage": 0.2})
    expected.fit(torch.cat([means[1.0], means[1.25]]), TRAINING.works * 2, [0] * len(TRAINING.works) * 2)
    torch.testing.assert_close(whitened(0.2, [1.0, 1.25]), expected.matrix)
    assert not torch.allclose(whitened(0.2, [1.0]), expected.matrix)
    assert torch.equal(whitened(1.0, [1.0, 1.25]), torch.eye(len(expected.matrix)))


def test_each_batch_of_a_training_is_of_one_source(tmp_path, monkeypatch) -> None:
    both = together(songs(20, 3), songs(4, 4))
    seen: list[int] = []
    varied = training_module.varied

    def noted(frames, *others):
        seen.append(next(s for s, own in zip(both.sources, both.frames, strict=True) if own is frames))
        return varied(frames, *others)

    monkeypatch.setattr(training_module, "varied", noted)
    settings = experiment(**WITHOUT_PCA, train={"epochs": 1, "batch": {"works": 4, "songs": 2}})
    train(settings, 1, both, VALIDATION, [], None, CPU, tmp_path / "state.pt")
    # 5 batches of 8 songs and 1: 3 of each, in turn
    assert seen == [source for _ in range(3) for source in (0, 1) for _ in range(8)]


def test_songs_of_several_data_sets_keep_their_source(tmp_path) -> None:
    for source, name in enumerate(("a", "b")):  # performances are called the same in each work
        (tmp_path / name / "crema-4hz").mkdir(parents=True)
        table = [("work", "performance", "shard", "split")]
        with frames.writing(tmp_path / name / "crema-4hz" / "0000.h5", "crema", 12, 4.0) as shard:
            for place, (work, split) in enumerate(
                (("W_1", "train"), (f"W_{name}", "train"), ("W_v", "valid"))
            ):
                for song in ("0", "1"):
                    shard.append(work, song, np.full((12, 5), 10 * source + place, np.float32))
                    table.append((work, song, 0, split))
        with (tmp_path / name / "songs.tsv").open("w", newline="") as file:
            csv.writer(file, dialect="excel-tab").writerows(table)
        parquet.write(
            tmp_path / f"{name}.parquet", pair_table([row[:2] for row in table if row[3] == "train"], 0)
        )
    training, validation, pairs = load_songs(
        experiment(),
        [tmp_path / name / "crema-4hz" / "0000.h5" for name in ("a", "b")],
        [tmp_path / name / "songs.tsv" for name in ("a", "b")],
        [corpus.write_copies(tmp_path / "copies" / f"{name}.tsv") for name in ("a", "b")],
        [tmp_path / f"{name}.parquet" for name in ("a", "b")],
    )
    assert training.works == ["W_1", "W_1", "W_a", "W_a", "W_1", "W_1", "W_b", "W_b"]
    assert training.sources == [0] * 4 + [1] * 4
    assert [int(song.max()) for song in training.frames] == [0, 0, 1, 1, 10, 10, 11, 11]
    assert validation.sources == [0, 0, 1, 1]
    for source, of_source in enumerate(pairs):
        assert len(of_source) == 4
        for a, b, label in of_source:
            assert training.sources[a] == training.sources[b] == source
            assert a != b
            assert label == (training.works[a] != training.works[b])


def test_zero_epochs_give_the_untrained_encoder(tmp_path) -> None:
    found, history = trained(tmp_path, model={"kind": "mean"}, train={"epochs": 0})
    assert history == []
    assert embed(found, VALIDATION.frames, CPU).shape[0] == len(VALIDATION.works)


def test_a_loss_that_is_not_finite_is_an_error(tmp_path) -> None:
    with pytest.raises(CoversimError, match=r"loss is (nan|inf).*lower train\.learning_rate"):
        trained(
            tmp_path,
            fft={"frames": 60},
            representation={"kind": "flat"},
            model={"kind": "brief", "tempi": [1.0]},
            train={"optimiser": "sgd", "learning_rate": 1e12, "loss": {"kind": "contrastive"}},
        )


@pytest.mark.parametrize("songs", [0, 1, 2])
def test_one_work_is_not_enough_to_train_on(songs: int, tmp_path) -> None:
    few = Songs(TRAINING.frames[:songs], TRAINING.works[:songs], TRAINING.sources[:songs])
    with pytest.raises(CoversimError, match=r"no two training works.*Remedy"):
        train(experiment(**WITHOUT_PCA), 1, few, VALIDATION, [], None, CPU, tmp_path / "state.pt")


@pytest.mark.parametrize("kind", ["motif", "whitened"])
def test_without_a_song_to_train_with_nothing_is_whitened(kind: str, tmp_path) -> None:
    none = Songs([], [], [])
    settings = experiment(**WITHOUT_PCA, model={"kind": kind, "linear": 1.0}, train={"epochs": 0})
    made, _ = train(settings, 1, none, VALIDATION, [], None, CPU, tmp_path / "state.pt")
    matrix = (made.linear or made.network).matrix
    assert torch.equal(matrix, torch.eye(len(matrix)))


def test_songs_that_are_repeated_to_weigh_the_same_are_no_covers_to_lda(tmp_path) -> None:
    alone = [Songs(*(column[::2] for column in vars(songs(works, works)).values())) for works in (6, 3)]
    settings = experiment(**WITHOUT_PCA, model={"kind": "lda"}, train={"epochs": 0})
    with pytest.raises(CoversimError, match=r"several songs of some. Remedy"):
        train(settings, 1, together(*alone), VALIDATION, [], None, CPU, tmp_path / "state.pt")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_gives_the_same_weights_again(seed: int, tmp_path) -> None:
    changes = {"train": {"epochs": 2, "augmentation": {"tempo": 0.3, "noise": 0.1}, "excerpt": 10.0}}
    first, _ = trained(tmp_path / "first", seed, **changes)
    again, _ = trained(tmp_path / "again", seed, **changes)
    other, _ = trained(tmp_path / "other", seed + 1, **changes)
    for name, weights in first.network.state_dict().items():
        assert torch.equal(weights, again.network.state_dict()[name])
    assert any(
        not torch.equal(weights, other.network.state_dict()[name])
        for name, weights in first.network.state_dict().items()
    )


def test_a_damaged_state_starts_the_training_anew(tmp_path, caplog) -> None:
    (tmp_path / "state.pt").write_bytes(b"half a fi")
    _, history = trained(tmp_path, train={"epochs": 2})
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert "starts anew" in caplog.text


def test_the_learning_rate_rises_over_the_first_tenth_and_falls_to_0() -> None:
    chosen = {"schedule": "cosine", "learning_rate": 0.5}
    rates = [learning_rate(step / 1000, chosen) for step in range(1001)]
    assert np.argmax(rates) == 100 == 1000 * WARM_UP
    assert max(rates) == pytest.approx(0.5)
    assert (np.diff(rates[:101]) > 0).all()
    assert (np.diff(rates[100:]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("valid_maps", "kept"),
    [([0.3], 0), ([0.3, 0.2], 0), ([0.3, 0.4, 0.4, 0.1], 1), ([math.nan] * 3, 2)],
)
def test_the_first_of_the_best_epochs_is_kept(valid_maps: list[float], kept: int) -> None:
    assert kept_epoch(valid_maps) == kept
