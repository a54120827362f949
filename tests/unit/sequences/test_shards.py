"""Shards of frames become moments, sequences and distances: which songs count where, and for what."""

from collections import Counter

import numpy as np
import pytest

import corpus
from coversim.errors import CoversimError
from coversim.sequences import aligned, songs, storage, tempo
from coversim.sequences.distances import TEMPO, distances, likeness
from coversim.sequences.matching import best_transpositions, restored, scores, stored
from coversim.sequences.patches import patches, profiles
from coversim.sequences.projection import SecondMoments, discriminants, principal_components, real_numbers
from coversim.sequences.shard import match_shard as match_collection
from coversim.sequences.training import moments_of_shard, of_sources
from coversim.storage import distances as distance_files
from coversim.storage import frames, hdf5, tsv

SHARDS = ("0000", "0001")
WORKS = {  # shard, split, songs
    "W_1": (0, "train", "ab"),
    "W_2": (1, "train", "abc"),
    "W_3": (1, "train", "a"),
    "W_4": (0, "valid", "ab"),
    "W_5": (0, "valid", "a"),
    "W_6": (1, "valid", "ab"),
    "W_7": (1, "shared", "ab"),
    "W_8": (0, "valid", "ab"),  # its second song was set aside
}
SPLIT = {f"{work}{letter}": split for work, (_, split, letters) in WORKS.items() for letter in letters}
SET_ASIDE = "W_8b"


def chroma(name: str) -> np.ndarray:
    """A song's frames (12, T): its work's tune, in a key and with a noise of its own."""
    random = np.random.default_rng(int(name[2]))
    tune = np.repeat(random.random((12, 80 + 20 * int(name[2]))), 2, axis=1) ** 3
    noise = np.random.default_rng(list(name.encode())).random(tune.shape)
    return np.roll(tune + 0.2 * noise, ord(name[3]) - ord("a"), axis=0).astype(np.float32)


@pytest.fixture
def place(tmp_path):
    rows = [(name[:3], name, WORKS[name[:3]][0], split) for name, split in SPLIT.items()]
    table = tsv.text(("work", "performance", "shard", "split"), rows)
    (tmp_path / "songs.tsv").write_text(table)
    corpus.write_copies(tmp_path / "copies.tsv")
    for number, shard in enumerate(SHARDS):
        with frames.writing(tmp_path / "train" / "crema-4hz" / f"{shard}.h5", "crema", 12, 4.0) as file:
            for work, name, own, _ in rows:
                if own == number and name != SET_ASIDE:
                    file.append(work, name, chroma(name))
    return tmp_path


def frames_of(place, *shards):
    return [place / "train" / "crema-4hz" / f"{shard}.h5" for shard in shards]


def fitted(place):
    return principal_components([moments_of_shard(frames_of(place, *SHARDS)[:1], place / "songs.tsv")], 20)


def sequences(place, projection):
    """The files of both shards, and those of the hubs, as the rules make them."""
    songs.write_hubs(
        frames_of(place, *SHARDS),
        [place / "songs.tsv"],
        [place / "copies.tsv"],
        projection,
        place / "hubs.h5",
    )
    files = []
    for shard in SHARDS:
        files.append(place / "crema" / "pca" / "songs" / "train" / f"{shard}.h5")
        shards = frames_of(place, shard)
        songs.write_songs(
            shards, place / "songs.tsv", place / "copies.tsv", projection, place / "hubs.h5", files[-1]
        )
    return files


def match_shard(files, catalogues, copies, collection, shard, output, *candidates, **settings):
    """As the rules do it: the shards are joined first."""
    joined = output.parent / "crema" / "pca" / "collections" / f"{collection}.h5"
    storage.join(files, collection, joined)
    match_collection(joined, catalogues, copies, collection, shard, output, *candidates, **settings)


