"""From logits to a vertebra."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from torch.nn.functional import interpolate

from spinefm.geometry.masks import paste_mask
from spinefm.pipeline.postprocess import largest_part, patch_vertebra
from spinefm.structures import PatchBox


def logits_of(mask, inside=6.0, outside=-6.0):
    return torch.where(torch.as_tensor(mask), inside, outside)


def block(size, rows, columns):
    mask = np.zeros((size, size), dtype=bool)
    mask[rows, columns] = True
    return mask


def test_mask_centroid_and_confidence():
    vertebra = patch_vertebra(logits_of(block(20, slice(4, 9), slice(6, 14))), PatchBox(100, 50, 20), (200, 300))
    assert (vertebra.box, vertebra.mask.all()) == ((106, 54, 114, 59), True)
    assert vertebra.centroid == pytest.approx((110, 56.5), abs=1e-4)
    assert vertebra.confidence == pytest.approx(1 / (1 + np.exp(-6)))
    assert vertebra.level is None


@pytest.mark.parametrize("x", [-10, 30, 85])
@pytest.mark.parametrize("outside", [-6.0, -0.5])
def test_neither_background_nor_padding_pulls_the_centroid(x, outside):
    """Defect 8: with padding logits of -6 over the full film the background weighs 0.3-0.5 of a vertebra."""
    mask = block(30, slice(2, 12), slice(12, 18))
    vertebra = patch_vertebra(logits_of(mask, outside=outside), PatchBox(x, 400, 30), (1000, 103))
    assert vertebra.centroid == pytest.approx((x + 15, 407), abs=1e-3)


def test_probable_pixels_weigh_more():
    logits = logits_of(block(10, slice(4, 6), slice(2, 8)))
    logits[4:6, 2:5] = 0.5
    p, q = torch.tensor([0.5, 6.0], dtype=torch.float64).sigmoid().tolist()
    vertebra = patch_vertebra(logits, PatchBox(0, 0, 10), (10, 10))
    assert vertebra.centroid == pytest.approx(((3.5 * p + 6.5 * q) / (p + q), 5.0), abs=1e-5)
    assert vertebra.confidence == pytest.approx((p + q) / 2)


@pytest.mark.parametrize(("threshold", "width"), [(0.5, 6), (0.62, 4), (0.9, 2)])
def test_the_threshold_is_a_probability(threshold, width):
    """Defect 4: logits are compared with 0.5, a probability of 0.62, where other places mean probabilities."""
    logits = torch.full((10, 10), -6.0)
    for probability, columns in ((0.6, slice(2, 8)), (0.8, slice(3, 7)), (0.95, slice(4, 6))):
        logits[4:6, columns] = torch.tensor(probability).logit()
    vertebra = patch_vertebra(logits, PatchBox(0, 0, 10), (10, 10), threshold)
    assert vertebra.mask.shape == (2, width)


@pytest.mark.parametrize("logits", [torch.full((8, 8), -3.0), torch.full((8, 8), torch.nan)])
def test_empty_masks_are_none(logits):
    """Defect 6: an empty mask raises IndexError."""
    assert patch_vertebra(logits, PatchBox(0, 0, 8), (20, 20)) is None
    assert patch_vertebra(logits, PatchBox(0, 0, 19), (20, 20)) is None


@pytest.mark.parametrize("box", [PatchBox(-8, 0, 8), PatchBox(20, 0, 8), PatchBox(0, -9, 8), PatchBox(0, 20, 8)])
def test_a_mask_beside_the_film_is_none(box):
    assert patch_vertebra(torch.full((8, 8), 6.0), box, (20, 20)) is None


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 24).flatmap(lambda side: st.tuples(arrays(bool, (side, side)), st.integers(-30, 30), st.integers(-30, 30))),
    st.integers(5, 25),
    st.integers(5, 25),
)
def test_nothing_moves_and_nothing_lies_outside(patch, height, width):
    """Defect 5."""
    mask, x, y = patch
    box = PatchBox(x, y, len(mask))
    full = np.zeros((height, width), dtype=bool)
    for row, column in np.argwhere(mask):
        if 0 <= row + y < height and 0 <= column + x < width:
            full[row + y, column + x] = True
    vertebra = patch_vertebra(logits_of(mask), box, (height, width))
    if not full.any():
        assert vertebra is None
        return
    x0, y0, x1, y1 = vertebra.box
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    found = paste_mask(vertebra, (height, width))
    parts, _ = ndimage.label(full, np.ones((3, 3)))
    number = parts[found & full][0]
    assert np.array_equal(found, ndimage.binary_fill_holes(parts == number))
    assert (parts == number).sum() == np.bincount(parts.ravel())[1:].max()


@pytest.mark.parametrize(("size", "side"), [(32, 61), (64, 40), (33, 32)])
def test_resized_logits_stay_in_place(size, side):
    mask = block(size, slice(size // 4, size // 2), slice(size // 8, size // 2))
    vertebra = patch_vertebra(logits_of(mask), PatchBox(10, 10, side), (200, 200))
    scale = side / size
    rows, columns = np.nonzero(mask)
    expected = (10 + (columns.mean() + 0.5) * scale, 10 + (rows.mean() + 0.5) * scale)
    assert vertebra.centroid == pytest.approx(expected, abs=0.5)
    assert vertebra.mask.sum() == pytest.approx(mask.sum() * scale**2, rel=0.1)


@pytest.mark.parametrize(("size", "side"), [(48, 300), (48, 30), (256, 60), (16, 700)])
def test_enlarging_a_window_is_enlarging_the_patch(size, side):
    """The largest part of a blurred map, cut by the film's border, against what the whole patch would give."""
    noise = ndimage.gaussian_filter(np.random.default_rng(side).normal(size=(size, size)), size / 12).astype(np.float32)
    ring = np.hypot(*(np.mgrid[:size, :size] + 0.5 - size / 2)) / size
    logits = torch.from_numpy(40 * noise + np.float32(12) * (ring < 0.3) - np.float32(9)).float()
    box, film_size = PatchBox(-side // 5, 7, side), (side, side * 3 // 4)
    vertebra = patch_vertebra(logits, box, film_size)

    whole = interpolate(logits[None, None], (side, side), mode="bilinear", antialias=True)[0, 0].numpy()
    canvas = np.full((4 * side, 4 * side), -9.0, dtype=np.float32)
    canvas[side + box.y : side + box.y + side, side + box.x : side + box.x + side] = whole
    film = canvas[side : side + film_size[0], side : side + film_size[1]]
    expected = largest_part(film > 0)
    found = paste_mask(vertebra, film_size)
    assert (found & expected).sum() / (found | expected).sum() > 0.97
    weights = torch.from_numpy(film).sigmoid().numpy() * found
    rows, columns = np.mgrid[: film_size[0], : film_size[1]] + 0.5
    centroid = ((columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum())
    assert vertebra.centroid == pytest.approx(centroid, abs=0.02 * side)
    assert vertebra.confidence == pytest.approx(weights.sum() / found.sum(), abs=0.02)


def test_the_largest_part_without_holes():
    mask = block(12, slice(1, 8), slice(1, 8)) | block(12, slice(9, 12), slice(9, 12))
    mask[3:5, 3:5] = False
    assert np.array_equal(largest_part(mask), block(12, slice(1, 8), slice(1, 8)))
    assert not largest_part(np.zeros((4, 4), dtype=bool)).any()
    diagonal = np.eye(3, dtype=bool)
    assert np.array_equal(largest_part(diagonal), diagonal)


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_largest_part_is_scipys(mask):
    parts, number = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())[1:]
    found = largest_part(mask)
    fitting = [ndimage.binary_fill_holes(parts == part) for part in range(1, number + 1) if sizes[part - 1] == sizes.max()]
    assert any(np.array_equal(found, each) for each in fitting or [mask])
