"""The script of the rule `align`: a shard's queries against their collection."""

import csv
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import corpus
from coversim.alignment.qmax import METHODS, chroma_distances, qmax_distances
from coversim.alignment.shard import _chroma
from coversim.features.patches import sharpen
from coversim.siamese.kinds import KINDS
from coversim.storage import distances, embeddings, frames
from job_server import stand_in

SCRIPTS = Path(__file__).parents[3] / "scripts"
SONGS = {  # work → shard, split, songs
    "W_1": (0, "valid", "ab"),
    "W_2": (1, "valid", "abc"),
    "W_3": (0, "valid", "a"),
    "W_4": (1, "test", "ab"),
    "W_5": (0, "valid", "ab"),  # its second song was set aside
}
NAMES = [f"P_{work}{song}" for work, (_, _, songs) in SONGS.items() for song in songs]


def song(name):
    random = np.random.default_rng(list(name.encode()))
    return random.random((12, int(random.integers(5, 50)))).astype(np.float32)


@pytest.fixture
def place(tmp_path):
    rows = [("work", "performance", "shard", "split")]
    for shard in (0, 1):
        with frames.writing(tmp_path / "crema-4hz" / f"{shard:04d}.h5", "crema", 12, 4.0) as file:
            for work, (own, split, songs) in SONGS.items():
                for letter in songs if own == shard else "":
                    rows.append((work, f"P_{work}{letter}", shard, split))
                    if (work, letter) != ("W_5", "b"):
                        file.append(work, f"P_{work}{letter}", song(f"P_{work}{letter}"))
    with (tmp_path / "songs.tsv").open("w", newline="") as file:
        csv.writer(file, dialect="excel-tab").writerows(rows)
    corpus.write_copies(tmp_path / "copies.tsv")
    return tmp_path


def align(place, shard, *arguments, method="qmax", sharpness=0, transpositions=1):
    output = place / "valid" / f"{shard}.h5"
    paths = [place / "crema-4hz" / f"{number}.h5" for number in ("0000", "0001")]
    command = [stand_in(), SCRIPTS / "align.py", "--method", method, "--sharpness", sharpness]
    command += ["--transpositions", transpositions]
    command += [
        "--frames",
        *paths,
        "--songs",
        place / "songs.tsv",
        "--copies",
        place / "copies.tsv",
        "--collection",
        "valid",
        "--shard",
        shard,
        "--output",
        output,
    ]
    done = subprocess.run([*map(str, [*command, *arguments])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return distances.read(output), done.stderr


def test_songs_that_do_not_count_are_neither_queries_nor_candidates(place):
    corpus.write_copies(place / "copies.tsv", (place.name, "W_1", "P_W_1b"), (place.name, "W_2", "P_W_2c"))
    found, _ = align(place, "0001")
    assert found.performances.tolist() == ["P_W_1a", "P_W_3a", "P_W_5a", "P_W_2a", "P_W_2b"]
    assert set(found.performances[found.query].tolist()) == {"P_W_2a", "P_W_2b"}


@pytest.mark.parametrize(("method", "distance"), [("qmax", qmax_distances), ("chroma", chroma_distances)])
@pytest.mark.parametrize(
    ("shard", "queries"), [("0000", {"P_W_1a", "P_W_1b", "P_W_5a"}), ("0001", {"P_W_2a", "P_W_2b", "P_W_2c"})]
)
def test_each_query_of_a_shard_meets_each_song_of_its_collection(place, shard, queries, method, distance):
    found, log = align(place, shard, method=method)
    assert found.performances.tolist() == [
        *("P_W_1a", "P_W_1b", "P_W_3a", "P_W_5a", "P_W_2a", "P_W_2b", "P_W_2c")
    ]
    assert set(found.performances[found.query]) == queries
    for query, row in zip(found.performances[found.query], found.distance, strict=True):
        expected = [distance(song(name)[None], [song(query)[None]])[0] for name in found.performances]
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)
    assert "3 queries, 7 songs, 21 pairs" in log


def test_re_ranking_compares_with_the_songs_that_the_embedding_finds_first(place):
    names = [name for name in NAMES if name != "P_W_5b"]
    line = np.array([[2**place] for place in range(len(names))], np.float32)
    splits = ["test" if "W_4" in name else "valid" for name in names]
    embeddings.write(place / "train.h5", [name[2:5] for name in names], names, splits, line)
    script = [stand_in(), SCRIPTS / "candidates.py", "--embeddings", place / "train.h5"]
    script += ["--collection", "valid", "--candidates", 2, "--output", place / "candidates.h5"]
    done = subprocess.run([*map(str, script)], capture_output=True, text=True, check=True)
    assert "5 queries, 2 candidates each of 7 songs, among them 62.5 % of the covers" in done.stderr
    found, log = align(place, "0001", "--candidates", place / "candidates.h5")
    compared = {
        query: set(found.performances[row])
        for query, row in zip(found.performances[found.query], found.candidate, strict=True)
    }
    for query, near, row in zip(
        found.performances[found.query], found.candidate, found.distance, strict=True
    ):
        expected = [
            qmax_distances(song(name)[None], [song(query)[None]])[0] for name in found.performances[near]
        ]
        np.testing.assert_allclose(row, expected, rtol=1e-5)
    assert compared == {  # those before it on the line
        "P_W_2a": {"P_W_1b", "P_W_1a"},
        "P_W_2b": {"P_W_2a", "P_W_1b"},
        "P_W_2c": {"P_W_2b", "P_W_2a"},
    }
    assert "6 pairs" in log


def test_the_best_of_several_transpositions_counts(place):
    found, _ = align(place, "0001", transpositions=3)
    for query, row in zip(found.performances[found.query], found.distance, strict=True):
        expected = [
            qmax_distances(song(name)[None], [song(query)[None]], 3)[0] for name in found.performances
        ]
        np.testing.assert_allclose(row, expected, rtol=1e-5)


def test_sharper_frames_change_the_distances(place):
    plain, _ = align(place, "0000", method="chroma")
    sharp, _ = align(place, "0000", method="chroma", sharpness=4)
    assert (sharp.distance != plain.distance).any()


@pytest.mark.parametrize("sharpness", [(0.0, 0.0), (4.0, 8.0), (0.0, 4.0)])
def test_frames_are_sharpened_as_the_network_sees_them(sharpness):
    chroma = np.stack([song("a")[:, :5], song("b")[:, :5]])
    chroma[:, :, 2] = 0  # silence
    found = _chroma(frames.SongFrames("W", "P", chroma), list(sharpness))
    expected = sharpen(torch.from_numpy(chroma)[None], sharpness)[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_plan_knows_the_methods():
    assert {name for name, kind in KINDS.items() if kind.pairwise and not kind.projection} == set(METHODS)
