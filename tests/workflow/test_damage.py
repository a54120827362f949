"""Damage to any output is found by `snakemake verify`, and by whoever reads it: never trained on, never shown."""

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from coversim.errors import CoversimError
from coversim.features.pca import Moments, Projection
from coversim.report import inputs
from coversim.siamese import encoder
from coversim.storage import embeddings, frames, hdf5, json_files, parquet, songs
from place import CONFIG, RESULTS, write_config
from workflow import jobs, run

READERS: dict[str, Callable[[Path], object]] = {
    "fft/train/crema-4hz/0000.h5": lambda path: [
        (song.work, song.performance, song.frames.tobytes()) for song in frames.songs([path])
    ],
    "copies/train.tsv": lambda path: songs.listed([path]),
    "pca/*/moments/*/0000.npz": lambda path: _moments(Moments.load(path)),
    "pca/*/pca-4.npz": lambda path: _bytes(vars(Projection.load(path))),
    "pairs/valid.parquet": parquet.read,
    "models/network/1/model.pt": lambda path: _bytes(encoder.load(path).state_dict()),
    "embeddings/network/1/train.h5": lambda path: (
        _bytes(embeddings.read(path)._asdict()),
        hdf5.read_settings(path),
    ),
    "evaluation/network/1/ranks.parquet": parquet.read,
    "evaluation/network/1/pairs.parquet": parquet.read,
    "evaluation/network/1/found.parquet": lambda path: [
        part.to_pydict() for part in parquet.read_parts(path)
    ],
    "evaluation/network/1/metrics.json": json_files.read,
    "models/network/1/history.tsv": lambda path: inputs.read_histories({"network/1": path}).to_csv(),
    "set_aside.tsv": lambda path: inputs.read_table(path).to_dict("records"),
}
UNREAD = ("metrics.tsv", "report.html")  # but by people


def _bytes(arrays: dict) -> dict[str, bytes]:
    return {
        name: (array.numpy() if isinstance(array, torch.Tensor) else array).tobytes()
        if hasattr(array, "tobytes") or isinstance(array, torch.Tensor)
        else array
        for name, array in arrays.items()
    }


def _moments(moments: Moments) -> tuple:
    kept = [patches.tobytes() for patches in moments.patches]
    return (
        moments.count,
        kept,
        moments.mean.tobytes(),
        None if moments.scatter is None else moments.scatter.tobytes(),
    )


def found(place: Path, pattern: str) -> Path:
    [path] = (place / RESULTS).glob(pattern)
    return path


def flip_a_bit(path: Path, seed: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[random.Random(seed).randrange(len(content))] ^= 1 << seed % 8
    path.write_bytes(content)


def verify(place: Path):
    return run(place, "verify", check=False)


def test_a_finished_run_is_as_it_was_written(place):
    done = verify(place)
    assert done.returncode == 0
    assert re.search(r"(\d+) outputs: \1 intact$", done.stdout, flags=re.MULTILINE)
    assert not jobs(run(place, "-n")), "to look at outputs makes none of them stale"


def test_verify_says_where_there_is_no_run(place):
    write_config(place, CONFIG | {"name": "other"})
    done = verify(place)
    assert done.returncode != 0
    assert (
        "other: no run is here. Remedy: set `name`"
        in (place / "run/results/other/logs/verify.log").read_text()
    )


def test_verify_lists_every_kind_of_damaged_output_and_no_other(place):
    damaged = [found(place, pattern) for pattern in (*READERS, *UNREAD)]
    for path in damaged:
        flip_a_bit(path)
    missing = place / RESULTS / "pairs" / "test.parquet"
    missing.unlink()
    strange = place / RESULTS / "pca" / "from_another_run.npz"
    shutil.copy(found(place, "pca/*/pca-4.npz"), strange)
    done = verify(place)
    listed = [line for line in done.stdout.splitlines() if ". Remedy: " in line]
    expected = [(path, "damaged") for path in damaged]
    expected += [(missing, "missing"), (strange, "without a record")]
    assert sorted(line.split(". Remedy")[0] for line in listed) == sorted(
        f"{path.relative_to(place / RESULTS)}: {wrong}" for path, wrong in expected
    )
    assert f"{len(damaged)} damaged" in done.stdout


def test_beside_a_run_what_is_not_there_yet_is_being_made(place):
    found(place, "pairs/test.parquet").unlink()
    claim = place / "run" / "results" / ".small.run"
    claim.write_text(f"another-host {os.getpid()} 0 0123\n")
    done = verify(place)
    assert done.returncode == 0
    assert "pairs/test.parquet: being made" in done.stdout
    assert claim.exists()


@pytest.mark.parametrize("pattern", READERS)
def test_a_reader_refuses_a_flipped_bit_by_name_or_reads_what_was_written(pattern, place):
    path, read = found(place, pattern), READERS[pattern]
    content, whole = path.read_bytes(), read(path)
    refusals = []
    for seed in range(40):
        flip_a_bit(path, seed)
        try:
            assert read(path) == whole, f"seed {seed}"
        except CoversimError as error:
            refusals.append(str(error))
        path.write_bytes(content)
    assert all(str(path) in refusal and "Remedy: delete it" in refusal for refusal in refusals)
    assert len(refusals) > 20, "little of a file is without meaning"


def test_a_run_stops_at_a_damaged_shard_and_is_mended_by_deleting_it(place):
    table = place / RESULTS / "metrics.tsv"
    before = table.read_bytes()
    shard = found(place, "fft/train/crema-4hz/0001.h5")
    shard.write_bytes(shard.read_bytes()[:-1000])
    (place / RESULTS / "set_aside.tsv").unlink()  # what needs it
    done = run(place, "--keep-going", check=False)
    assert done.returncode != 0
    logs = "".join(path.read_text() for path in (place / RESULTS / "logs").rglob("*.log"))
    assert f"{shard.relative_to(place / RESULTS)}: damaged" in logs
    assert "Traceback" not in logs
    shard.unlink()
    run(place)
    assert table.read_bytes() == before
    assert verify(place).returncode == 0


def test_a_model_altered_by_hand_is_refused(place, tmp_path):
    path = found(place, "models/network/1/model.pt")
    content = torch.load(path, weights_only=True)
    content["network"] = {name: weights + 1 for name, weights in content["network"].items()}
    torch.save(content, path)
    with pytest.raises(CoversimError, match=r"model\.pt: damaged.*Remedy: delete it"):
        encoder.load(path)


def test_a_model_that_would_run_code_is_refused(tmp_path):
    class Opens:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"settings": "{}", "projection": None, "network": Opens()}, tmp_path / "model.pt")
    with pytest.raises(CoversimError, match="not a readable model"):
        encoder.load(tmp_path / "model.pt")
    assert not (tmp_path / "ran").exists()


def test_pairs_without_a_record_are_checked_by_their_own_format(place):
    path = found(place, "pairs/valid.parquet")
    content = path.read_bytes()
    path.with_name(f".{path.name}.sha256").unlink()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CoversimError, match="damaged"):
        parquet.read(path)
    path.write_bytes(content)
    assert parquet.read(path).equals(pq.read_table(path))
