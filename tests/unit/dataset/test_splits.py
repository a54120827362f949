from collections import Counter

from coversim.dataset.splits import shard_of, split_by_hash, split_first

WORKS = [f"W_{number}" for number in range(2000)]


def test_a_works_shard_is_a_stable_hash_of_its_id():
    assert [shard_of(work, 64) for work in ("W_163992", "W_1", "Œuvre n° 1")] == [42, 41, 31]


def test_works_spread_evenly_over_the_shards():
    counts = Counter(shard_of(work, 8) for work in WORKS)
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 1.3 * min(counts.values())


def test_the_split_by_hash_keeps_its_fractions():
    counts = Counter(split_by_hash(work, valid=0.15, test=0.25, seed=0) for work in WORKS)
    assert abs(counts["test"] - 500) < 60
    assert abs(counts["valid"] - 300) < 50


def test_raising_the_validation_fraction_moves_no_test_work():
    before = {work for work in WORKS if split_by_hash(work, 0.1, 0.25, 0) == "test"}
    assert before == {work for work in WORKS if split_by_hash(work, 0.3, 0.25, 0) == "test"}


def test_another_seed_splits_otherwise():
    assert [split_by_hash(work, 0.2, 0.2, 0) for work in WORKS] != [
        split_by_hash(work, 0.2, 0.2, 1) for work in WORKS
    ]


def test_the_briefs_split_trains_on_the_first_works_and_validates_on_the_last():
    split = split_first(reversed(WORKS), train=1600, valid=400)
    ordered = sorted(WORKS)
    assert {split[work] for work in ordered[:1600]} == {"train"}
    assert {split[work] for work in ordered[1600:]} == {"valid"}


def test_works_between_the_first_and_the_last_test():
    split = split_first(WORKS, train=1000, valid=400)
    assert Counter(split.values()) == {"train": 1000, "valid": 400, "test": 600}


def test_with_too_few_works_training_comes_first():
    assert Counter(split_first(WORKS, train=1900, valid=400).values()) == {"train": 1900, "valid": 100}
