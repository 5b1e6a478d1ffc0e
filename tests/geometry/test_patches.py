"""Patches against PyTorch and their own definition."""

from itertools import product

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.functional import interpolate

from spinefm.geometry.masks import paste_mask
from spinefm.geometry.patches import (
    PatchRule,
    crop_mask,
    crop_patch,
    film_patch,
    film_to_patch,
    paste_patch,
    patch_box,
    patch_to_film,
    resample_window,
)
from spinefm.structures import PatchBox
from tests.strategies import few, near, sides, vertebrae

boxes = st.builds(PatchBox, near, near, st.integers(2, 33))


def numbered(height, width):
    """A (1, H, W) film in which no two pixels are the same and none is 0."""
    return torch.arange(1.0, height * width + 1).reshape(1, height, width)


def covered(box, height, width):
    """(H, W): which pixels of the film lie in a patch, by its definition."""
    rows, columns = np.mgrid[:height, :width]
    return (rows >= box.y) & (rows < box.y + box.side) & (columns >= box.x) & (columns < box.x + box.side)


@few
@given(sides, sides, boxes)
def test_paste_undoes_crop_exactly(height, width, box):
    """Defect 5: crop truncates, paste rounds; up to 1 px shift, and odd sizes lose a pixel."""
    film = numbered(height, width)
    patch = crop_patch(film, box)
    assert patch.shape == (1, box.side, box.side)
    pasted = paste_patch(patch, box, height, width, fill=-1.0)
    inside = torch.from_numpy(covered(box, height, width))
    assert torch.equal(pasted, torch.where(inside, film, -1.0))


@few
@given(sides, sides, boxes)
def test_crop_undoes_paste_exactly(height, width, box):
    patch = numbered(box.side, box.side)
    again = crop_patch(paste_patch(patch, box, height, width), box)
    inside = crop_patch(torch.ones(1, height, width), box) == 1
    assert int(inside.sum()) == covered(box, height, width).sum()
    assert torch.equal(again, torch.where(inside, patch, 0.0))


@pytest.mark.parametrize("side", [2, 3, 8, 9])
def test_every_border(side):
    """Defect 5."""
    film = numbered(13, 10)
    for x, y in product(range(-12, 13), range(-12, 16)):
        box = PatchBox(x, y, side)
        pasted = paste_patch(crop_patch(film, box), box, 13, 10)
        assert torch.equal(pasted[0], torch.where(torch.from_numpy(covered(box, 13, 10)), film[0], 0.0))


def test_outside_the_film_a_patch_is_filled():
    patch = crop_patch(numbered(4, 4).to(torch.uint8), PatchBox(-2, 3, 4), fill=7)
    assert patch.dtype == torch.float32
    assert patch[0].tolist() == [[7, 7, 13, 14], [7] * 4, [7] * 4, [7] * 4]


@few
@given(sides, sides, boxes, st.integers(1, 40))
def test_a_film_patch_is_a_crop(height, width, box, size):
    assume(box.side < 4 * size or box.side % 2)
    film = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    expected = crop_patch(torch.from_numpy(film)[None], box, size)[0]
    assert torch.equal(film_patch(film, box, size), expected.clamp(0, 255))


@pytest.mark.parametrize("box", [PatchBox(40, 60, 256), PatchBox(-100, -30, 256), PatchBox(300, 350, 512), PatchBox(500, 0, 64)])
def test_a_halved_film_patch_is_nearly_a_crop(box):
    """Also where it reaches over the border."""
    film = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (400, 500)).astype(np.float32), (0, 0), 4)
    film = np.uint8(255 * (film - film.min()) / np.ptp(film))
    expected = crop_patch(torch.from_numpy(film)[None], box, 32)[0]
    assert (film_patch(film, box, 32) - expected).abs().max() < 8
    assert (film_patch(film, box, 32) - expected).abs().mean() < 1.5


def test_a_film_patch_goes_to_a_device():
    assert film_patch(np.zeros((9, 9), dtype=np.uint8), PatchBox(0, 0, 4), 4, torch.device("meta")).device.type == "meta"


