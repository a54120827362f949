"""The target `catalogue`: the songs of a run's data sets, ready to be searched."""

import numpy as np

import corpus
from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.parts import points_of
from workflow import SMALL, jobs, snakemake

TRAINING = {f"W_{number}": [f"P_{number}1", f"P_{number}2"] for number in range(16)}
OURS = {f"U_{number}": [f"R_{number}"] for number in range(3)}
BAD = ("W_0", "P_01")


def test_the_catalogue_follows_the_data_sets_and_embeds_new_songs_alone(tmp_path):
    training = corpus.write_corpus(tmp_path / "train", TRAINING, features=["hpcp"])
    corpus.song_path(training, *BAD, "hpcp", "per-feature").write_bytes(b"no HDF5")
    ours = corpus.write_corpus(tmp_path / "our songs", OURS, features=["hpcp"], seed=200)
    datasets = {
        "train": {"root": str(training)},
        "ours": {"root": str(ours), "role": "benchmark", "rate": 43.0},
    }

    def made():
        config = SMALL | {
            "datasets": datasets,
            "split": {"valid": 0.3, "test": 0.3},
            "experiments": dict.fromkeys(("sequence", "brief", "ftm2d", "pca")),
        }
        return snakemake(tmp_path / "run", "catalogue", config=config)

    assert "songs: 34 added, 0 removed, 34 in all; by vector" in made().stdout
    folder = tmp_path / "run/results/small/songs.cat"
    parts = {path: path.read_bytes() for path in folder.glob("part-*.h5")}
    assert "songs: 0 added, 0 removed, 34 in all" in made().stdout

    corpus.write_corpus(ours, {"U_3": ["R_3"]}, features=["hpcp"], seed=300)
    done = made()
    assert "songs: 1 added, 0 removed, 35 in all" in done.stdout
    assert not jobs(done).keys() & {"train", "fit", "pca"}
    assert {path: path.read_bytes() for path in parts} == parts

    corpus.song_path(ours, "U_0", "R_0", "hpcp", "per-feature").unlink()
    assert "songs: 0 added, 1 removed, 34 in all" in made().stdout
    assert_embedded_at(43.0, folder)

    datasets["ours"]["rate"] = 86.0
    assert "songs: 3 added, 0 removed, 34 in all" in made().stdout
    assert_embedded_at(86.0, folder)


def assert_embedded_at(rate, folder):
    """The songs of `ours` are the points that the metric makes of them at this frame rate."""
    found = Catalogue.load(folder)
    points = np.concatenate([points_of(path) for path in found.parts])
    songs = {entry.work: (entry.path, point) for entry, point in zip(found.entries, points, strict=True)}
    assert {"U_1", "U_2", "U_3"} <= songs.keys()
    assert "U_0" not in songs
    for work in ("U_1", "U_2", "U_3"):
        path, point = songs[work]
        np.testing.assert_allclose(point, found.metric.embed(path, rate).vector, atol=1e-6)
