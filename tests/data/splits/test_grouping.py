"""Grouped splits: whole patients, the same each time, near the shares asked for; and copies of films."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.data.splits.grouping import FRACTIONS, check_split, grouped_split, joined_groups, shared_patients, similar_films

PATIENTS = st.lists(st.integers(0, 40), min_size=1, max_size=120).map(lambda numbers: [f"p{number}" for number in numbers])


@settings(max_examples=60, deadline=None)
@given(PATIENTS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_whole_groups_in_any_order_of_the_items(groups, seed, random):
    strata = [str(int(group[1:]) % 3) for group in groups]
    chosen = dict(zip(groups, grouped_split(groups, strata, FRACTIONS, seed), strict=True))
    order = list(range(len(groups)))
    random.shuffle(order)
    again = grouped_split([groups[i] for i in order], [strata[i] for i in order], FRACTIONS, seed)
    assert again == [chosen[groups[i]] for i in order]


@settings(max_examples=60, deadline=None)
@given(PATIENTS, st.integers(0, 5))
def test_each_split_is_at_most_one_group_over_its_share(groups, seed):
    chosen = grouped_split(groups, ["one"] * len(groups), FRACTIONS, seed)
    largest = max(groups.count(group) for group in groups)
    for split, share in FRACTIONS.items():
        assert chosen.count(split) < share * len(groups) + largest + 1e-6


def test_strata_are_spread():
    groups = [str(i) for i in range(300)]
    strata = ["mild" if i < 200 else "severe" for i in range(300)]
    chosen = grouped_split(groups, strata)
    for split, share in FRACTIONS.items():
        severe = sum(its == split and stratum == "severe" for its, stratum in zip(chosen, strata, strict=True))
        assert severe == pytest.approx(100 * share, abs=2)


def test_seed_matters_and_empty_share_stays_empty():
    groups = [str(i) for i in range(50)]
    fractions = {"train": 0.8, "val": 0.2, "test": 0.0}
    first, second = (grouped_split(groups, ["x"] * 50, fractions, seed) for seed in (0, 1))
    assert first != second
    assert "test" not in first + second


@pytest.mark.parametrize("fractions", [{"train": 0.7, "val": 0.7}, {"train": 1.5, "val": -0.5}, {"training": 1.0}, {}])
def test_fractions_are_checked(fractions):
    with pytest.raises(ValueError, match="sum to 1"):
        grouped_split(["a"], ["x"], fractions)


def test_lengths_are_checked():
    with pytest.raises(ValueError, match="2 groups and 1 strata"):
        grouped_split(["a", "b"], ["x"])


def test_a_patient_in_two_splits_is_named():
    assert shared_patients({"train": ["anna", "anna"], "val": ["bo"], "test": []}) == {}
    assert shared_patients({"train": ["anna", "bo"], "test": ["bo"]}) == {"bo": ("train", "test")}


def test_a_split_that_does_not_exist_is_refused():
    assert check_split("val") == "val"
    with pytest.raises(ValueError, match="one of train, val, test, but got 'training'"):
        check_split("training")


def test_groups_join_along_chains():
    assert joined_groups(["d", "c", "b", "a", "d", "e"], [(0, 1), (1, 2)]) == ["b", "b", "b", "a", "b", "e"]


def test_copies_are_found_despite_crop_and_contrast():
    random = np.random.default_rng(0)
    film, other = (cv2.resize(random.integers(0, 255, (48, 24), dtype=np.uint8), (240, 480)) for _ in range(2))
    films = [film, other, film[8:-4, 3:-4] // 2 + 90]
    assert similar_films([cv2.resize(each, (32, 64), interpolation=cv2.INTER_AREA) for each in films]) == [(0, 2)]


def test_no_films_no_copies():
    assert similar_films([]) == []
