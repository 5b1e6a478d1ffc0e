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
    measured = measure_spine(spine(), smoothing=0)
    assert curves(measured) == [("T1", "T6", 18, "right"), ("T6", "T10", 42, "left"), ("T10", "L3", 30, "right")]
    np.testing.assert_allclose(measured.tilts, TILTS, atol=0.5)
    assert measured.smooth_tilts == measured.tilts and measured.left_out == () and len(measured.corners) == 17
    assert LEVELS[measured.curves[1].apex] in ("T8", "T9")


def test_smoothing_moves_the_angles_a_little():
    (_, main, _), (_, even, _) = measure_spine(spine(), smoothing=0).curves, measure_spine(spine(), smoothing=0.8).curves
    assert 0 < abs(main.angle_deg - even.angle_deg) < 5


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
    measured = measure_spine(found, smoothing=0)
    assert [f"{found[curve.upper].level}-{found[curve.lower].level}" for curve in measured.curves] == left
    assert reason in " ".join(measured.left_out) if reason else not measured.left_out


def test_the_supernumerary_and_what_is_no_part_of_the_thoracolumbar_spine():
    levels = ("C7", *levels_between("T1", "T12"), "T13", *levels_between("L1", "L3"))
    measured = measure_spine(spine(levels=levels), smoothing=0)
    assert measured.chain == tuple(range(1, 17)) and measured.smooth_tilts[0] is None and measured.tilts[0] is not None
    assert "L4, next to L3" not in " ".join(measured.left_out)


def test_vertebrae_without_a_level_or_four_sides_are_named():
    found = spine()
    found[3] = replace(found[3], level=None)
    found[8] = Vertebra(np.ones((1, 1), dtype=bool), (100, 100), found[8].centroid, "T9")
    measured = measure_spine(found, smoothing=0)
    assert measured.corners[8] is measured.tilts[8] is None and measured.tilts[3] is not None and measured.smooth_tilts[3] is None
    assert measured.left_out[:2] == (
        "Vertebrae of unknown level are in no curve: 1.",
        "Vertebrae whose masks have no four sides are in no curve: T9.",
    )


def test_of_two_vertebrae_of_one_level_the_more_confident_one_counts():
    found = spine()
    found[5] = replace(found[5], confidence=0.5)
    measured = measure_spine([*found, replace(found[0], level="T6", confidence=0.4)], smoothing=0)
    assert measured.chain == tuple(range(17))


@pytest.mark.parametrize("count", [0, 1])
def test_one_vertebra_has_no_curve(count):
    measured = measure_spine(spine()[:count])
    assert measured.curves == () and f"but there are {count}" in measured.left_out[-1]


@pytest.mark.parametrize(("view", "reason"), [(View.UNKNOWN, "unknown.*view=ap_spine"), (View.LATERAL_LUMBAR, "lateral")])
def test_curves_are_of_films_from_the_front(view, reason):
    measured = measure_spine(spine(), view)
    assert measured.curves == () and re.search(reason, *measured.left_out)
    np.testing.assert_allclose(measured.tilts, TILTS, atol=0.5)
