"""The demo corpus: repeatable, like Da-TACOS to the reader, and neither trivial nor hopeless as a task."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from coversim.dataset import da_tacos
from coversim.demo import corpus as demo_corpus
from coversim.demo import covers as demo_covers
from coversim.demo import songs as demo_songs
from coversim.demo import works as demo_works

REPOSITORY = Path(__file__).parents[3]
GENUINE = REPOSITORY.parent / "shared" / "data" / "da-tacos_real"
SEED = 3


def write(root: Path, works: int, jobs: int = 1, seed: int = SEED) -> Path:
    demo_corpus.write(root, works, seed, root / demo_songs.METADATA, jobs)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("[!.]*") if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write(tmp_path_factory.mktemp("corpus"), works=3)


@pytest.fixture(scope="module")
def song(corpus):
    """The first song's arrays, feature -> array as stored."""
    arrays = {}
    for feature, path in demo_songs.files(*demo_songs.songs(3, SEED)[0]).items():
        with h5py.File(corpus / path) as file:
            (name,) = file
            arrays[feature] = file[name][:]
    return arrays


@pytest.fixture(scope="module")
def collection():
    """(works (n,), hpcp (n, T, 12)) of the songs of 24 works, not written."""
    listed = demo_songs.songs(24, SEED)
    hpcp = [
        demo_corpus.chroma(demo_covers.perform(SEED, *song), np.random.default_rng(number))["hpcp"]
        for number, song in enumerate(listed)
    ]
    return np.array([work for work, _ in listed]), hpcp


def test_most_works_have_two_to_four_songs_and_a_few_have_one():
    works = [work for work, _ in demo_songs.songs(1000, SEED)]
    counts = np.bincount([works.count(work) for work in set(works)])
    assert len(counts) == 5
    assert 40 < counts[1] < 150
    assert counts[2:].min() > 200


def test_adding_works_leaves_the_list_of_earlier_songs():
    assert demo_songs.songs(200, SEED)[: len(demo_songs.songs(160, SEED))] == demo_songs.songs(160, SEED)


def test_every_song_has_an_identity_of_its_own():
    listed = demo_songs.songs(300, SEED)
    assert len({performance for _, performance in listed}) == len(listed)
    assert sorted(listed) == listed


def test_the_corpus_is_the_same_bytes_with_any_number_of_processes(corpus, tmp_path):
    assert contents(write(tmp_path, works=3, jobs=2)) == contents(corpus)


def test_adding_works_leaves_the_files_of_earlier_songs(corpus, tmp_path):
    more = contents(write(tmp_path, works=4))
    for path, content in contents(corpus).items():
        assert path == demo_songs.METADATA or more[path] == content


def test_another_seed_makes_other_music():
    one, other = (demo_works.write_work(seed, "W_100001") for seed in (1, 2))
    assert one.sections != other.sections


def test_writing_leaves_nothing_of_an_earlier_corpus(tmp_path):
    write(tmp_path, works=3)
    assert contents(write(tmp_path, works=2)) == contents(write(tmp_path / "fresh", works=2))


def test_the_reader_finds_just_the_listed_songs(corpus):
    found, problems = da_tacos.walk(corpus, da_tacos.recognise(corpus))
    assert not problems
    assert [(song.work, song.performance) for song in found] == demo_songs.songs(3, SEED)
    for song in found:
        paths = {feature: file.path for feature, file in song.files.items()}
        assert paths == demo_songs.files(song.work, song.performance)


def test_the_metadata_names_every_song(corpus):
    metadata = json.loads((corpus / demo_songs.METADATA).read_text(encoding="utf-8"))
    assert [
        (work, performance) for work, entries in metadata.items() for performance in entries
    ] == demo_songs.songs(3, SEED)
    for work, entries in metadata.items():
        assert len({entry["work_title"] for entry in entries.values()}) == 1
        for performance, entry in entries.items():
            assert (entry["work_id"], entry["perf_id"]) == (work, performance)
            assert entry["perf_title"]
            assert entry["perf_artist"]