def test_songs_that_do_not_count_have_no_sequence_and_are_no_candidates(place):
    copies = [
        ("train", "W_1", "W_1b"),
        ("train", "W_2", "W_2a"),
        ("train", "W_4", "W_4b"),
        ("train", "W_5", "W_5a"),
    ]
    corpus.write_copies(place / "copies.tsv", *copies)
    files = sequences(place, fitted(place))
    names = {name for path in files for name in storage.read(path).names}
    assert names.isdisjoint({song[1:] for song in copies})
    hubs = set(storage.read(place / "hubs.h5").performances.tolist())
    assert hubs == {"W_1a", "W_2b", "W_2c", "W_3a"}
    match_shard(files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0000", place / "distances.h5")
    found = distance_files.read(place / "distances.h5")
    assert found.performances[found.query].tolist() == ["W_8a"]  # of W_4 one song is left
    assert set(found.performances.tolist()) == {"W_4a", "W_6a", "W_6b", "W_8a"}


def test_moments_are_of_the_training_songs_of_a_shard(place):
    expected = SecondMoments(16)
    for name in ("W_2a", "W_2b", "W_2c", "W_3a"):
        expected.add(patches(chroma(name)[None]))
    found = moments_of_shard(frames_of(place, "0001"), place / "songs.tsv")
    np.testing.assert_allclose(found.mean(), expected.mean(), atol=1e-7)
    assert found.weight == expected.weight


def test_the_shards_of_a_data_set_are_one_source(tmp_path):
    random = np.random.default_rng(0)
    for dataset, shard in (("a", "0000"), ("a", "0001"), ("b", "0000")):
        moments = SecondMoments(16)
        moments.add(random.normal(size=(5, 7, 16)).astype(np.complex64))
        moments.save(tmp_path / dataset / f"{shard}.npz")
    first, second = of_sources(sorted(tmp_path.rglob("*.npz")))
    assert (first.weight, second.weight) == (10, 5)
    both = [SecondMoments.load(tmp_path / "a" / f"{shard}.npz").sums for shard in SHARDS]
    np.testing.assert_array_equal(first.sums, sum(both))


def test_differences_are_those_within_the_training_works_of_a_shard(place):
    projection = fitted(place)
    covers = [chroma(name)[None] for name in ("W_2a", "W_2b", "W_2c")]
    expected = aligned.difference_moments(
        [[aligned.SongPatches(patches(song), profiles(song)) for song in covers]], projection
    )
    found = aligned.differences_of_shard(
        frames_of(place, "0001"), place / "songs.tsv", place / "copies.tsv", projection
    )
    assert found.weight == expected.weight > 0
    np.testing.assert_allclose(found.sums, expected.sums, atol=1e-7)  # of sums of about .01


def test_a_source_whose_covers_do_not_align_is_left_out_unless_it_is_the_only_one(place):
    total = moments_of_shard(frames_of(place, "0001"), place / "songs.tsv")
    within = aligned.differences_of_shard(
        frames_of(place, "0001"), place / "songs.tsv", place / "copies.tsv", fitted(place)
    )
    nothing = SecondMoments(16)
    np.testing.assert_array_equal(
        discriminants([total], [within, nothing], 20).components,
        discriminants([total], [within], 20).components,
    )
    with pytest.raises(CoversimError, match=r"no two covers to train with align.*Remedy.*sequence_pca"):
        discriminants([total], [nothing], 20)


def test_all_songs_have_sequences_but_those_of_a_benchmark_that_were_trained_on(place):
    projection = fitted(place)
    files = [storage.read(path) for path in sequences(place, projection)]
    found = {name: file.song(row) for file in files for row, name in enumerate(file.performances.tolist())}
    assert set(found) == {name for name, split in SPLIT.items() if split != "shared"} - {SET_ASIDE}
    for name, song in found.items():
        assert song[:3] == (name[:3], name, SPLIT[name])
        np.testing.assert_array_equal(song.vectors, stored(projection(patches(chroma(name)[None]))))
        np.testing.assert_array_equal(song.profiles, profiles(chroma(name)[None]))


def alike(song, other, orders):
    """Likeness of two songs by themselves."""
    keys = best_transpositions(song.profiles, other.profiles)
    offsets = np.array([0, len(other.vectors)])
    score = scores(restored(song.vectors, real_numbers(orders)), other.vectors, offsets, keys, orders)
    return float(likeness(score, len(song.vectors), np.array([len(other.vectors)]))[0])


def test_the_hubness_of_a_song_is_its_mean_likeness_with_training_songs(place):
    projection = fitted(place)
    files = sequences(place, projection)
    hubs = storage.read(place / "hubs.h5")
    training = {name for name, split in SPLIT.items() if split == "train"}
    assert set(hubs.performances.tolist()) == training
    for path in files:
        shard = storage.read(path)
        for place_of in range(len(shard.works)):
            song = shard.song(place_of)
            expected = [alike(song, hubs.song(row), projection.orders) for row in range(len(training))]
            assert song.hubness == pytest.approx(np.mean(expected), rel=1e-6)


def test_hubs_are_chosen_by_what_songs_are_called_as_many_of_each_data_set(place, monkeypatch):
    monkeypatch.setattr(songs, "HUBS", 4)

    def chosen(count, *catalogues):
        none = [place / "copies.tsv"] * len(catalogues)
        songs.write_hubs(frames_of(place, *SHARDS), catalogues, none, fitted(place), place / "hubs.h5")
        found = set(storage.read(place / "hubs.h5").performances.tolist())
        assert len(found) == count
        return found

    rows = tsv.read(place / "songs.tsv")

    def catalogue(name, works):
        path = place / name
        path.write_text(tsv.text(rows[0], (row.values() for row in rows if row["work"] in works)))
        return path

    every = catalogue("songs.tsv", WORKS)
    assert len(chosen(4, every) & chosen(4, catalogue("without.tsv", set(WORKS) - {"W_3"}))) >= 3
    works = Counter(
        name[:3] for name in chosen(4, catalogue("one.tsv", ["W_1"]), catalogue("two.tsv", ["W_2"]))
    )
    assert works == {"W_1": 2, "W_2": 2}


@pytest.mark.parametrize(
    ("shard", "queries"), [("0000", {"W_4a", "W_4b", "W_8a"}), ("0001", {"W_6a", "W_6b"})]
)
def test_each_query_of_a_shard_meets_each_song_of_its_collection(place, shard, queries):
    projection = fitted(place)
    files = sequences(place, projection)
    match_shard(files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", shard, place / "distances.h5")
    found = distance_files.read(place / "distances.h5")
    assert found.performances.tolist() == ["W_4a", "W_4b", "W_5a", "W_8a", "W_6a", "W_6b"]
    assert found.works.tolist() == [name[:3] for name in found.performances]
    assert hdf5.read_settings(place / "distances.h5")["sequences"] == "crema/pca"
    assert {found.performances[row] for row in found.query} == queries
    read = [songs.of(songs.splits == "valid") for songs in map(storage.read, files)]
    every = [file.song(row) for file in read for row in range(len(file.works))]
    for row, distance in zip(found.query, found.distance, strict=True):
        query = every[row]
        for other, to in zip(every, distance, strict=True):
            near = np.array([alike(query, other, projection.orders)])
            assert to == pytest.approx(distances(near, query.hubness, np.array([other.hubness]))[0], rel=1e-5)
        others = np.delete(distance, row)
        of_work = np.delete(found.works, row) == query.work
        assert not of_work.any() or others.argmin() in np.flatnonzero(of_work)


def test_re_ranking_matches_a_query_with_its_candidates_alone(place):
    files = sequences(place, fitted(place))
    match_shard(files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0001", place / "all.h5")
    every = distance_files.read(place / "all.h5")
    order = np.array([4, 2, 0, 5, 1, 3])  # of the embeddings: another one than that of the shards
    queries = np.flatnonzero(np.isin(every.performances[order], ["W_4a", "W_6b", "W_6a"]))
    chosen = np.array([np.delete(np.arange(6), row)[[4, 0, 2]] for row in queries])
    settings = {"candidates": 3}
    distance_files.write(
        *(place / "candidates.h5", every.works[order], every.performances[order], queries),
        *(np.zeros(chosen.shape), settings, chosen),
    )
    match_shard(
        *(files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0001"),
        *(place / "some.h5", place / "candidates.h5"),
    )
    found = distance_files.read(place / "some.h5")
    assert found.names == every.names
    assert {found.performances[row] for row in found.query} == {"W_6a", "W_6b"}
    for row, distance, candidate in zip(found.query, found.distance, found.candidate, strict=True):
        place_of = int(np.flatnonzero(order[queries] == row)[0])
        assert candidate.tolist() == order[chosen[place_of]].tolist()
        np.testing.assert_array_equal(distance, every.distance[every.query == row][0][candidate])


def at_half_rate(files):
    """Distances of all validation songs to all, at half their rate."""
    read = [songs.of(songs.splits == "valid") for songs in map(storage.read, files)]
    names, rows = [], []
    for queries in read:
        for place_of in range(len(queries.works)):
            query = queries.song(place_of)
            near = []
            for others in read:
                [slow], half = songs.at_half_rate([query], others)
                near.append(distances(songs.likenesses(slow, half), query.hubness, others.hubness))
            rows.append(np.concatenate(near))
            names.append(query.performance)
    return names, np.array(rows)


def test_the_songs_nearest_at_half_the_rate_are_compared_again_as_they_are(place):
    files = sequences(place, fitted(place))
    where = (files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0001")
    match_shard(*where, place / "all.h5")
    match_shard(*where, place / "some.h5", refine=2)
    match_shard(*where, place / "every.h5", refine=5)
    every, some = (distance_files.read(place / name) for name in ("all.h5", "some.h5"))
    names, half = at_half_rate(files)
    assert names == some.performances.tolist()
    for query, as_they_are, found in zip(some.query, every.distance, some.distance, strict=True):
        nearest = np.argsort(np.where(np.arange(len(names)) == query, np.inf, half[query]))[:2]
        expected = half[query].copy()
        expected[nearest] = as_they_are[nearest]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        others = np.arange(len(names)) != query
        again = distance_files.read(place / "every.h5").distance[some.query == query][0]
        np.testing.assert_array_equal(again[others], as_they_are[others])
    assert hdf5.read_settings(place / "some.h5")["refine"] == 2


@pytest.mark.parametrize("refine", [0, 2])
def test_each_of_two_songs_is_compared_at_twice_its_tempo_too(place, refine):
    projection = fitted(place)
    files = sequences(place, projection)
    projection.save(place / "projection.npz")
    where = (files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0001")
    match_shard(*where, place / "own.h5", refine=refine)
    by_projection = {"double_tempo": "all", "projection": place / "projection.npz"}
    match_shard(*where, place / "any.h5", refine=refine, **by_projection)
    own, found = (distance_files.read(place / name) for name in ("own.h5", "any.h5"))
    by = tempo.doubling(projection)
    [(read, _)] = storage.blocks(place / "crema" / "pca" / "collections" / "valid.h5")
    twice = tempo.at_twice_the_tempo(read, by)
    for query, as_they_are, at_any in zip(found.query, own.distance, found.distance, strict=True):
        song = read.song(query)
        faster = np.maximum(songs.likenesses(twice.song(query), read), songs.likenesses(song, twice))
        expected = np.minimum(as_they_are, distances(faster - TEMPO, song.hubness, read.hubness))
        compared = np.argsort(np.where(np.arange(6) == query, np.inf, at_any))[: refine or 6]
        np.testing.assert_allclose(at_any[compared], expected[compared], rtol=1e-5)
    assert hdf5.read_settings(place / "any.h5")["double_tempo"] == "all"


def test_the_nearest_alone_are_compared_at_twice_their_tempo_too(place):
    projection = fitted(place)
    files = sequences(place, projection)
    projection.save(place / "projection.npz")
    where = (files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0001")
    settings = {"own": (2, "none"), "nearest": (2, "nearest"), "all": (0, "all")}
    for name, (refine, double_tempo) in settings.items():
        match_shard(
            *(*where, place / f"{name}.h5"),
            refine=refine,
            double_tempo=double_tempo,
            projection=place / "projection.npz",
        )
    own, nearest, every = (distance_files.read(place / f"{name}.h5") for name in settings)
    names, half = at_half_rate(files)
    for query, as_they_are, found, at_any in zip(
        *(own.query, own.distance, nearest.distance, every.distance), strict=True
    ):
        again = np.argsort(np.where(np.arange(len(names)) == query, np.inf, half[query]))[:2]
        expected = as_they_are.copy()
        expected[again] = at_any[again]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert hdf5.read_settings(place / "nearest.h5")["double_tempo"] == "nearest"


def test_of_candidates_the_nearest_are_compared_again(place):
    files = sequences(place, fitted(place))
    where = (files, [place / "songs.tsv"], [place / "copies.tsv"], "valid", "0001")
    match_shard(*where, place / "all.h5")
    every = distance_files.read(place / "all.h5")
    chosen = np.array([np.delete(np.arange(6), row)[[4, 0, 2]] for row in every.query])
    distance_files.write(
        *(place / "candidates.h5", every.works, every.performances, every.query),
        *(np.zeros(chosen.shape), {"candidates": 3}, chosen),
    )
    match_shard(*where, place / "some.h5", place / "candidates.h5", refine=1)
    found = distance_files.read(place / "some.h5")
    _, half = at_half_rate(files)
    for row, query in enumerate(found.query):
        expected = half[query][found.candidate[row]]
        nearest = expected.argmin()
        expected[nearest] = every.distance[row][found.candidate[row]][nearest]
        np.testing.assert_allclose(found.distance[row], expected, rtol=1e-5)


def test_a_collection_that_a_shard_has_no_song_of_leaves_it_without_queries(place):
    files = sequences(place, fitted(place))
    match_shard(files, [place / "songs.tsv"], [place / "copies.tsv"], "test", "0000", place / "distances.h5")
    assert distance_files.read(place / "distances.h5").distance.shape == (0, 0)
