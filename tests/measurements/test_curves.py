"""Curves, on spines whose curves are known."""

import numpy as np
import pytest

from spinefm.measurements.curves import Curve, spine_curves


def centroids(tilts):
    """(N, 2) of a spine that stands at right angles to its vertebrae."""
    angles = np.radians(tilts)
    return np.cumsum(40 * np.stack([-np.sin(angles), np.cos(angles)], axis=1), axis=0) + 300


def test_curves_begin_where_others_end():
    tilts = np.array([0.0, 8, 15, 12, -5, -20, -25, -10, 6, 4])
    found = spine_curves(tilts, centroids(tilts))
    assert [(curve.angle_deg, curve.upper, curve.lower, curve.direction) for curve in found] == [
        (15.0, 0, 2, "right"),
        (40.0, 2, 6, "left"),
        (31.0, 6, 8, "right"),
    ]
    assert [curve.apex for curve in found] == [1, 4, 7]
    assert [curve.angle_deg for curve in spine_curves(tilts, centroids(tilts), least_deg=0)] == [15, 40, 31, 2]
    mirrored = spine_curves(-tilts, centroids(-tilts))
    assert [curve.direction for curve in mirrored] == ["left", "right", "left"]
    assert [(curve.angle_deg, curve.apex) for curve in mirrored] == [(curve.angle_deg, curve.apex) for curve in found]


def test_neighbours_have_no_apex_between_them():
    tilts = np.array([20.0, -20.0])
    assert spine_curves(tilts, centroids(tilts)) == [Curve(40.0, 0, 1, None, "left")]


@pytest.mark.parametrize("tilts", [[], [3.0], [3.0, 3.0, 3.0], [0.0, 5.0]])
def test_a_straight_spine_has_no_curve(tilts):
    assert spine_curves(np.array(tilts), centroids(np.array(tilts))) == []
