"""What a training depends on, and how many are remembered."""

import os

from coversim.siamese.model_cache import KEPT, forget_old, training_key


def test_the_key_of_a_training_is_what_its_result_depends_on() -> None:
    key = training_key({"x": 1, "y": 2}, 1, "code", [b"content"])
    assert key == training_key({"y": 2, "x": 1}, 1, "code", iter([b"content"]))
    others = [
        training_key({"x": 2, "y": 2}, 1, "code", [b"content"]),
        training_key({"x": 1, "y": 2}, 2, "code", [b"content"]),
        training_key({"x": 1, "y": 2}, 1, "edited", [b"content"]),
        training_key({"x": 1, "y": 2}, 1, "code", [b"other"]),
        training_key({"x": 1, "y": 2}, 1, "code", [b"con", b"tent"]),
    ]
    assert len({key, *others}) == 6


def test_only_the_newest_trainings_are_remembered(tmp_path) -> None:
    for age in range(KEPT + 3):
        folder = tmp_path / f"settings{age % 2}-1" / f"key{age}"
        folder.mkdir(parents=True)
        (folder / "model.pt").write_bytes(b"")
        os.utime(folder, ns=(10**9 * age, 10**9 * age))
    forget_old(tmp_path)
    kept = {path.name for path in tmp_path.glob("*/*")}
    assert kept == {f"key{age}" for age in range(3, KEPT + 3)}
