from collections import Counter, defaultdict
from itertools import combinations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from coversim.dataset.labels import COVER, NON_COVER
from coversim.dataset.pairs import cover_pairs, non_cover_pairs, pair_table


def collection(sizes):
    return [(f"W_{work}", f"P_{work}.{song}") for work, size in enumerate(sizes) for song in range(size)]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=12), st.integers(0, 3))
def test_every_cover_pair_is_there_once_and_as_many_non_cover_pairs(sizes, seed):
    songs = collection(sizes)
    table = pair_table(songs, seed).to_dict("records")
    covers = [row for row in table if row["label"] == COVER]
    reference = {(a, b) for a, b in combinations(songs, 2) if a[0] == b[0]}
    found = [((row["work_a"], row["performance_a"]), (row["work_b"], row["performance_b"])) for row in covers]
    assert len(found) == len(reference)
    assert set(found) == reference
    assert sum(row["label"] == NON_COVER for row in table) == len(covers)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=12), st.integers(0, 3))
def test_the_songs_of_a_non_cover_pair_are_of_different_works(sizes, seed):
    songs = collection(sizes)
    for a, b in non_cover_pairs(songs, cover_pairs(songs), seed):
        assert a[0] != b[0]
        assert {a, b} <= set(songs)


def test_the_order_of_the_songs_does_not_matter():
    songs = collection([2, 3, 1, 4])
    pd.testing.assert_frame_equal(pair_table(songs, 0), pair_table(songs[::-1], 0))


def test_another_seed_draws_other_non_covers():
    songs = collection([2] * 50)
    covers = cover_pairs(songs)
    assert non_cover_pairs(songs, covers, 0) != non_cover_pairs(songs, covers, 1)


def test_adding_a_work_leaves_the_other_works_pairs_as_they_were():
    """All but the few draws whose next song on the ring is now one of the new work: 2 of 600 here."""
    songs, added = collection([2] * 300), [("W_new", "P_new.0"), ("W_new", "P_new.1")]
    covers = cover_pairs(songs)
    before = dict(zip(covers, non_cover_pairs(songs, covers, 0), strict=True))
    grown = songs + added
    after = dict(zip(cover_pairs(grown), non_cover_pairs(grown, cover_pairs(grown), 0), strict=True))
    changed = [cover for cover in covers if before[cover] != after[cover]]
    assert all(after[cover][1] in added for cover in changed)
    assert len(changed) <= 5


def test_songs_are_drawn_about_evenly():
    songs = collection([2] * 500)
    drawn = Counter(partner for _, partner in non_cover_pairs(songs, cover_pairs(songs), 0))
    assert max(drawn.values()) <= 6


def test_one_work_alone_has_no_non_cover_pair():
    assert pair_table(collection([3]), 0).label.tolist() == [COVER] * 3


def test_distractors_are_partners_but_have_no_cover():
    songs = collection([2, 1, 1, 1])
    by_label = defaultdict(list)
    for row in pair_table(songs, 0).to_dict("records"):
        by_label[row["label"]].append(row)
    assert {row["work_a"] for row in by_label[COVER]} == {"W_0"}
    assert by_label[NON_COVER][0]["work_b"] != "W_0"


def test_a_collection_without_covers_has_an_empty_table():
    assert len(pair_table(collection([1, 1]), 0)) == 0
