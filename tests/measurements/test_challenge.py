"""The challenge's three angles, worked out by hand for each shape of a spine."""

import numpy as np
import pytest

from spinefm.measurements.challenge import challenge_angles


def spine(tilts, x):
    """(N, 4, 2) corners of upright vertebrae 30 high, 40 apart, at `x`."""
    y = 20 + 40.0 * np.arange(len(tilts))
    middles = np.stack([np.asarray(x, dtype=float), y], axis=1)
    return middles[:, None] + np.array([(-25.0, -15), (25, -15), (-25, 15), (25, 15)])


C_SHAPE = [0, 10, 15, 10, 0]
S_SHAPE = [0, 12, 0, -12, 0]
TILTS = np.array([5.0, 20.0, -10.0, 8.0, 2.0])


def test_a_c_ends_at_its_first_and_last_vertebra():
    assert challenge_angles(TILTS, spine(TILTS, C_SHAPE), 400) == (30.0, 15.0, 12.0)


def test_an_s_with_its_main_curve_in_the_upper_half_has_one_above_and_one_below():
    assert challenge_angles(TILTS, spine(TILTS, S_SHAPE), 400) == (30.0, 15.0, 18.0)


def test_an_s_with_its_main_curve_in_the_lower_half_has_two_above():
    tilts = np.array([5.0, 9.0, -2.0, 20.0, -10.0])
    assert challenge_angles(tilts, spine(tilts, S_SHAPE), 200) == (30.0, 22.0, 11.0)


def test_a_straight_spine():
    flat = np.zeros(5)
    assert challenge_angles(flat, spine(flat, flat), 200) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="at least two vertebrae, but got 1"):
        challenge_angles(flat[:1], spine(flat[:1], [0]), 200)
