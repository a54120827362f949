import os

import pytest

from coversim.dataset.catalogue import (
    DataSet,
    catalogue_files,
    check_splits,
    split_works,
    summarise,
    write_if_changed,
)
from coversim.dataset.da_tacos import File, Layout, SongFiles
from coversim.errors import CoversimError
from coversim.storage import tsv

LAYOUT = Layout("per-feature", "test", ("crema",))


def collection(works, songs=2, time=1):
    return [
        SongFiles(work, f"{work}-P{number}", {"crema": File(f"{work}/{number}.h5", 10, time)})
        for work in works
        for number in range(songs)
    ]


def write(folder, songs, shards=4):
    split = split_works(
        {song.work for song in songs}, {"method": "hash", "valid": 0.3, "test": 0.3, "seed": 0}
    )
    data_set = DataSet("/data", LAYOUT, None, songs, [], split)
    for path, text in catalogue_files(data_set, folder, LAYOUT.features, shards):
        write_if_changed(path, text)
    return summarise(data_set)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WORKS = [f"W_{number}" for number in range(20)]


def test_every_shard_has_a_manifest_even_an_empty_one(tmp_path):
    write(tmp_path, collection(WORKS[:2]), shards=16)
    manifests = sorted((tmp_path / "manifests" / "crema").iterdir())
    assert [path.name for path in manifests] == [f"{shard:04d}.tsv" for shard in range(16)]
    assert sum(len(tsv.read(path)) for path in manifests) == 4


def test_adding_a_work_changes_one_manifest(tmp_path):
    write(tmp_path / "before", collection(WORKS))
    write(tmp_path / "after", collection([*WORKS, "W_new"]))
    before, after = contents(tmp_path / "before" / "manifests"), contents(tmp_path / "after" / "manifests")
    assert sum(before[name] != after[name] for name in before) == 1


def test_a_file_replaced_with_an_older_time_changes_its_manifest(tmp_path):
    songs = collection(WORKS, time=100)
    write(tmp_path / "before", songs)
    songs[7].files["crema"] = songs[7].files["crema"]._replace(mtime_ns=99)
    write(tmp_path / "after", songs)
    before, after = contents(tmp_path / "before" / "manifests"), contents(tmp_path / "after" / "manifests")
    assert sum(before[name] != after[name] for name in before) == 1


def test_what_did_not_change_is_not_written_again(tmp_path):
    write(tmp_path, collection(WORKS))
    for path in tmp_path.rglob("*.*"):
        os.utime(path, ns=(1, 1))
    write(tmp_path, collection(WORKS))
    assert {path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == {1}


@pytest.mark.parametrize(
    "odd",
    [
        "a b",
        "it's",
        'say "x"',
        "Ωδή",
        "-rf",
        "new\nline",
        "tab\there",
        "$(id)",
        b"\xff".decode("utf-8", "surrogateescape"),
    ],
)
def test_odd_names_survive(tmp_path, odd):
    write(tmp_path, collection([odd]), shards=1)
    assert {song["work"] for song in tsv.read(tmp_path / "songs.tsv")} == {odd}
    assert {file["path"] for file in tsv.read(tmp_path / "manifests" / "crema" / "0000.tsv")} == {
        f"{odd}/0.h5",
        f"{odd}/1.h5",
    }


def test_a_work_is_wholly_in_one_split(tmp_path):
    write(tmp_path, collection(WORKS, songs=3))
    splits = {(song["work"], song["split"]) for song in tsv.read(tmp_path / "songs.tsv")}
    assert len(splits) == len(WORKS)


def test_the_summary_counts_works_songs_and_distractors(tmp_path):
    summary = write(tmp_path, collection(WORKS) + collection(["W_alone"], songs=1))
    assert (summary["works"], summary["songs"], summary["distractors"]) == (21, 41, 1)
    assert sum(split["queries"] for split in summary["split"].values()) == 40


def test_a_data_set_without_covers_is_refused(tmp_path):
    with pytest.raises(CoversimError, match="no work has two songs"):
        check_splits([write(tmp_path, collection(WORKS, songs=1))], ["train", "valid"])


def test_a_split_without_covers_is_refused(tmp_path):
    with pytest.raises(CoversimError, match="split 'valid' has 0 works"):
        check_splits([write(tmp_path, collection(WORKS[:1]))], ["valid"])


def test_a_data_set_beside_others_may_be_too_small_for_a_split(tmp_path):
    little = write(tmp_path / "little", collection(WORKS[:1]))
    large = write(tmp_path / "large", collection(WORKS))
    check_splits([little, large], ["train", "valid"])
    with pytest.raises(CoversimError, match="no work has two songs"):
        check_splits([large, write(tmp_path / "alone", collection(WORKS, songs=1))], ["train", "valid"])


def test_more_works_to_train_with_than_there_are_is_an_error():
    brief = {"method": "first", "train": 4000, "valid": 1000}
    with pytest.raises(CoversimError, match=r"the first 4,000 works are to train, and there are 20 in all"):
        split_works(WORKS, brief)
