"""Corners, on masks whose corners are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.geometry.masks import mask_to_vertebra, polygon_to_vertebra
from spinefm.measurements.corners import corners
from spinefm.measurements.tilts import tilt
from spinefm.structures import Vertebra

SIZE = (400, 400)
DOWN = np.array([0.0, 1.0])


def quad(degrees, centre=(200.3, 180.6), width=60.0, height=40.0, wedge=0.0):
    """(4, 2) corners, upper left, upper right, lower left, lower right; its left side is shorter by `wedge`."""
    x, y = np.array([-1, 1, -1, 1]) * width / 2, np.array([-1, -1, 1, 1]) * (height / 2 - np.array([wedge, 0, wedge, 0]) / 2)
    angle = np.radians(degrees)
    return np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1) + centre


def mask_of(points):
    return polygon_to_vertebra(points[[0, 1, 3, 2]], SIZE, None)


def along(degrees):
    return np.array([-np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])


@settings(max_examples=40, deadline=None)
@given(st.floats(-60, 60), st.floats(20, 90), st.floats(0.5, 0.95), st.floats(0, 0.2), st.floats(-15, 15))
def test_corners_are_those_of_the_quadrilateral(degrees, width, ratio, wedge, off):
    points = quad(degrees, width=width, height=ratio * width, wedge=wedge * ratio * width)
    found = corners(mask_of(points), along(degrees + off))
    assert np.linalg.norm(found - points, axis=1).max() < 1.5
    assert tilt(found) == pytest.approx(degrees, abs=180 / np.pi / (0.6 * width))


def test_the_axis_says_which_side_is_up():
    points = quad(0, width=40, height=40)
    assert np.allclose(corners(mask_of(points), along(80)), points[[1, 3, 0, 2]], atol=1)
    # Upright in the film, whatever way the spine leans.
    assert np.allclose(corners(mask_of(quad(20)), DOWN), quad(20), atol=1)


def test_a_sheared_vertebra():
    points = quad(0) + np.array([(15.0, 0), (15.0, 0), (-15.0, 0), (-15.0, 0)])
    assert np.allclose(corners(mask_of(points), DOWN), points, atol=1)


def test_neither_a_bulge_nor_rounded_corners_nor_a_second_part_move_a_side():
    points = quad(10)
    vertebra = mask_of(points)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    film = np.zeros(SIZE, dtype=bool)
    x0, y0, x1, y1 = vertebra.box
    film[y0:y1, x0:x1] = vertebra.mask
    for corner in points:
        film &= np.hypot(columns + 0.5 - corner[0], rows + 0.5 - corner[1]) > 4
    film |= np.hypot(columns - 230, rows - 180) < 3
    film[20:30, 20:30] = True
    assert np.linalg.norm(corners(mask_to_vertebra(film), along(10)) - points, axis=1).max() < 2


@pytest.mark.parametrize("mask", [np.zeros((5, 5), bool), np.ones((1, 1), bool), np.ones((1, 9), bool), np.eye(9, dtype=bool)], ids=len)
def test_a_mask_without_four_sides_may_have_no_corners_but_never_nonsense(mask):
    found = corners(Vertebra(mask, (10, 20), (12.0, 22.0)), DOWN)
    assert found is None or np.abs(found - (10, 20)).max() < 20


def test_a_triangle_has_none_or_nearby_ones():
    found = corners(Vertebra(np.tri(30, dtype=bool), (0, 0), (10.0, 20.0)), DOWN)
    assert found is None or np.abs(found).max() < 60


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_any_mask_is_taken(seed, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < 0.6
    found = corners(Vertebra(mask, (0, 0), (1.0, 1.0)), DOWN)
    assert found is None or (found.shape == (4, 2) and np.isfinite(found).all())
