"""The target `catalogue`: the songs of a run's data sets, ready to be searched."""

import corpus
from coversim.metric.catalogue.catalogue import Catalogue
from workflow import SMALL, jobs, snakemake

TRAINING = {f"W_{number}": [f"P_{number}1", f"P_{number}2"] for number in range(16)}
OURS = {f"U_{number}": [f"R_{number}"] for number in range(3)}


def test_the_catalogue_follows_the_data_sets_and_embeds_new_songs_alone(tmp_path):
    training = corpus.write_corpus(tmp_path / "train", TRAINING, features=["crema"])
    ours = corpus.write_corpus(tmp_path / "our songs", OURS, features=["crema"], seed=200)
    config = SMALL | {
        "datasets": {"train": {"root": str(training)}, "ours": {"root": str(ours), "role": "benchmark"}},
        "split": {"valid": 0.3, "test": 0.3},
        "experiments": dict.fromkeys(("sequence", "brief", "ftm2d", "pca")),
    }

    def made():
        return snakemake(tmp_path / "run", "catalogue", config=config)

    assert "35 songs added, 0 removed, 35 in all, by vector" in made().stdout
    folder = tmp_path / "run/results/small/songs.cat"
    first = (folder / "part-1.h5").read_bytes()
    assert "0 songs added, 0 removed, 35 in all" in made().stdout

    corpus.write_corpus(ours, {"U_3": ["R_3"]}, features=["crema"], seed=300)
    done = made()
    assert "1 songs added, 0 removed, 36 in all" in done.stdout
    assert not jobs(done).keys() & {"train", "fit", "pca"}
    assert (folder / "part-1.h5").read_bytes() == first

    corpus.song_path(ours, "U_0", "R_0", "crema", "per-feature").unlink()
    assert "0 songs added, 1 removed, 35 in all" in made().stdout
    found = Catalogue.load(folder).search(
        str(corpus.song_path(training, "W_0", "P_01", "crema", "per-feature"))
    )
    assert len(found) == 10
    assert "U_0" not in {entry.work for entry in Catalogue.load(folder).entries}
