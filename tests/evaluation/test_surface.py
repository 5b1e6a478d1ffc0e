"""Distances of outlines against MONAI's and against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

from spinefm.evaluation.surface import surface_distances
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.structures import Vertebra

SIZE = (24, 20)
masks = arrays(bool, SIZE).filter(np.any)


def square(x, y, side=10):
    return Vertebra(np.ones((side, side), dtype=bool), (x, y), (x + side / 2, y + side / 2))


def test_equal_masks_are_no_distance_apart():
    assert surface_distances(square(3, 4), square(3, 4)) == (0.0, 0.0)


def test_a_square_moved_sideways():
    """Three pixels wide and moved by one: either edge has eight pixels, of which one column of three has no pixel of the other on it."""
    first, second = square(0, 0, 3), square(1, 0, 3)
    # The left column of the first is 1 away, its middle column lies on the other's left one (2 ends and the middle), and so on.
    assert surface_distances(first, second) == (1.0, pytest.approx((3 * 1 + 1 * 1) * 2 / 16))


def test_two_pixels():
    assert surface_distances(square(0, 0, 1), square(3, 4, 1)) == (5.0, 5.0)


@settings(max_examples=60, deadline=None)
@given(masks, masks, st.tuples(st.integers(-5, 90), st.integers(-5, 90)))
def test_both_are_monais(first, second, offset):
    vertebrae = [mask_to_vertebra(mask, offset) for mask in (first, second)]
    one_hot = [torch.from_numpy(np.pad(mask, 2))[None, None].float() for mask in (first, second)]
    hd95, mean = surface_distances(*vertebrae)
    assert hd95 == pytest.approx(compute_hausdorff_distance(*one_hot, include_background=True, percentile=95).item(), abs=1e-5)
    average = compute_average_surface_distance(*one_hot, include_background=True, symmetric=True).item()
    assert mean == pytest.approx(average, abs=1e-5)
    assert surface_distances(*reversed(vertebrae)) == pytest.approx((hd95, mean))


def test_masks_far_apart_and_off_the_film():
    hd95, mean = surface_distances(square(-4, 0, 2), square(96, 0, 2))
    assert (hd95, mean) == (pytest.approx(100.0, abs=1), pytest.approx(99.5, abs=1))
    assert paste_mask(square(-4, 0, 2), (5, 5)).sum() == 0
