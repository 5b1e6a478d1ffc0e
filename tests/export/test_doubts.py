"""Which results are to be looked at first."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.export.doubts import DoubtRule
from spinefm.structures import Failure, Spine
from tests.scoliosis import SIZE
from tests.scoliosis import spine as straight_spine

SURE = tuple(replace(vertebra, confidence=0.95) for vertebra in straight_spine(np.zeros(17)))
RULE = DoubtRule.between(["L5", "T1"], 0.9)


def doubts(vertebrae, rule=RULE, **found):
    return rule.doubts(Spine("film", SIZE, tuple(vertebrae), **found))


def test_a_spine_as_usual():
    assert doubts(SURE) == []


def test_each_sign_and_all_of_them():
    assert doubts(SURE[1:]) == ["16 vertebrae, where 17 are usual"]
    assert doubts([replace(SURE[0], level=None), *SURE[1:]]) == ["1 of unknown level"]
    assert doubts([replace(vertebra, confidence=0.85) for vertebra in SURE]) == ["mean confidence 0.85, below 0.9"]
    assert doubts([replace(vertebra, confidence=0.897) for vertebra in SURE]) == ["mean confidence 0.897, below 0.9"]
    assert len(doubts([replace(vertebra, level=None, confidence=0.2) for vertebra in SURE[:3]])) == 3


@pytest.mark.parametrize("terminals", [[], ["T1"], ["C1", "T1", "S1"]])
def test_where_spines_do_not_end_at_two_levels_no_number_is_usual(terminals):
    assert doubts(SURE[:4], DoubtRule.between(terminals, 0.9)) == []


def test_a_film_on_which_nothing_was_found_says_why_itself():
    assert doubts([], failure=Failure.TOO_FEW_DETECTIONS) == []


def test_the_bound_is_a_confidence():
    assert doubts(SURE, DoubtRule(doubt_below=0.96)) == ["mean confidence 0.95, below 0.96"]
    with pytest.raises(ValueError, match=r"Expected `doubt_below` to be 0\.\.1, but got 90"):
        DoubtRule(doubt_below=90)
