"""Which songs count, where recordings and works have several names."""

from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from coversim.dataset.copies import RecordedSong, copies

BENCHMARK = "covers80"
PLACES = {"train": 0, "valid": 1}  # the others are 2: nothing is fitted to them

# works of two data sets to train with keep their split; a benchmark has names of its own, and some of theirs
splits = st.sampled_from(("train", "valid", "test"))
listed = st.lists(
    st.tuples(st.sampled_from(("a", "b", BENCHMARK)), st.sampled_from("UVWXYZ"), st.sampled_from("0123")),
    unique=True,
    max_size=14,
)
recordings = st.lists(st.sampled_from(["", *"klmnopq"]), min_size=14, max_size=14)


def catalogue(names, split_of_work, recording):
    """Songs in the order of data set, work and performance; as the plan does, the benchmark leaves out known works."""
    seen = {work for dataset, work, _ in names if dataset != BENCHMARK and split_of_work[work] in PLACES}
    songs = []
    for name, own in zip(sorted(names), recording, strict=False):
        split = split_of_work[name[1]]
        if name[0] == BENCHMARK:
            split = "shared" if name[1] in seen else BENCHMARK
        songs.append(RecordedSong(*name, split, own))
    return songs


def left_out_slowly(songs):
    """By the definition: works are one if a chain of works leads from one to the other, each sharing with the next."""
    recordings_of = {}
    for song in songs:
        recordings_of.setdefault(song.work, set()).update({song.recording} - {""})
    one = {
        (a, b) for a, b in product(recordings_of, repeat=2) if a == b or recordings_of[a] & recordings_of[b]
    }
    for through, a, b in product(recordings_of, repeat=3):  # Warshall's closure
        if (a, through) in one and (through, b) in one:
            one.add((a, b))
    out = set()
    for place, song in enumerate(songs):
        here = PLACES.get(song.split, 2)
        names = [other for other in songs if (song.work, other.work) in one]
        earlier = [other for other in songs[:place] if other.split == song.split]
        if any(PLACES.get(other.split, 2) < here for other in names) or (
            song.recording and any(other.recording == song.recording for other in earlier)
        ):
            out.add(song[:3])
    return out


@given(
    names=listed,
    split_of_work=st.fixed_dictionaries(dict.fromkeys("UVWXYZ", splits)),
    recording=recordings,
)
@example(
    names=[("a", "U", "0"), ("a", "V", "0"), ("a", "V", "1"), ("a", "W", "0")],
    split_of_work=dict(zip("UVWXYZ", ("test", "valid", "train", "train", "train", "train"), strict=True)),
    recording=["k", "k", "l", "l", *[""] * 10],
)
def test_works_that_share_recordings_are_one_and_only_their_earliest_split_counts(
    names, split_of_work, recording
):
    songs = catalogue(names, split_of_work, recording)
    assert {copy[:3] for copy in copies(songs)} == left_out_slowly(songs)


def test_of_songs_with_one_recording_the_first_counts():
    songs = [RecordedSong("a", "W", str(number), "train", "k") for number in range(3)]
    songs.append(RecordedSong("b", "W", "0", "train", "k"))
    found = copies(songs)
    assert [copy[:4] for copy in found] == [
        ("a", "W", "1", "a W 0"),
        ("a", "W", "2", "a W 0"),
        ("b", "W", "0", "a W 0"),
    ]
    assert {copy.reason for copy in found} == {"a copy: the recording is listed already"}
    assert all("a W 0 counts" in copy.remedy for copy in found)


def test_a_benchmark_loses_whole_works_that_were_seen_under_another_name():
    songs = [
        RecordedSong("a", "W", "0", "valid", "k"),
        RecordedSong(BENCHMARK, "X", "0", BENCHMARK, "k"),
        RecordedSong(BENCHMARK, "X", "1", BENCHMARK, "l"),
        RecordedSong(BENCHMARK, "Y", "0", BENCHMARK, "m"),
    ]
    found = copies(songs)
    assert [copy[:4] for copy in found] == [
        (BENCHMARK, "X", "0", "a W 0"),
        (BENCHMARK, "X", "1", "a W 0"),
    ]
    assert {copy.reason for copy in found} == {"its work is one to validate with, too, under another name"}


def test_a_benchmark_lists_works_that_were_seen_under_their_own_name():
    songs = [
        RecordedSong("a", "W", "0", "valid", ""),
        RecordedSong(BENCHMARK, "W", "0", "shared", ""),
        RecordedSong(BENCHMARK, "X", "0", BENCHMARK, ""),
    ]
    [copy] = copies(songs)
    assert copy[:4] == (BENCHMARK, "W", "0", "a W 0")
    assert copy.reason == "its work is one to validate with, too"
    assert copy.remedy == "none is needed: a W counts"


def test_who_would_keep_both_names_of_a_work_is_told_how():
    [copy] = copies([RecordedSong("a", "W", "0", "train", "k"), RecordedSong("a", "X", "0", "test", "k")])
    assert copy.remedy.endswith("say in datasets.a.same_works that X is W")


def test_test_works_may_be_in_a_benchmark_too():
    songs = [RecordedSong("a", "W", "0", "test", "k"), RecordedSong(BENCHMARK, "X", "0", BENCHMARK, "k")]
    assert copies(songs) == []


def test_songs_whose_frames_are_not_known_are_no_copies_of_each_other():
    assert copies([RecordedSong("a", "W", "0", "train", ""), RecordedSong("a", "W", "1", "train", "")]) == []
