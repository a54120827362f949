from coversim.siamese.songs import in_share


def test_a_larger_share_holds_the_works_of_a_smaller_one():
    works = [f"W_{number}" for number in range(2000)]
    tenth, third, all_of_them = ({work for work in works if in_share(work, s)} for s in (0.1, 0.3, 1.0))
    assert tenth < third < all_of_them == set(works)
    assert 150 < len(tenth) < 250
    assert 530 < len(third) < 670