def look(path: Path) -> dict:
    """What a file looks like apart from its song: attributes and their types, arrays and their storage."""
    with h5py.File(path) as file:
        (name,) = file
        array = file[name]

        def attributes(item):
            return {key: item.attrs.get_id(key).dtype.kind for key in item.attrs}

        frames = int(np.argmax(array.shape))
        return {
            "root": attributes(file),
            "array": {key: bytes(np.bytes_(array.attrs[key])) for key in ("CLASS", "VERSION")},
            "attributes": attributes(array),
            "name": name,
            "dtype": array.dtype,
            "frames in axis": frames,
            "other axis": array.shape[1 - frames],
            "filters": (array.compression, array.shuffle, array.fletcher32),
            "chunk": tuple(
                "all" if chunk == length else chunk
                for chunk, length in zip(array.chunks, array.shape, strict=True)
            ),
        }


@pytest.mark.parametrize("feature", demo_songs.FEATURES)
def test_files_look_like_the_genuine_ones(corpus, feature):
    genuine = sorted(GENUINE.glob(f"*_{feature}/*/*.h5"))
    if not genuine:
        pytest.skip(f"needs the genuine Da-TACOS files in {GENUINE}")
    demo = corpus / demo_songs.files(*demo_songs.songs(1, SEED)[0])[feature]
    assert look(demo) == look(genuine[0])


def test_identity_is_in_the_file(corpus):
    for work, performance in demo_songs.songs(3, SEED):
        for path in demo_songs.files(work, performance).values():
            with h5py.File(corpus / path) as file:
                assert file.attrs["label"] == work.encode()
                assert file.attrs["track_id"] == performance.encode()


def test_crema_lies_across_and_is_one_frame_short(song):
    rows, frames = song["crema"].shape
    assert rows == 12
    assert song["hpcp"].shape == song["cens"].shape == (frames + 1, 12)
    assert 60 * 86 < frames < 150 * 86


def test_crema_is_a_step_function_of_8_frames(song):
    changes = np.flatnonzero(np.abs(np.diff(song["crema"], axis=1)).max(axis=0))
    assert len(changes) > 100
    assert set(changes % 8) == {4}


def test_crema_has_about_three_pitch_classes_on(song):
    assert song["crema"].dtype == np.float32
    assert song["crema"].min() > 0
    assert song["crema"].max() < 1
    assert 2.5 < np.median(song["crema"].sum(axis=0)) < 3.5


def test_hpcp_frames_reach_1_but_for_silent_ones(song):
    assert song["hpcp"].dtype == np.float32
    assert set(song["hpcp"].max(axis=1)) == {0, 1}
    assert 40 < np.sum(song["hpcp"].max(axis=1) == 0) < 400


def test_cens_frames_have_unit_norm_but_for_silent_ones(song):
    norm = np.linalg.norm(song["cens"], axis=1)
    assert song["cens"].dtype == np.float64
    assert np.all((norm == 0) | (np.abs(norm - 1) < 0.01))
    assert 0 < np.sum(norm == 0) < 400


def test_bin_0_of_hpcp_is_a_and_of_the_others_c(song):
    frames = song["crema"].shape[1]

    def best_roll(other):
        return max(
            range(12),
            key=lambda roll: np.corrcoef(
                np.roll(song["hpcp"], roll, axis=1)[:frames].ravel(), other[:frames].ravel()
            )[0, 1],
        )

    assert best_roll(song["crema"].T) == best_roll(song["cens"]) == 9


def test_numerals_spell_chords():
    assert demo_works.chord("V7") == (7, (0, 4, 7, 10))
    assert demo_works.chord("bIII") == (3, (0, 4, 7))
    assert demo_works.chord("vi") == (9, (0, 3, 7))


@pytest.mark.parametrize("mode", demo_works.PROGRESSIONS)
def test_stock_progressions_are_of_four_chords_and_stay_by_their_key(mode):
    for progression in demo_works.PROGRESSIONS[mode]:
        chords = [demo_works.chord(numeral) for numeral in progression.split()]
        assert len(chords) == 4
        assert sum(root in demo_works.SCALES[mode] for root, _ in chords) >= 3


