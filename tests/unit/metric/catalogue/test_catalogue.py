"""A catalogue: what is searched, what is embedded, and what is not embedded again."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import corpus
from coversim.alignment.qmax import qmax_distances
from coversim.errors import CoversimError
from coversim.metric.catalogue import changes
from coversim.metric.catalogue import parts as catalogue_parts
from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.changes import add, remove
from coversim.metric.catalogue.export import export
from coversim.metric.catalogue.parts import points_of
from coversim.metric.catalogue.sources import songs_in
from coversim.metric.kinds.points import Embeddings
from coversim.metric.kinds.sequences import Sequences
from coversim.metric.metric import Metric
from coversim.metric.songs import names_of
from coversim.sequences.matching import levels
from coversim.sequences.passages import untrained
from coversim.siamese import encoder as encoders
from coversim.storage import hdf5
from metric_files import CALIBRATION, WORKS, chroma, path_of, write_model


@pytest.fixture
def folder(songs, metric_file, tmp_path) -> Path:
    assert add(tmp_path / "songs.cat", songs_in([songs]), metric_file) == 5
    return tmp_path / "songs.cat"


def names(found: Catalogue) -> list[str]:
    return [entry.performance for entry in found.entries]


def parts(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*.h5")}


def test_all_songs_of_a_data_set_are_in_it_once_with_their_titles(folder):
    entries = Catalogue.load(folder).entries
    assert sorted((entry.work, entry.performance) for entry in entries) == [
        (work, song) for work, songs in WORKS.items() for song in songs
    ]
    known = {entry.performance: (entry.title, entry.artist) for entry in entries}
    assert known["P_a"] == ("Hé Jude", "The Beetles")
    assert known["P_c"] == ("", "")


def of_kind(kind: str, embedding: Path, folder: Path) -> Path:
    """The file of a metric that embeds songs, or of one that sees them as sequences, and may embed them to find them."""
    if kind == "embedding":
        return embedding
    first_step = Metric.load(embedding).kind if kind == "both" else None
    Metric(Sequences(["crema"], untrained(1), first_step=first_step)).save(folder / "sequence.pt")
    return folder / "sequence.pt"


@pytest.mark.parametrize("kind", ["embedding", "sequence"])
def test_a_search_finds_the_nearest_songs_but_never_the_song_itself(kind, songs, metric_file, tmp_path):
    metric = of_kind(kind, metric_file, tmp_path)
    add(tmp_path / "songs.cat", songs_in([songs]), metric)
    found = Catalogue.load(tmp_path / "songs.cat")
    query = path_of(songs, "W_1", "P_a", "hpcp")  # which stands for the song as its crema does
    others = {entry.performance: found.metric.distance(query, entry.path) for entry in found.entries}
    expected = sorted((distance, name) for name, distance in others.items() if name != "P_a")
    answer = found.search(query, top=3)
    assert [one.distance for one in answer] == pytest.approx([distance for distance, _ in expected[:3]])
    for one in answer:
        assert one.distance == pytest.approx(others[one.entry.performance])
        assert one.entry.performance != "P_a"
    assert [one.rank for one in answer] == [1, 2, 3]
    assert len(found.search(query, top=99)) == 4


@pytest.mark.parametrize("tempi", [None, (), (0.7, 1.4)], ids=["outlines", "embeddings", "two of each"])
def test_of_many_songs_those_with_the_nearest_points_are_matched_in_order(tempi, model, songs, tmp_path):
    embedding = None if tempi is None else Embeddings(encoders.content_of(model), tempi)
    Metric(Sequences(["crema"], untrained(1), first_step=embedding)).save(tmp_path / "metric.pt")
    add(tmp_path / "songs.cat", songs_in([songs]), tmp_path / "metric.pt")
    found = Catalogue.load(tmp_path / "songs.cat")
    song = found.metric.embed(path_of(songs, "W_2", "P_c"))
    own = found.metric.kind.sought(song)
    assert len(own) == len(tempi or [1])
    points = np.concatenate([points_of(part) for part in found.parts])
    apart = np.linalg.norm(points[:, None] - own, axis=2).min(axis=1)
    near = [found.entries[row] for row in np.argsort(apart)[:3]]
    exhaustive = found.search(song, top=99)
    expected = [(one.entry, one.distance) for one in exhaustive if one.entry in near]
    assert [(one.entry, one.distance) for one in found.search(song, top=2, candidates=3)] == expected[:2]
    assert (len(exhaustive), len(expected)) == (5, 3)
    points = "outlines" if embedding is None else "embeddings"
    assert f"of 5 songs the 3 with the nearest {points} are matched" in found.approximations(3)[0]
    assert found.approximations() == []


@pytest.mark.parametrize("top", [2, 99])
def test_the_first_songs_are_ordered_anew_by_distance_and_alignment(top, songs, metric_file, tmp_path):
    mine = shutil.copytree(songs, tmp_path / "songs")
    metric = Metric.load(metric_file)
    add(tmp_path / "songs.cat", songs_in([mine]), metric_file)
    found = Catalogue.load(tmp_path / "songs.cat")
    query = path_of(mine, "W_1", "P_a")
    before = found.search(query, top=99)
    Path(before[1].entry.path).unlink()  # it cannot be aligned, and comes after those that can

    def chroma_of(path):
        return metric.opened(path).frames(4.0)

    first = [before[0], before[2]]
    aligned = qmax_distances(chroma_of(query), [chroma_of(one.entry.path) for one in first])
    # of two songs, what is the nearer one is a standard deviation below the mean, and the other above
    score = np.sign([a.distance - b.distance for a, b in (first, first[::-1])]) - np.sign(
        [1 / a - 1 / b for a, b in (aligned, aligned[::-1])]
    )
    expected = [first[place] for place in np.argsort(score, kind="stable")] + [before[1], before[3]]
    assert [(one.entry, one.distance) for one in found.search(query, top=top, rerank=3)] == [
        (one.entry, one.distance) for one in expected[:top]
    ]


def test_a_cover_must_be_nearer_the_more_songs_there_are(folder, songs):
    found = Catalogue.load(folder)
    query = path_of(songs, "W_1", "P_a")
    first = found.search(query)[0]
    assert first.probability == pytest.approx(found.metric.calibration.probability(first.distance, 1 / 6))
    assert found.search(query, prior=0.5)[0].probability > first.probability


def test_what_is_there_is_not_embedded_again(folder, songs):
    before = parts(folder)
    assert add(folder, songs_in([songs])) == 0
    assert parts(folder) == before


def test_only_new_and_changed_songs_are_added(folder, songs, tmp_path):
    more = shutil.copytree(songs, tmp_path / "more")
    assert add(folder, songs_in([more])) == 5
    before = parts(folder)
    [changed] = corpus.write_song(more, "W_9", "P_new", corpus.song_arrays(99, 30, ["crema"]))
    assert add(folder, songs_in([more])) == 1
    assert before.items() <= parts(folder).items()
    old = Catalogue.load(folder).search(changed, top=1)[0].distance
    changed.unlink()
    corpus.write_song(more, "W_9", "P_new", corpus.song_arrays(98, 30, ["crema"]))
    assert add(folder, songs_in([more])) == 1
    now = Catalogue.load(folder)
    assert names(now).count("P_new") == 1
    assert now.search(changed, top=1)[0].distance != old


def test_a_song_is_one_song_from_wherever_it_is_named(folder, songs, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(songs)
    crema = path_of(songs, "W_1", "P_a").parent
    for here, named in (
        (crema, "."),
        (crema, "P_a_crema.h5"),
        (crema.parent, crema.name),
        (crema, f"../{crema.name}/P_a_crema.h5"),
        (tmp_path, f"link/../{songs.name}"),  # what lies above the link is above the songs
    ):
        monkeypatch.chdir(here)
        assert add(folder, songs_in([named])) == 0, named
    monkeypatch.chdir(crema)
    found = Catalogue.load(folder).search("../W_1_crema/P_a_crema.h5", top=99)
    assert "P_a" not in [one.entry.performance for one in found]


def test_a_feature_is_found_in_a_folder_of_any_name(songs, tmp_path):
    other = shutil.copytree(path_of(songs, "W_1", "P_a").parents[1], tmp_path / "renamed")
    assert add(tmp_path / "songs.cat", songs_in([other]), of_kind("sequence", songs, tmp_path)) == 5


def test_songs_without_their_metric_are_not_taken_for_those_of_another(folder, songs, metric_file):
    (folder / "metric.pt").unlink()
    with pytest.raises(CoversimError, match=r"not their metric. Remedy: put its metric.pt back"):
        add(folder, songs_in([songs]), metric_file)


def test_a_catalogue_takes_the_calibration_of_the_metric_that_is_named(folder, songs, tmp_path):
    steeper = CALIBRATION | {"slope": 40.0}
    known = Metric.load(folder / "metric.pt")
    Metric(known.kind, steeper, known.about).save(tmp_path / "steeper.pt")
    before = parts(folder)
    assert add(folder, songs_in([songs]), tmp_path / "steeper.pt") == 0
    assert Catalogue.load(folder).metric.says_as(Metric.load(tmp_path / "steeper.pt"))
    assert parts(folder) == before
    Metric(known.kind).save(tmp_path / "none.pt")
    assert add(folder, songs_in([songs]), tmp_path / "none.pt") == 0
    assert Catalogue.load(folder).metric.calibration is not None


def test_a_change_of_any_feature_that_the_metric_sees_is_noticed(songs, tmp_path):
    mine = shutil.copytree(songs, tmp_path / "songs")
    Metric(Sequences(["crema", "hpcp"], untrained(2))).save(tmp_path / "both.pt")
    assert add(tmp_path / "songs.cat", songs_in([mine]), tmp_path / "both.pt") == 5
    for feature, added in (("hpcp", 1), ("crema", 1)):
        os.utime(path_of(mine, "W_1", "P_a", feature), (1, 1))
        assert add(tmp_path / "songs.cat", songs_in([mine])) == added
        assert len(Catalogue.load(tmp_path / "songs.cat")) == 5


def test_no_song_is_lost_where_two_processes_add_at_a_time(songs, metric_file, tmp_path, monkeypatch):
    creating = hdf5.creating

    def slowly(path):
        time.sleep(0.05)  # after the number of the part was chosen
        return creating(path)

    monkeypatch.setattr(hdf5, "creating", slowly)
    monkeypatch.setattr(changes, "TOGETHER", 1)
    folder, wanted = tmp_path / "songs.cat", list(songs_in([songs]))
    add(folder, wanted[:1], metric_file)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda own: add(folder, own), (wanted[1:3], wanted[2:])))
    assert sorted(names(Catalogue.load(folder))) == ["P_a", "P_c", "P_d", "P_e", "P_ü b"]


def test_a_new_catalogue_is_of_one_metric_whoever_is_first(songs, metric_file, tmp_path, monkeypatch):
    other = Metric(Embeddings(encoders.content_of(write_model(tmp_path / "m.pt", model={"kind": "mean"}))))

    def meanwhile(path):
        other.save(tmp_path / "songs.cat" / catalogue_parts.METRIC)
        return names_of(path)

    monkeypatch.setattr(changes, "names_of", meanwhile)
    with pytest.raises(CoversimError, match="another process has made it meanwhile, with another metric"):
        add(tmp_path / "songs.cat", songs_in([songs]), metric_file)
    assert parts(tmp_path / "songs.cat") == {}


def test_what_stops_it_loses_none_of_the_songs_before(songs, metric_file, tmp_path, monkeypatch):
    names_left = iter(["first", "second"])

    def stopped(path):
        if next(names_left, None) is None:
            raise KeyboardInterrupt
        return names_of(path)

    monkeypatch.setattr(changes, "names_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "songs.cat", songs_in([songs]), metric_file)
    assert len(Catalogue.load(tmp_path / "songs.cat")) == 2


@pytest.mark.parametrize("kind", ["embedding", "sequence"])
def test_an_open_catalogue_never_takes_one_song_for_another(kind, songs, metric_file, tmp_path):
    add(tmp_path / "songs.cat", songs_in([songs]), of_kind(kind, metric_file, tmp_path))
    found, query = Catalogue.load(tmp_path / "songs.cat"), path_of(songs, "W_1", "P_a")
    before = found.search(query)
    remove(tmp_path / "songs.cat", lambda entry: entry.performance == "P_c")
    with pytest.raises(CoversimError, match=r"changed or removed since it was opened. Remedy: open it again"):
        found.search(query)
    after = Catalogue.load(tmp_path / "songs.cat").search(query)
    assert [(one.entry, one.distance) for one in after] == [
        (one.entry, one.distance) for one in before if one.entry.performance != "P_c"
    ]


def test_a_song_that_changed_is_never_missing(folder, songs, tmp_path, monkeypatch):
    mine = shutil.copytree(songs, tmp_path / "songs")
    add(folder, songs_in([mine]))
    changed = path_of(mine, "W_2", "P_c")
    shutil.copy(path_of(mine, "W_3", "P_d"), changed)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(changes, "_remove_older", killed)
        with pytest.raises(KeyboardInterrupt):
            add(folder, [changed])
    assert str(changed) in [entry.path for entry in Catalogue.load(folder).entries]
    assert add(folder, [changed]) == 0
    found = Catalogue.load(folder)
    assert [entry.path for entry in found.entries].count(str(changed)) == 1
    near = {one.entry.path: one.distance for one in found.search(changed, top=99)}
    assert near[str(path_of(mine, "W_3", "P_d"))] == pytest.approx(0, abs=1e-6)
    assert len(found) == 10


def test_songs_are_removed_and_can_come_back(folder, songs):
    assert remove(folder, lambda entry: entry.work == "W_1") == 2
    assert sorted(names(Catalogue.load(folder))) == ["P_c", "P_d", "P_e"]
    assert remove(folder, lambda entry: True) == 3
    with pytest.raises(CoversimError, match="empty"):
        Catalogue.load(folder).search(path_of(songs, "W_1", "P_a"))
    assert add(folder, songs_in([songs])) == 5


def test_a_song_that_cannot_be_used_leaves_the_others_alone(songs, metric_file, tmp_path):
    bad = tmp_path / "bad.h5"
    bad.write_text("no song")
    gone = tmp_path / "gone.h5"
    said = []
    wanted = [bad, gone, path_of(songs, "W_1", "P_a")]
    assert add(tmp_path / "songs.cat", wanted, metric_file, said.append) == 1
    assert len(said) == 2
    with pytest.raises(CoversimError, match=r"bad\.h5"):
        add(tmp_path / "songs.cat", [bad])


def test_files_without_feature_folders_are_songs_each(tmp_path):
    for name in ("one/x/song.h5", "two/x/song.h5", "one/x/.hidden.h5"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(songs_in([tmp_path])) == [tmp_path / "one/x/song.h5", tmp_path / "two/x/song.h5"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(CoversimError, match=r"no \.h5 file"):
        list(songs_in([tmp_path / "empty"]))


def test_songs_of_two_subsets_are_two_though_they_are_called_alike(songs, tmp_path):
    for subset in ("one", "two"):
        shutil.copytree(songs / "da-tacos_toy_subset_crema", tmp_path / f"da-tacos_{subset}_subset_crema")
        shutil.copytree(songs / "da-tacos_toy_subset_hpcp", tmp_path / f"da-tacos_{subset}_subset_hpcp")
    assert len(list(songs_in([tmp_path]))) == 2 * len(list(songs_in([songs]))) == 10


def test_links_are_followed_but_in_no_circle_and_a_catalogue_holds_no_songs(songs, folder, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "songs").symlink_to(songs)
    (mine / "circle").symlink_to(mine)
    shutil.copytree(folder, mine / "songs.cat")
    assert sorted(path.name for path in songs_in([mine])) == sorted(path.name for path in songs_in([songs]))
    assert list(songs_in(["a" * 300])) == [Path.cwd() / ("a" * 300)]  # which nobody can look at


def test_distances_of_another_metric_do_not_get_in(folder, songs, tmp_path):
    other = write_model(tmp_path / "model.pt", model={"kind": "mean"})
    with pytest.raises(CoversimError, match="another metric"):
        add(folder, songs_in([songs]), other)
    with pytest.raises(CoversimError, match="needs a metric"):
        add(tmp_path / "new.cat", songs_in([songs]))
    with pytest.raises(CoversimError, match="no catalogue"):
        Catalogue.load(tmp_path / "new.cat")
    with pytest.raises(CoversimError, match="no catalogue"):
        remove(tmp_path / "new.cat", lambda entry: True)


def test_songs_are_added_a_few_at_a_time(songs, metric_file, tmp_path, monkeypatch):
    monkeypatch.setattr(changes, "TOGETHER", 2)
    add(tmp_path / "few.cat", songs_in([songs]), metric_file)
    assert sorted(parts(tmp_path / "few.cat")) == ["part-1.h5", "part-2.h5", "part-3.h5"]
    assert len(Catalogue.load(tmp_path / "few.cat").search(chroma_of(metric_file), top=99)) == 5


def chroma_of(metric_file):
    return Metric.load(metric_file).embed(chroma(7), rate=8)


@pytest.mark.parametrize("kind", ["embedding", "sequence", "both"])
def test_a_catalogue_is_a_table_that_pandas_reads(kind, songs, metric_file, tmp_path, monkeypatch):
    monkeypatch.setattr(changes, "TOGETHER", 2)
    metric = of_kind(kind, metric_file, tmp_path)
    add(tmp_path / "songs.cat", songs_in([songs]), metric)
    assert export(tmp_path / "songs.cat", tmp_path / "songs.parquet") == 5
    table = pd.read_parquet(tmp_path / "songs.parquet")
    entries = Catalogue.load(tmp_path / "songs.cat").entries
    names = ["work", "performance", "title", "artist", "path"]
    assert list(table[names].itertuples(index=False, name=None)) == [entry[:5] for entry in entries]
    for row in table.itertuples():
        song = Metric.load(metric).embed(row.path)
        if kind != "sequence":
            np.testing.assert_array_equal(row.embedding, song if kind == "embedding" else song.point)
            assert row.embedding.dtype == np.float32
        if kind != "embedding":
            kept = row.vectors.reshape(len(song.vectors), -1)
            np.testing.assert_array_equal(kept, levels(song.vectors, untrained(1).size))
        if kind == "sequence":
            np.testing.assert_allclose(np.linalg.norm(row.outline), 1, rtol=1e-5)


def test_a_name_that_is_no_utf_8_survives(metric_file, songs, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.h5")
    shutil.copy(path_of(songs, "W_1", "P_a"), odd)
    add(tmp_path / "songs.cat", [odd], metric_file)
    [entry] = Catalogue.load(tmp_path / "songs.cat").entries
    assert Path(entry.path) == odd
    export(tmp_path / "songs.cat", tmp_path / "songs.parquet")
    assert pd.read_parquet(tmp_path / "songs.parquet").path[0].endswith(r"caf\udce9.h5")
