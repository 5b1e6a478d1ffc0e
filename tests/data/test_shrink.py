"""Films shrink consistently: pixels, masks, points and spacing."""

import numpy as np
import pytest

from spinefm.data.shrink import shrink
from spinefm.geometry.masks import mask_to_vertebra
from spinefm.structures import Landmark, Radiograph

MARKS = (Landmark("S1", "top left", (40.0, 300.0)),)


def film(height=400, width=100, spacing_mm=0.2):
    mask = np.zeros((height, width), dtype=bool)
    mask[120:161, 30:71] = True
    return Radiograph("a", mask.astype(np.uint8) * 200, (mask_to_vertebra(mask, level="T1"),), spacing_mm=spacing_mm, landmarks=MARKS)


def test_everything_shrinks_together():
    original, small = film(), shrink(film(), 200)
    assert small.size == (200, 50)
    assert small.pixels.dtype == np.uint8
    assert small.spacing_mm == pytest.approx(0.4)
    assert small.landmarks == (Landmark("S1", "top left", (20.0, 150.0)),)
    vertebra = small.vertebrae[0]
    assert vertebra.level == "T1"
    assert vertebra.box == (15, 60, 36, 81)  # 40.5 half pixels on either axis: the last is half covered
    assert vertebra.centroid == pytest.approx([c / 2 for c in original.vertebrae[0].centroid])


@pytest.mark.parametrize("max_side", [399, 333, 257, 111, 64])
def test_masks_stay_on_their_pixels(max_side):
    small = shrink(film(), max_side)
    painted = np.zeros(small.size, dtype=bool)
    x0, y0, x1, y1 = small.vertebrae[0].box
    painted[y0:y1, x0:x1] = small.vertebrae[0].mask
    assert (painted != (small.pixels >= 100)).mean() < 0.002
    assert max(small.size) == max_side


@pytest.mark.parametrize("max_side", [None, 400, 1000])
def test_small_films_stay_as_they_are(max_side):
    original = film()
    assert shrink(original, max_side) is original


def test_vertebra_without_a_pixel_left_is_dropped():
    assert shrink(film(), 4).vertebrae == ()
