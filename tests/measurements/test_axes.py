"""Axes of a spine, with and without what lies beside it."""

import numpy as np
import pytest

from spinefm.measurements.axes import lean_deg, spine_axes

BENT = [(567, 170), (552, 258), (480, 315), (329, 352), (241, 416), (206, 500), (222, 624), (265, 700), (318, 772), (386, 865)]
"""Of one of the most bent spines of AASCE, from T1 to T10."""


def turned(axes, others):
    """Degrees between two sets of axes."""
    cosines = (axes * others).sum(1) / np.linalg.norm(axes, axis=1) / np.linalg.norm(others, axis=1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def test_a_bent_spine_has_no_outliers():
    np.testing.assert_allclose(spine_axes(BENT, BENT), np.gradient(np.array(BENT, dtype=float), axis=0))


@pytest.mark.parametrize("away", [40, 60, 100, 160, 400, -160])
@pytest.mark.parametrize("index", range(12))
def test_an_outlier_turns_no_axis_by_half_a_right_angle(index, away):
    line = np.array([(250.0, 60.0 + 52 * number) for number in range(12)])
    straight = spine_axes(line, line)
    line[index, 0] += away
    others = np.arange(12) != index
    assert turned(spine_axes(line, line), straight)[others].max() < 40


def test_where_there_is_no_line():
    np.testing.assert_array_equal(spine_axes([(3.0, 4.0)], [(3.0, 4.0), (0.0, 0.0)]), [(0, 1), (0, 1)])
    assert spine_axes([], []).shape == (0, 2)
    assert lean_deg(np.array([1.0, 0.0]), []) == 0 and lean_deg(np.array([1.0, 0.0]), [(0, 0), (0, 9)]) == pytest.approx(90)
