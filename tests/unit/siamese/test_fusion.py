"""Late fusion against distances that are standardised and added one by one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coversim.errors import CoversimError
from coversim.siamese.fusion import fused, spread
from coversim.storage import embeddings
from coversim.storage.embeddings import Embeddings

SCRIPT = Path(__file__).parents[3] / "scripts/fuse.py"
SPLITS = ["train", "valid", "valid", "valid", "valid", "test", "test", "test"]
NAMES = [f"P_{song}" for song in range(len(SPLITS))]


def songs(seed, size, scale=1.0, names=NAMES):
    """Embeddings of some songs, of two to a work."""
    random = np.random.default_rng(seed)
    works = [f"W_{int(name[2:]) // 2}" for name in names]
    splits = [SPLITS[int(name[2:])] for name in names]
    points = (scale * random.normal(size=(len(names), size))).astype(np.float32)
    return Embeddings(np.array(works), np.array(names), np.array(splits), points)


def squared(part):
    points = part.embeddings.astype(np.float64)
    return np.square(points[:, None] - points).sum(axis=2)


def deviation(part):
    """Of the squared distances of the pairs of validation songs."""
    valid = np.flatnonzero(part.splits == "valid")
    return np.std([squared(part)[a, b] for a in valid for b in valid if a < b])


@given(seed=st.integers(0, 2**32 - 2), scale=st.floats(1e-3, 1e3))
def test_squared_distances_are_standardised_on_validation_songs_and_added(seed, scale):
    parts = [songs(seed, 3), songs(seed + 1, 5, scale)]
    found = fused(parts, parts)
    expected = sum(squared(part) / deviation(part) for part in parts)
    np.testing.assert_allclose(squared(found), expected, rtol=1e-3, atol=1e-3 * expected.max())
    assert [column.tolist() for column in found[:3]] == [column.tolist() for column in parts[0][:3]]


def test_the_scale_of_a_part_does_not_matter_and_one_of_no_spread_does_no_harm():
    parts = [songs(0, 3), songs(1, 5)]
    louder = [parts[0], parts[1]._replace(embeddings=1000 * parts[1].embeddings)]
    np.testing.assert_allclose(
        squared(fused(louder, louder)), squared(fused(parts, parts)), rtol=1e-4, atol=1e-4
    )
    collapsed = parts[1]._replace(embeddings=np.ones_like(parts[1].embeddings))
    assert spread(collapsed.embeddings) == 1
    assert spread(collapsed.embeddings[:0]) == 1


def test_a_benchmark_is_scaled_as_the_training_data_set():
    parts, references = [songs(0, 3), songs(1, 5)], [songs(2, 3), songs(3, 5, 10)]
    expected = sum(
        squared(part) / deviation(reference) for part, reference in zip(parts, references, strict=True)
    )
    np.testing.assert_allclose(squared(fused(parts, references)), expected, rtol=1e-3, atol=1e-3)


def test_what_is_fused_is_sought_at_the_tempi_of_its_parts():
    random = np.random.default_rng(0)
    parts = [songs(0, 3), songs(1, 5, names=NAMES[::-1]), songs(2, 4)]
    parts = [
        part._replace(queries=random.normal(size=(8, 2, size)))
        for part, size in zip(parts, (3, 5), strict=False)
    ] + parts[2:]
    found = fused(parts, parts)
    assert found.queries.shape == (8, 2, 12)
    scale = [np.sqrt(deviation(part)) for part in parts]
    expected = [parts[0].queries, parts[1].queries[::-1], parts[2].embeddings[:, None].repeat(2, axis=1)]
    expected = [points / factor for points, factor in zip(expected, scale, strict=True)]
    np.testing.assert_allclose(found.queries, np.concatenate(expected, axis=2), rtol=1e-4)
    assert fused(parts[2:], parts[2:]).queries is None


def test_songs_that_a_part_lacks_are_left_out_whatever_the_order():
    whole, some = songs(0, 3), songs(1, 5, names=["P_6", "P_2", "P_1", "P_4"])
    found = fused([whole, some], [whole, some])
    assert found.performances.tolist() == ["P_1", "P_2", "P_4", "P_6"]
    scale = np.sqrt(deviation(some))
    np.testing.assert_allclose(found.embeddings[:, 3:], some.embeddings[[2, 1, 3, 0]] / scale, rtol=1e-4)


def test_parts_without_a_song_in_common_are_an_error():
    parts = [songs(0, 3, names=["P_1"]), songs(1, 5, names=["P_2"])]
    with pytest.raises(CoversimError, match="no song has an embedding in every experiment"):
        fused(parts, parts)


def test_the_script_writes_what_is_fused(tmp_path):
    parts = [songs(0, 3), songs(1, 5)]
    paths = [tmp_path / f"experiment{place}" / "train.h5" for place in range(2)]
    for path, part in zip(paths, parts, strict=True):
        path.parent.mkdir()
        embeddings.write(path, *part)
    output = tmp_path / "fused.h5"
    command = [sys.executable, SCRIPT, "--embeddings", *paths, "--references", *paths, "--output", output]
    subprocess.run(command, check=True)
    np.testing.assert_array_equal(embeddings.read(output).embeddings, fused(parts, parts).embeddings)


def test_several_data_sets_are_standardised_by_all_validation_songs(tmp_path):
    parts, others = [songs(0, 3), songs(1, 5)], [songs(2, 3), songs(3, 5)]
    others = [other._replace(performances=np.char.add("other", other.performances)) for other in others]
    paths = []
    for place in range(2):
        for name, part in (("a", parts[place]), ("b", others[place])):
            paths.append(tmp_path / f"experiment{place}" / f"{name}.h5")
            paths[-1].parent.mkdir(exist_ok=True)
            embeddings.write(paths[-1], *part)
    output = tmp_path / "fused.h5"
    command = [
        sys.executable,
        SCRIPT,
        "--embeddings",
        *paths[::2],
        "--references",
        *paths,
        "--output",
        output,
    ]
    subprocess.run(command, check=True)
    both = [
        Embeddings(*map(np.concatenate, zip(part[:4], other[:4], strict=True)))
        for part, other in zip(parts, others, strict=True)
    ]
    np.testing.assert_array_equal(embeddings.read(output).embeddings, fused(parts, both).embeddings)


def test_songs_of_the_same_name_are_told_apart_by_their_work():
    part = songs(0, 3)
    recurring = part._replace(
        performances=np.array(["0", "1"] * (len(part.works) // 2)),
        works=np.repeat([f"W_{n}" for n in range(len(part.works) // 2)], 2),
    )
    np.testing.assert_array_equal(
        fused([recurring], [recurring]).embeddings, fused([part], [part]).embeddings
    )
