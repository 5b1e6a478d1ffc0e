"""Four corners in the order around a vertebra, whatever order and names they came in."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spinefm.data.reading.corners import is_collapsed, is_ring, ordered_ring
from tests.layouts.quads import quad

ORDERS = [list(order) for order in permutations(range(4))]
QUARTER_TURNS = [[1, 2, 3, 0], [3, 0, 1, 2]]
"""A top that leans on its side: which of two neighbouring edges is the top, a mask does not depend on."""


@st.composite
def rings(draw, max_degrees=25):
    """Convex quads of a vertebra's shape, turned, each corner up to a tenth of the shorter side away from a rectangle's."""
    # Integers, as hypothesis rarely tries floats far from round ones.
    width, height, x, y = (draw(st.integers(low, high)) for low, high in ((20, 90), (20, 60), (0, 2000), (0, 2000)))
    degrees = draw(st.integers(-max_degrees, max_degrees))
    shifts = np.reshape([draw(st.integers(-7, 7)) for _ in range(8)], (4, 2))
    return quad((x, y), width, height, degrees) + 0.01 * min(width, height) * shifts


@given(rings(), st.sampled_from(ORDERS))
@example(quad((50, 50), 90, 20, 25), ORDERS[0]).via("so flat and tilted that its bottom left corner stands above its centre")
@example(quad((50, 50), 90, 20, -25), ORDERS[0]).via("the top left one below")
def test_any_order_is_put_right(ring, order):
    np.testing.assert_array_equal(ordered_ring(ring[order]), ring)


@given(rings(max_degrees=180), st.sampled_from(ORDERS))
def test_a_vertebra_on_its_side_keeps_its_outline(ring, order):
    found = ordered_ring(ring[order])
    assert any(np.array_equal(found, np.roll(ring, turn, axis=0)) for turn in range(4))


@settings(deadline=None)
@given(rings())
def test_of_all_orders_only_the_one_around_from_the_top_is_a_ring(ring):
    accepted = [order for order in ORDERS if is_ring(ring[order])]
    assert [0, 1, 2, 3] in accepted
    assert all(order == [0, 1, 2, 3] or order in QUARTER_TURNS for order in accepted)


def test_upright_rings_have_one_order():
    ring = quad((50, 50), 30, 20)
    assert [order for order in ORDERS if is_ring(ring[order])] == [[0, 1, 2, 3]]


@pytest.mark.parametrize("degrees", [-80, -55, 55, 80])
def test_strongly_tilted_vertebrae_are_rings(degrees):
    assert is_ring(quad((50, 50), 30, 20, degrees))
    assert not is_ring(quad((50, 50), 30, 20, degrees + 180))


@given(rings())
def test_vertebrae_are_not_collapsed(ring):
    assert not is_collapsed(ring)


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (30, 0), (30, 20), (30, 20)],
        [(0, 0), (30, 0), (30, 1), (0, 1)],
        [(0, 0), (30, 0), (8, 6), (0, 20)],
        [(0, 0), (15, 0), (30, 0), (0, 20)],
        [(0, 0), (10, 0), (20, 0), (30, 0)],
    ],
    ids=["two corners in one place", "flat", "a corner inside", "three on a line", "all on a line"],
)
def test_what_no_order_makes_a_vertebra_is_collapsed(ring):
    for order in ORDERS:
        assert is_collapsed(ordered_ring(np.array(ring, dtype=np.float64)[order]))