@few
@given(st.integers(1, 40), st.integers(1, 60), st.data())
def test_a_resampled_window_is_a_part_of_pytorchs(size, side, data):
    values = torch.from_numpy(np.random.default_rng(size).normal(size=(size, size)).astype(np.float32))
    expected = interpolate(values[None, None], (side, side), mode="bilinear", antialias=True)[0, 0]
    bounds = [sorted(data.draw(st.tuples(st.integers(0, side), st.integers(0, side)))) for _ in range(2)]
    rows, columns = (slice(*each) for each in bounds)
    torch.testing.assert_close(resample_window(values, side, rows, columns), expected[rows, columns], rtol=1e-4, atol=1e-4)


@few
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 60))
def test_patch_box_is_the_nearest_one(x, y, side):
    box = patch_box((x, y), side)
    assert box.side >= 2
    assert box.side % 2 == 0
    assert abs(box.side - max(2, side)) <= 1
    # Half a pixel, and what rounding makes of it: -49.99999999999999 is 0.5000000000000071 away from -50.5.
    assert abs(box.x + box.side / 2 - x) <= 0.5 + 1e-12
    assert abs(box.y + box.side / 2 - y) <= 0.5 + 1e-12


def test_patch_rule():
    assert PatchRule(scale=3.0).side(20) == 60
    assert PatchRule(scale=3.0, pixels=300).side(20) == 300


@few
@given(boxes, st.integers(2, 64), arrays(np.float64, (5, 2), elements=st.floats(-100, 100)))
def test_patch_coordinates_round_trip(box, size, points):
    film = torch.from_numpy(points)
    assert torch.allclose(patch_to_film(film_to_patch(film, box, size), box, size), film, atol=1e-9)
    corners = torch.tensor([[box.x, box.y], [box.x + box.side, box.y + box.side]], dtype=torch.float64)
    assert torch.allclose(film_to_patch(corners, box, size), torch.tensor([[0, 0], [size, size]], dtype=torch.float64))


@pytest.mark.parametrize(("side", "size"), [(20, 20), (20, 40), (21, 64), (40, 20), (41, 16), (33, 32)])
def test_resized_pixels_lie_where_the_coordinates_say(side, size):
    """On a ramp, a pixel's value is the place it shows; at the rim the filter has nothing beyond to average with."""
    box = PatchBox(7, 5, side)
    columns = (torch.arange(80) + 0.5).expand(80, 80)
    patch = crop_patch(torch.stack([columns, columns.T]), box, size)
    ys, xs = torch.meshgrid(*[torch.arange(size) + 0.5] * 2, indexing="ij")
    expected = patch_to_film(torch.stack([xs, ys], dim=-1), box, size).permute(2, 0, 1)
    inner = slice(2, -2)
    assert torch.allclose(patch[:, inner, inner], expected[:, inner, inner], atol=0.05)
    pasted = paste_patch(patch, box, 80, 80)
    rows = slice(box.y + 6, box.y + side - 6), slice(box.x + 6, box.x + side - 6)
    assert torch.allclose(pasted[0][rows], columns[rows], atol=0.05)


def test_paste_wants_a_square():
    with pytest.raises(ValueError, match="Expected `patch` to be square"):
        paste_patch(torch.zeros(1, 3, 4), PatchBox(0, 0, 4), 10, 10)


@few
@given(vertebrae, boxes, st.integers(1, 30), st.integers(1, 30))
def test_masks_are_cropped_and_pasted_alike(vertebra, box, height, width):
    rows, columns = np.nonzero(vertebra.mask)
    full = np.zeros((height, width), dtype=bool)
    for x, y in zip(columns + vertebra.origin[0], rows + vertebra.origin[1], strict=True):
        if 0 <= x < width and 0 <= y < height:
            full[y, x] = True
    pasted = paste_mask(vertebra, (height, width))
    assert np.array_equal(pasted, full)
    on_film = torch.from_numpy(covered(box, height, width))
    by_crop = paste_patch(crop_mask(vertebra, box)[None], box, height, width)[0] > 0
    assert torch.equal(by_crop, torch.from_numpy(full) & on_film)
