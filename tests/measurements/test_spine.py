"""What is measured of a whole spine, and what is left out."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spinefm.anatomy import levels_between
from spinefm.measurements.spine import measure_spine
from spinefm.structures import Vertebra, View
from tests.scoliosis import LEVELS, TILTS, spine


def curves(measured):
    return [(LEVELS[curve.upper], LEVELS[curve.lower], round(curve.angle_deg), curve.direction) for curve in measured.curves]


def test_a_whole_spine():
    measured = measure_spine(spine())
    assert curves(measured) == [("T1", "T6", 18, "right"), ("T6", "T10", 42, "left"), ("T10", "L3", 30, "right")]
    np.testing.assert_allclose(measured.tilts, TILTS, atol=0.5)
    assert measured.left_out == () and measured.largest_left_out is None and measured.levels == LEVELS
    assert LEVELS[measured.curves[1].apex] in ("T8", "T9")


@pytest.mark.parametrize(
    ("missing", "left", "reason"),
    [
        (["T2"], ["T6-T10", "T10-L3"], "The curve from T1 to T6 is left out: T2, next to T1, is missing"),
        (["T1"], ["T6-T10", "T10-L3"], "The curve from T2 to T6 is left out: T1, next to T2, is missing"),
        (["T7"], ["T10-L3"], "T7, next to T6, is missing"),
        (["T10"], ["T1-T6"], "The curve from T6 to T11 is left out: T10, next to T11, is missing"),
        (["T8", "L5"], ["T1-T6", "T6-T10", "T10-L3"], None),
        (["L4", "L5"], ["T1-T6", "T6-T10"], "The curve from T10 to L3 is left out: L4, next to L3, is missing"),
    ],
    ids=str,
)
def test_a_curve_is_left_out_where_a_vertebra_next_to_its_end_is_missing(missing, left, reason):
    found = [vertebra for vertebra in spine() if vertebra.level not in missing]
    measured = measure_spine(found)
    assert [f"{found[curve.upper].level}-{found[curve.lower].level}" for curve in measured.curves] == left
    assert reason in " ".join(measured.left_out) if reason else not measured.left_out


@pytest.mark.parametrize(("lacking", "end"), [("T12", "T11"), ("L5", "L4")])
def test_a_level_that_the_spine_lacks_is_not_missing(lacking, end):
    """The largest curve ends above it. Where its neighbours lie apart it was there, and was not found."""
    whole = levels_between("T1", "S1")
    tilts = np.where(np.arange(18) <= whole.index(end), 1.5 * np.arange(18), 8.0)
    lacked = measure_spine(spine(np.delete(tilts, whole.index(lacking)), [level for level in whole if level != lacking]))
    assert lacked.curves and lacked.left_out == () == lacked.missing and lacked.largest_left_out is None
    missed = measure_spine([vertebra for vertebra in spine(tilts, whole) if vertebra.level != lacking])
    assert missed.largest_left_out == f"{lacking}, next to {end}, is missing" and missed.largest_left_out in missed.left_out[0]
    assert missed.missing == (lacking,)


def test_the_supernumerary_and_what_is_no_part_of_the_thoracolumbar_spine():
    levels = ("C7", *levels_between("T1", "T12"), "T13", *levels_between("L1", "L3"))
    measured = measure_spine(spine(levels=levels))
    assert measured.levels == levels[1:] and measured.vertebrae[0] is not None
    assert "L4, next to L3" not in " ".join(measured.left_out)


def test_vertebrae_without_a_level_or_four_sides_are_named():
    found = spine()
    found[3] = replace(found[3], level=None)
    found[8] = Vertebra(np.ones((1, 1), dtype=bool), (100, 100), found[8].centroid, "T9")
    measured = measure_spine(found)
    assert measured.vertebrae[8] is None and measured.vertebrae[3] is not None and not {"T4", "T9"} & set(measured.levels)
    assert measured.left_out[:2] == (
        "Vertebrae of unknown level are in no curve: 1.",
        "Vertebrae whose masks have no four sides are in no curve: T9.",
    )


def test_of_two_vertebrae_of_one_level_the_more_confident_one_counts():
    found = spine()
    found[5] = replace(found[5], confidence=0.5)
    measured = measure_spine([*found, replace(found[0], level="T6", confidence=0.4)])
    assert [its.vertebra for its in measured.chain] == found


@pytest.mark.parametrize("count", [0, 1])
def test_one_vertebra_has_no_curve(count):
    measured = measure_spine(spine()[:count])
    assert measured.curves == () and f"but there are {count}" in measured.left_out[-1]


@pytest.mark.parametrize(("view", "reason"), [(View.UNKNOWN, "unknown.*view=ap_spine"), (View.LATERAL_LUMBAR, "lateral")])
def test_curves_are_of_films_from_the_front(view, reason):
    measured = measure_spine(spine(), view)
    assert measured.curves == measured.chain == () and re.search(reason, *measured.left_out)
    np.testing.assert_allclose([its.tilt_deg for its in measured.vertebrae], TILTS, atol=0.5)


def beside(index, away):
    """An unnamed vertebra as high as another one, beside it."""
    other = spine()[index]
    (x, y), (left, top) = other.centroid, other.origin
    return replace(other, level=None, centroid=(x + away, y), origin=(left + away, top))


@pytest.mark.parametrize("away", [60, 160, -110])
@pytest.mark.parametrize("index", [0, 4, 5, 8, 16])
def test_what_lies_off_the_spine_turns_no_vertebra(index, away):
    """Along the line through all vertebrae, those next to it would be seen from the side."""
    found = spine()
    measured = measure_spine([*found[: index + 1], beside(index, away), *found[index + 1 :]])
    np.testing.assert_allclose(measured.tilts, TILTS, atol=0.5)
    assert curves(measured) == curves(measure_spine(found))
    assert measured.left_out == ("Vertebrae of unknown level are in no curve: 1.",)


@pytest.mark.parametrize("index", [0, 5, 16])
def test_one_with_a_level_turns_none_but_itself(index):
    found = spine()
    found[index] = replace(beside(index, 160), level=LEVELS[index])
    np.testing.assert_allclose(measure_spine(found).tilts, TILTS, atol=0.5)


def test_a_vertebra_across_the_spine_is_in_no_curve():
    """The lower end of the line hooks to the side."""
    found = spine(np.zeros(17))
    angles = np.minimum(1.4, 0.35 * np.arange(7))
    hook = np.stack([250 + 52 * np.arange(7) * np.sin(angles), 590 + 52 * np.arange(7) * np.cos(angles)], axis=1)
    measured = measure_spine([*found[:10], *(replace(its, centroid=tuple(point)) for its, point in zip(found[10:], hook, strict=True))])
    assert not {"L2", "L3"} & set(measured.levels)
    assert "Vertebrae that lie across the spine are in no curve: L2, L3." in measured.left_out


def test_where_many_are_missing_the_largest_curve_may_be_elsewhere():
    measured = measure_spine(spine()[7:])
    assert measured.curves and measured.largest_left_out == "7 of 17 vertebrae are missing"
    assert "The largest curve may not be among those measured: 7 of 17 vertebrae are missing, from T1 to L5." in measured.left_out


@pytest.mark.parametrize("missing", [["L5"], ["T7", "T8"], list(LEVELS[:9])], ids=len)
def test_a_straight_spine_may_have_a_curve_where_vertebrae_are_missing(missing):
    """One tilts on beyond its ends, or in a gap; of a whole one it is certain that there is none."""
    straight = spine(np.linspace(-4, 4, 17))
    assert measure_spine(straight).left_out == () == measure_spine(straight).curves
    measured = measure_spine([vertebra for vertebra in straight if vertebra.level not in missing])
    told = f"No curve of at least 10 degrees was found, but there may be one, as these of T1 to L5 are missing: {', '.join(missing)}."
    assert measured.curves == () and measured.left_out == (told,)


def test_without_levels_the_line_through_all_says_what_is_up():
    leaning = [replace(vertebra, level=None) for vertebra in spine(np.full(5, 50.0), LEVELS[:5])]
    measured = measure_spine(leaning, View.UNKNOWN)
    np.testing.assert_allclose([its.tilt_deg for its in measured.vertebrae], 50, atol=0.5)
    assert measure_spine([]).vertebrae == ()