def test_the_other_mode_of_a_scale_is_its_parallel():
    major = [demo_works.Note(0, 1, pitch) for pitch in demo_works.SCALES["major"]]
    minor = demo_covers.in_other_mode(demo_works.Section([], major), demo_covers.TO_MINOR)
    assert tuple(note.pitch for note in minor.melody) == demo_works.SCALES["minor"]
    back = demo_covers.in_other_mode(minor, demo_covers.TO_MAJOR)
    assert back.melody == major


def test_works_share_their_harmony():
    """No work is known by its chords alone: most choruses are over chords that another work has too."""
    choruses = [
        tuple(demo_works.write_work(SEED, f"W_{number}").sections["c"].chords) for number in range(100)
    ]
    assert sum(choruses.count(chords) > 1 for chords in choruses) > 50


def test_covers_differ_in_key_tempo_and_length():
    work = demo_works.write_work(SEED, "W_1")
    rng = random.Random(SEED)
    covers = [demo_covers.arranged(rng, work, style) for style in demo_covers.STYLES]
    assert len({cover.key for cover in covers}) > 3
    assert len({cover.form for cover in covers}) > 2
    tempos = np.array([cover.tempo for cover in covers]) / work.tempo
    assert tempos.std() > 0.02
    assert np.all(np.abs(np.log2(tempos)) < 0.4)


def test_beats_go_forward_and_notes_end_with_the_song():
    for performance in ("P_1", "P_2", "P_3"):
        played = demo_covers.perform(SEED, "W_1", performance)
        assert np.all(np.diff(played.beats) > 0.2)
        for note in played.melody + played.chords + played.bass:
            assert 0 <= note.onset <= note.onset + note.duration <= played.beats[-1] + 1e-6


def similarities(hpcp) -> np.ndarray:
    """(n, n) cosine of the songs' mean chroma at the best of the 12 transpositions."""
    mean = np.stack([frames.mean(axis=0) for frames in hpcp])
    mean -= mean.mean(axis=1, keepdims=True)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    return np.max([mean @ np.roll(mean, pitch, axis=1).T for pitch in range(12)], axis=0)


def mean_average_precision(similarity: np.ndarray, works: np.ndarray) -> float:
    average_precisions = []
    for query, work in enumerate(works):
        order = [other for other in np.argsort(-similarity[query]) if other != query]
        relevant = works[order] == work
        if relevant.any():
            precision = np.cumsum(relevant) / np.arange(1, len(order) + 1)
            average_precisions.append(precision[relevant].mean())
    return float(np.mean(average_precisions))


def test_covers_resemble_each_other_more_than_other_songs(collection):
    works, hpcp = collection
    distance = 1 - similarities(hpcp)
    same = works[:, None] == works
    covers = same & ~np.eye(len(works), dtype=bool)
    assert distance[covers].mean() < 0.8 * distance[~same].mean()


def test_the_pitch_classes_of_a_song_do_not_give_its_work_away(collection):
    """A naive system does better than chance and far from perfectly."""
    works, hpcp = collection
    chance = mean_average_precision(np.random.default_rng(0).random((len(works),) * 2), works)
    assert 1.5 * chance < mean_average_precision(similarities(hpcp), works) < 0.6


def test_the_script_writes_the_declared_metadata(tmp_path):
    metadata = tmp_path / "declared" / "metadata.json"
    subprocess.run(
        [
            *(sys.executable, REPOSITORY / "scripts" / "demo_corpus.py", "--works", "1", "--seed", "5"),
            *("--root", tmp_path / "a corpus", "--metadata", metadata, "--jobs", "2"),
        ],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    ((work, entries),) = json.loads(metadata.read_text(encoding="utf-8")).items()
    for performance in entries:
        for path in demo_songs.files(work, performance).values():
            assert (tmp_path / "a corpus" / path).is_file()


def test_without_the_metadata_the_corpus_is_not_there(tmp_path):
    """The declared output comes last and whole: where it cannot be written, there is none."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        demo_corpus.write(tmp_path, 1, SEED, tmp_path / "file" / "metadata.json", 1)
    assert not list(tmp_path.rglob("*.json"))
