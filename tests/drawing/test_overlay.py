"""Outlines and drawings of vertebrae."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.anatomy import LEVELS
from spinefm.drawing.overlay import MAX_SIDE, level_colour, outlines, overlay
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.measurements.spine import measure_spine
from spinefm.structures import Vertebra
from tests.scoliosis import SIZE, spine

FILM = np.full((200, 120), 100, dtype=np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 40), st.integers(4, 40), st.floats(0, 3.2))
def test_the_outline_restores_the_mask(width, height, angle):
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width, height] / 2 @ rotation.T + [60.3, 100.7]
    vertebra = polygon_to_vertebra(corners, FILM.shape, "C3")
    restored = polygon_to_vertebra(outlines(vertebra)[0], FILM.shape)
    assert restored.origin == vertebra.origin
    np.testing.assert_array_equal(restored.mask, vertebra.mask)


def test_the_outline_of_one_pixel_surrounds_its_centre():
    (polygon,) = outlines(Vertebra(np.ones((1, 1), dtype=bool), (7, 3), (7.5, 3.5)))
    np.testing.assert_allclose(polygon.mean(0), [7.5, 3.5])


def test_the_largest_part_comes_first_and_an_empty_mask_has_none():
    mask = np.zeros((20, 30), dtype=bool)
    mask[:3, :3] = mask[8:, 10:] = True
    assert outlines(Vertebra(mask, (0, 0), (15, 10)))[0].min(0).tolist() == [10, 8]
    assert outlines(Vertebra(np.zeros((1, 1), dtype=bool), (0, 0), (0.5, 0.5))) == []


def test_colours_tint_the_inside_and_nothing_far_away():
    vertebra = Vertebra(np.ones((40, 40), dtype=bool), (40, 60), (60, 80), "L1")
    picture = overlay(FILM, [vertebra])
    assert picture.shape == (200, 120, 3) and picture.dtype == np.uint8
    np.testing.assert_allclose(picture[80, 60], 0.65 * 100 + 0.35 * np.array(level_colour("L1")), atol=1)
    assert (picture[:50] == 100).all() and (picture[:, :30] == 100).all()
    assert (FILM == 100).all()


def test_names_are_white_on_black_and_move_left_at_the_border():
    right = overlay(FILM, [Vertebra(np.ones((30, 30), dtype=bool), (10, 60), (25, 75), "T12")])
    left = overlay(FILM, [Vertebra(np.ones((30, 30), dtype=bool), (88, 60), (103, 75), "T12")])
    for side in (right[60:90, 43:], left[60:90, :85]):
        assert (side > 200).all(-1).any() and (side < 20).all(-1).any()


def test_truth_is_an_outline_only():
    picture = overlay(FILM, [], [Vertebra(np.ones((40, 40), dtype=bool), (40, 60), (60, 80), "L1")])
    assert (picture[80, 60] == 100).all()
    assert (picture != 100).any()


def test_curves_are_drawn_beside_the_spine():
    film = np.full(SIZE, 100, dtype=np.uint8)
    plain, drawn = overlay(film, spine()), overlay(film, spine(), measured=measure_spine(spine()))
    assert plain.shape == (*SIZE, 3) and drawn.shape[0] >= SIZE[0] and drawn.shape[1] >= SIZE[1]
    assert (drawn == 255).sum() > (plain == 255).sum()
    straight = spine(np.zeros(17))
    np.testing.assert_array_equal(overlay(film, straight, measured=measure_spine(straight)), overlay(film, straight))


def test_long_films_shrink():
    picture = overlay(
        np.zeros((2 * MAX_SIDE, 800), dtype=np.uint8), [Vertebra(np.ones((400, 400), dtype=bool), (200, 400), (400, 600), "C2")]
    )
    assert picture.shape == (MAX_SIDE, 400, 3)
    assert picture[300, 200].any() and not picture[300, 50].any()


def test_neighbours_differ_in_colour():
    assert all(level_colour(a) != level_colour(b) for a, b in pairwise(LEVELS))


@pytest.mark.parametrize("origin", [(-20, -20), (110, 190)])
def test_masks_over_the_border_are_drawn(origin):
    picture = overlay(FILM, [Vertebra(np.ones((40, 40), dtype=bool), origin, (0, 0), None)])
    assert (picture != 100).any()
