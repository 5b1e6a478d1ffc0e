"""One direction: which findings are steps, what ends it, what it has found."""

import numpy as np
import pytest

from spinefm.pipeline.examination import Finding
from spinefm.pipeline.walk import InductionRules, both_walks
from spinefm.structures import StopReason
from tests.oracles import make_film

FILM = make_film()


def found(index, name="vertebra"):
    """A vertebra of the film, called so by the classifier."""
    return Finding(FILM.vertebrae[index], np.ones(4), name)


def walks(base=(2, 3, 4), **rules):
    """Up and down from a base case."""
    return both_walks(FILM, [found(index) for index in base], InductionRules(**{"terminals": ("C2",)} | rules))


@pytest.mark.parametrize("reach", [0.5, np.inf, np.nan])
def test_a_reach_that_is_none_is_refused(reach):
    with pytest.raises(ValueError, match=f"`reach` to be a number of at least 1, but got {reach}"):
        InductionRules(reach=reach)


@pytest.mark.parametrize(
    ("rule", "value"),
    [("lookahead", 0), ("max_steps", -3), ("patience", -1), ("max_overlap", -0.1), ("max_overlap", 10), ("swing", -1), ("swing", 91)],
)
def test_rules_out_of_range_are_refused(rule, value):
    with pytest.raises(ValueError, match=f"Expected `{rule}` to be .* but got {value}"):
        InductionRules(**{rule: value})


def test_both_start_at_their_end_of_the_base_case():
    up, down = walks()
    assert up.centroids[-1].tolist() == list(FILM.vertebrae[2].centroid)
    assert down.centroids[-1].tolist() == list(FILM.vertebrae[4].centroid)


@pytest.mark.parametrize(("index", "reason"), [(5, None), (6, None), (2, StopReason.OVERLAP), (0, StopReason.IRREGULAR_STEP)])
def test_a_step_leads_to_a_new_vertebra_farther_on(index, reason):
    _, down = walks()
    assert down.is_step(found(index)) == (reason is None)
    down.step(found(index))
    assert (down.stop, len(down.new_findings), down.steps) == (reason, reason is None, 1)


def test_what_one_walk_has_is_no_step_of_the_other():
    up, down = walks()
    assert down.is_step(found(5))
    up.taken.append(found(5))
    assert not down.is_step(found(5))
    down.step(found(5))
    assert (down.stop, down.new_findings) == (StopReason.OVERLAP, [])


@pytest.mark.parametrize("patience", [0, 1])
def test_doubts_end_a_walk_when_its_patience_is_over(patience):
    _, down = walks(patience=patience)
    for index in range(5, 6 + patience):
        assert down.stop is None and not down.doubts[patience:]
        down.step(found(index, "background"))
    assert down.stop is StopReason.BACKGROUND and not down.new_findings


def test_the_first_doubt_is_why_a_walk_ended():
    _, down = walks(patience=1)
    down.step(found(5, "C2"))
    down.step(found(6, "background"))
    assert down.stop is StopReason.LANDMARK


def test_an_ordinary_vertebra_ends_all_doubts():
    _, down = walks(patience=1)
    down.step(found(5, "background"))
    down.step(found(6))
    assert (down.stop, down.doubts, len(down.new_findings)) == (None, [], 2)


def test_a_terminal_is_kept():
    up, _ = walks()
    up.step(found(1, "C2"))
    assert up.stop is StopReason.LANDMARK and len(up.new_findings) == 1


def test_a_base_case_that_ends_in_a_terminal_is_an_end():
    up, down = both_walks(FILM, [found(0, "C2"), found(1), found(2)], InductionRules(terminals=("C2",)))
    assert (up.stop, down.stop) == (StopReason.LANDMARK, None)


def test_it_looks_farther_once():
    _, down = walks(reach=1.5)
    down.step(found(4))
    assert (down.stop, down.reach) == (None, 1.5)
    down.step(StopReason.EMPTY_MASK)
    assert down.stop is StopReason.OVERLAP


def test_a_step_after_it_looked_farther_is_as_long_as_any():
    _, down = walks(reach=1.5)
    down.step(found(4))
    down.step(found(5))
    assert (down.stop, down.reach, len(down.new_findings)) == (None, 1.0, 1)


@pytest.mark.parametrize("swing", [0.0, 60.0])
def test_it_is_lost_where_it_was_in_no_doubt_and_finds_no_vertebra(swing):
    _, down = walks(swing=swing, patience=2)
    for finding in (StopReason.EMPTY_MASK, found(5, "background")):
        assert down.is_lost(finding) == (swing > 0)
    assert not down.is_lost(found(5))
    down.step(found(5, "background"))
    assert not down.is_lost(StopReason.EMPTY_MASK)


def test_it_is_not_lost_while_it_looks_farther():
    _, down = walks(swing=60.0, reach=1.5)
    down.step(found(4))
    assert not down.is_lost(StopReason.EMPTY_MASK)
