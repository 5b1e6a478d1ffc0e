"""Masks against scipy, scikit-image and full-size numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.draw import polygon2mask

from spinefm.geometry.masks import clear_beyond, mask_dice, mask_iou, mask_to_vertebra, paste_mask, polygon_to_vertebra
from spinefm.structures import Vertebra
from tests.strategies import few, masks, near, vertebrae


def edge_distances(polygon, rows, columns):
    """(H, W) distance of each pixel's centre to the nearest edge."""
    points = np.stack([columns + 0.5, rows + 0.5], axis=-1)
    distances = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        share = ((points - a) @ (b - a)) / max((b - a) @ (b - a), 1e-12)
        distances.append(np.linalg.norm(points - a - np.clip(share, 0, 1)[..., None] * (b - a), axis=-1))
    return np.min(distances, axis=0)


@few
@given(masks, st.tuples(near, near))
def test_mask_to_vertebra_crops_to_the_content(mask, offset):
    vertebra = mask_to_vertebra(mask, offset, level="L1", confidence=0.5)
    if not mask.any():
        assert vertebra is None
        return
    height, width = mask.shape
    moved = Vertebra(vertebra.mask, (vertebra.origin[0] - offset[0], vertebra.origin[1] - offset[1]), (0, 0))
    assert np.array_equal(paste_mask(moved, (height, width)), mask)
    assert all(vertebra.mask.any(axis)[[0, -1]].all() for axis in (0, 1))
    y, x = ndimage.center_of_mass(mask)
    assert vertebra.centroid == pytest.approx((x + 0.5 + offset[0], y + 0.5 + offset[1]))
    assert (vertebra.level, vertebra.confidence) == ("L1", 0.5)


polygons = st.integers(3, 6).flatmap(lambda corners: arrays(np.float64, (corners, 2), elements=st.floats(-8, 30)))


@few
@given(polygons)
def test_polygons_are_filled_as_by_scikit_image(polygon):
    """Bow-ties, specks and what reaches over the border among them."""
    size = (21, 24)
    expected = polygon2mask(size, polygon[:, ::-1] - 0.5)
    vertebra = polygon_to_vertebra(polygon, size)
    found = np.zeros(size, dtype=bool) if vertebra is None else paste_mask(vertebra, size)
    decided = edge_distances(polygon, *np.mgrid[: size[0], : size[1]]) > 1e-6
    assert np.array_equal(found[decided], expected[decided])


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, 2.5])
def test_area_and_centre_of_a_filled_polygon(angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    polygon = np.array([(-30, -20), (30, -22), (31, 21), (-29, 20)]) @ turn.T + (60.3, 50.7)
    vertebra = polygon_to_vertebra(polygon, (110, 120), "L3")
    x, y = polygon.T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    centre = [((x + np.roll(x, -1)) * cross).sum() / (3 * cross.sum()), ((y + np.roll(y, -1)) * cross).sum() / (3 * cross.sum())]
    assert vertebra.mask.sum() == pytest.approx(abs(cross.sum()) / 2, rel=0.01)
    assert vertebra.centroid == pytest.approx(centre, abs=0.1)


def test_a_rectangle_of_whole_pixels_is_exact():
    vertebra = polygon_to_vertebra([(3, 2), (9, 2), (9, 7), (3, 7)], (20, 20), "C3")
    assert (vertebra.box, vertebra.mask.all(), vertebra.centroid) == ((3, 2, 9, 7), True, (6.0, 4.5))


@pytest.mark.parametrize("shift", [(-50, 0), (50, 0), (0, -50), (0, 50)])
def test_a_polygon_beside_the_film_is_no_vertebra(shift):
    assert polygon_to_vertebra(np.array([(3, 2), (9, 2), (9, 7)]) + shift, (20, 20)) is None


@few
@given(vertebrae, vertebrae)
def test_dice_and_iou_are_those_of_full_size_masks(first, second):
    a, b = (paste_mask(Vertebra(v.mask, (v.origin[0] + 20, v.origin[1] + 20), v.centroid), (70, 70)) for v in (first, second))
    assert mask_iou(first, second) == pytest.approx((a & b).sum() / (a | b).sum())
    assert mask_dice(first, second) == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert mask_iou(first, second) == mask_iou(second, first)
    assert mask_iou(first, first) == mask_dice(first, first) == 1.0


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
def test_what_reaches_over_the_border_is_cleared(dtype):
    kept = clear_beyond(torch.ones(5, 5, dtype=dtype), (-1, 7), (10, 3))
    assert kept.nonzero().tolist() == [[row, column] for row in range(3) for column in range(1, 4)]
