"""A shard of frames gives back what was written, byte for byte the same, or says that it is damaged."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coversim.errors import BadSong, CoversimError
from coversim.storage import frames

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


def song(length, rows=12, seed=0):
    return np.random.default_rng([seed, length]).random((rows, length), dtype=np.float32)


def write(path, songs, feature="crema", rows=12):
    with frames.writing(path, feature, rows, rate=4) as shard:
        for work, performance, values in songs:
            shard.append(work, performance, values, repaired=values.shape[1] % 3)
    return path


SONGS = [("W_1", "P_1", song(700)), ("W_1", "P_2", song(1)), ("W_2", "P_3", song(1500))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fft")


@settings(max_examples=30)
@given(
    songs=st.dictionaries(NAMES, st.tuples(NAMES, st.integers(1, 3000)), max_size=30),
    bad=st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES), max_size=5),
)
def test_what_was_written_is_read_again(folder, songs, bad):
    with frames.writing(folder / "0000.h5", "hpcp", 12, 2.5) as out:
        for performance, (work, length) in songs.items():
            out.append(work, performance, song(length), repaired=length % 3)
        for work, performance, reason, remedy in bad:
            out.set_aside(work, performance, BadSong(reason, remedy))
    shard = frames.read(folder / "0000.h5")
    assert (shard.feature, shard.rate) == ("hpcp", 2.5)
    assert shard.performances == list(songs)
    assert shard.works == [work for work, _ in songs.values()]
    assert shard.repaired == [length % 3 for _, length in songs.values()]
    assert shard.set_aside == bad
    for values, (_, length) in zip(shard.frames(range(len(songs))), songs.values(), strict=True):
        np.testing.assert_array_equal(values, song(length))


def test_an_empty_shard_exists_and_holds_nothing(tmp_path):
    shard = frames.read(write(tmp_path / "0000.h5", []))
    assert (shard.works, shard.performances, shard.set_aside) == ([], [], [])
    assert list(frames.songs([tmp_path / "0000.h5"])) == []


def test_the_same_songs_give_the_same_bytes_at_any_time(tmp_path):
    first = write(tmp_path / "first.h5", SONGS).read_bytes()
    time.sleep(1.1)
    assert write(tmp_path / "second.h5", SONGS).read_bytes() == first


def test_songs_come_with_their_work_and_one_channel_per_feature(tmp_path):
    crema = write(tmp_path / "crema-4hz" / "0000.h5", SONGS)
    hpcp = write(
        tmp_path / "hpcp-4hz" / "0000.h5",
        [(work, performance, values[:, :1450] / 2) for work, performance, values in reversed(SONGS)],
    )
    found = list(frames.songs([crema, hpcp]))
    assert [(song.work, song.performance) for song in found] == [song[:2] for song in SONGS]
    for (_, _, values), joined in zip(SONGS, found, strict=True):
        cropped = values[:, :1450]
        np.testing.assert_array_equal(joined.frames, np.stack([cropped, cropped / 2]))


def test_a_song_that_lacks_a_feature_is_left_out(tmp_path):
    crema = write(tmp_path / "crema-4hz" / "0000.h5", SONGS)
    hpcp = write(tmp_path / "hpcp-4hz" / "0000.h5", SONGS[1:])
    assert [song.performance for song in frames.songs([crema, hpcp])] == ["P_2", "P_3"]
    assert [song.performance for song in frames.songs([hpcp, crema])] == ["P_2", "P_3"]


def test_shards_of_two_features_may_come_in_any_order(tmp_path):
    paths = [
        write(tmp_path / f"{feature}-4hz" / f"{shard:04d}.h5", [SONGS[shard]])
        for feature in ("crema", "hpcp")
        for shard in (0, 1, 2)
    ]
    assert [song.performance for song in frames.songs(paths)] == ["P_1", "P_2", "P_3"]
    assert {song.frames.shape[0] for song in frames.songs(paths)} == {2}


def test_only_the_wanted_songs_are_read(tmp_path):
    path = write(tmp_path / "0000.h5", SONGS)
    names = [song[:2] for song in SONGS]
    assert [song[:2] for song in frames.songs([path], {names[2], names[0]})] == [names[0], names[2]]
    assert list(frames.songs([path], ())) == []


def test_songs_of_two_works_may_be_called_the_same(tmp_path):
    values = {work: np.full((12, 3 + place), place, np.float32) for place, work in enumerate(("W_1", "W_2"))}
    paths = [
        write(tmp_path / feature / "0000.h5", [(work, "0", values[work]) for work in works])
        for feature, works in {"crema-4hz": ("W_1", "W_2"), "hpcp-4hz": ("W_2", "W_1")}.items()
    ]
    found = {song.work: song.frames for song in frames.songs(paths)}
    for work, expected in values.items():
        np.testing.assert_array_equal(found[work], np.stack([expected, expected]))
    assert [song.work for song in frames.songs(paths, {("W_2", "0")})] == ["W_2"]


def test_a_song_that_two_features_hold_at_different_lengths_is_left_out_and_told(tmp_path):
    def songs(*lengths):
        return [
            (f"W_{place}", "0", np.ones((12, length), np.float32)) for place, length in enumerate(lengths)
        ]

    paths = [
        write(tmp_path / "crema-4hz" / "0000.h5", songs(400, 400, 40, 400)),
        write(tmp_path / "hpcp-4hz" / "0000.h5", songs(390, 200, 38, 800)),
    ]
    assert [song.work for song in frames.songs(paths)] == ["W_0", "W_2"]
    assert [song.work for song in frames.songs(paths[:1])] == ["W_0", "W_1", "W_2", "W_3"]
    found = list(frames.contradictions([frames.read(path) for path in paths]))
    assert [song.work for song in found] == ["W_1", "W_3"]
    assert "lasts 100 s" in found[0].reason
    assert "50 s" in found[0].reason


def test_of_a_song_in_two_data_sets_the_first_counts(tmp_path):
    first, second = (
        write(
            tmp_path / name / "crema-4hz" / "0000.h5",
            [
                ("W_1", "P_1", np.full((12, 4), value, np.float32)),
                (f"W_{name}", "P_1", np.ones((12, 4), np.float32)),
            ],
        )
        for name, value in (("a", 1), ("b", 2))
    )
    found = list(frames.songs([second, first]))
    assert [song.work for song in found] == ["W_1", "W_b", "W_a"]
    assert found[0].frames.max() == 2


def test_after_an_error_there_is_no_half_written_shard(tmp_path):
    with pytest.raises(AttributeError), frames.writing(tmp_path / "0000.h5", "crema", 12, 4) as shard:
        shard.append("W_1", "P_1", values=None)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def intact(folder):
    return write(folder / "intact.h5", SONGS).read_bytes()


@settings(max_examples=300)
@given(data=st.data())
def test_no_flipped_bit_changes_what_is_read(folder, intact, data):
    position = data.draw(st.integers(0, len(intact) - 1))
    content = bytearray(intact)
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "flipped.h5").write_bytes(content)
    try:
        found = list(frames.songs([folder / "flipped.h5"]))
    except CoversimError as error:
        message = str(error)
        assert "flipped.h5: damaged" in message
        assert "Remedy: delete it" in message
    else:
        for (work, performance, values), read in zip(SONGS, found, strict=True):
            assert (read.work, read.performance) == (work, performance)
            np.testing.assert_array_equal(read.frames[0], values)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_shard_is_named_with_the_remedy(folder, intact, share):
    (folder / "cut.h5").write_bytes(intact[: int(share * len(intact))])
    with pytest.raises(CoversimError, match=r"cut\.h5: damaged.*Remedy: delete it"):
        list(frames.songs([folder / "cut.h5"]))


def test_a_missing_shard_is_named_with_the_remedy(tmp_path):
    with pytest.raises(CoversimError, match=r"0000\.h5: no such file\. Remedy: run the workflow"):
        frames.read(tmp_path / "0000.h5")


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    seeds=st.lists(st.integers(0, 1), min_size=6, max_size=6),
)
def test_songs_have_one_digest_if_and_only_if_their_frames_are_equal(folder, lengths, seeds):
    values = [song(length, seed=seed) for length, seed in zip(lengths, seeds, strict=False)]
    path = write(folder / "digests.h5", [("W", str(place), of) for place, of in enumerate(values)])
    digests = frames.read(path).digests
    for one, its in zip(values, digests, strict=True):
        for other, digest in zip(values, digests, strict=True):
            assert (its == digest) == np.array_equal(one, other)


def test_each_recording_comes_once(tmp_path):
    songs = [("W_1", "P_1", song(5)), ("W_1", "P_2", song(7)), ("W_2", "P_3", song(5))]
    path = write(tmp_path / "0000.h5", songs)
    assert [found.performance for found in frames.once_each(frames.songs([path]))] == ["P_1", "P_2"]


def test_what_one_data_set_leaves_out_another_one_may_have(tmp_path):
    paths = [
        write(tmp_path / name / "crema-4hz" / "0000.h5", [("W", "0", song(length)), ("V", "0", song(9))])
        for name, length in (("a", 5), ("b", 7))
    ]
    found = list(frames.songs(paths, {("W", "0")}, [("a", "W", "0")]))
    assert [(one.work, one.frames.shape[2]) for one in found] == [("W", 7)]
