"""Levels, their order, regions and neighbours."""

from itertools import pairwise

import pytest

from spinefm.anatomy import LEVELS, absent_levels, check_level, is_usual_step, level_index, levels_between, region, steps_between


def test_every_level_once_from_head_to_foot():
    assert len(LEVELS) == len(set(LEVELS)) == 7 + 13 + 6 + 1
    assert (LEVELS[0], LEVELS[-1]) == ("C1", "S1")
    assert [level_index(level) for level in LEVELS] == list(range(27))


def test_regions_follow_each_other():
    assert list(dict.fromkeys(map(region, LEVELS))) == ["cervical", "thoracic", "lumbar", "sacral"]


def test_usual_levels_between():
    assert levels_between("C6", "T2") == ("C6", "C7", "T1", "T2")
    assert levels_between("T11", "L1") == ("T11", "T12", "L1")
    assert levels_between("L4", "S1") == ("L4", "L5", "S1")
    assert levels_between("L3", "L3") == ("L3",)
    assert len(levels_between("C1", "S1")) == 25


def test_a_usual_step_leads_to_the_next_usual_level():
    usual = levels_between("C1", "S1")
    steps = {(upper, lower) for upper in LEVELS for lower in LEVELS if is_usual_step(upper, lower)}
    assert steps == set(pairwise(usual))


@pytest.mark.parametrize(
    ("levels", "absent"),
    [
        (("T11", "L1"), ["T12"]),
        (("L4", "S1"), ["L5"]),
        (("T11", "L1", "L4", "S1"), ["T12", "L5"]),
        (("T11", "T12", "L1", "L4", "L5", "S1"), []),
        (("T10", "T11", "L2", "L4"), []),
        (("T10", "T12"), []),
    ],
    ids=str,
)
def test_a_level_is_absent_where_both_its_neighbours_are_there(levels, absent):
    assert absent_levels(levels) == set(absent)


@pytest.mark.parametrize("level", ["", "C0", "C8", "T14", "L7", "S2", "c3", "C2 ", "X1"])
def test_unknown_levels_are_refused(level):
    for function in (check_level, level_index, region):
        with pytest.raises(ValueError, match="Expected a level between C1 and S1"):
            function(level)
    with pytest.raises(ValueError, match="Expected a level"):
        levels_between("C1", level)


@pytest.mark.parametrize(
    ("upper", "lower", "steps"),
    [("C3", "C4", 1), ("C5", "C7", 2), ("T12", "L1", 1), ("T12", "T13", 1), ("T10", "L2", 4), ("T11", "L1", 1), ("L4", "S1", 1),
     ("L3", "S1", 3), ("L5", "L6", 1), (None, "L5", 1), ("L1", None, 1), ("L3", "L2", 1)],
)  # fmt: skip
def test_steps_go_over_what_is_left_out(upper, lower, steps):
    assert steps_between(upper, lower) == steps


@pytest.mark.parametrize(("first", "last"), [("T13", "L2"), ("T11", "L6"), ("L2", "T11")])
def test_supernumerary_ends_and_reversed_ones_are_refused(first, last):
    with pytest.raises(ValueError, match="from head to foot"):
        levels_between(first, last)
