"""Films go on beyond their edges: as they were within, without a seam, and with no vertebra to be seen farther out."""

import cv2
import numpy as np
import pytest

from spinefm.data.views.surroundings import BEYOND, any_margins, margins_within, surround
from spinefm.structures import PatchBox

MARGINS = (30, 0, 50, 20)


@pytest.fixture
def ribs():
    """Bright bars, as far apart as vertebrae."""
    pixels = np.full((120, 80), 60, dtype=np.uint8)
    pixels[np.arange(120) % 20 < 10] = 180
    return pixels


@pytest.mark.parametrize("seed", range(5))
def test_the_film_is_there_as_it_was(ribs, seed):
    surrounded = surround(ribs, MARGINS, 20.0, np.random.default_rng(seed))
    assert surrounded.shape == (150, 150) and surrounded.dtype == np.uint8
    np.testing.assert_array_equal(surrounded[30:, 50:130], ribs)
    np.testing.assert_array_equal(surrounded, surround(ribs, MARGINS, 20.0, np.random.default_rng(seed)))


def test_without_margins_nothing_changes(ribs):
    np.testing.assert_array_equal(surround(ribs, (0, 0, 0, 0), 20.0, np.random.default_rng(0)), ribs)


def test_what_is_beside_it_is_out_of_focus(ribs):
    far = [surround(ribs, (0, 0, 60, 0), 20.0, np.random.default_rng(seed))[:, :40].astype(float) for seed in range(30)]
    left = [each.std(0).mean() / ribs.std() for each in far]
    assert np.mean(left) < 0.25 and max(left) < 0.4
    assert np.std([each.mean() for each in far]) > 10  # and brighter or darker each time


def test_there_is_a_seam_of_any_width_up_to_a_spacing(ribs):
    steps = []
    for seed in range(30):
        surrounded = surround(ribs, (0, 0, 60, 0), 20.0, np.random.default_rng(seed)).astype(float)
        mirrored = cv2.copyMakeBorder(ribs, 0, 0, 60, 0, cv2.BORDER_REFLECT_101).astype(float)
        steps.append(np.abs(surrounded - mirrored).max(0)[59])
        assert np.abs(surrounded - mirrored)[:, :38].max() > 20
    assert min(steps) < 8 and max(steps) > 20


@pytest.mark.parametrize("size", [(1, 1), (2, 90)])
def test_a_sliver_of_a_film_goes_on_as_well(size):
    pixels = np.full(size, 100, dtype=np.uint8)
    assert surround(pixels, (40, 40, 40, 40), 25.0, np.random.default_rng(0)).shape == (size[0] + 80, size[1] + 80)


def test_margins_are_up_to_half_of_the_film():
    margins = np.array([any_margins((200, 100), np.random.default_rng(seed)) for seed in range(200)])
    assert margins.min() == 0
    np.testing.assert_allclose(margins.max(0), BEYOND * np.array([200, 200, 100, 100]), rtol=0.05)


@pytest.mark.parametrize(
    ("box", "patch_size", "margins"),
    [
        (PatchBox(10, 10, 50), 50, (0, 0, 0, 0)),
        (PatchBox(-10, 60, 60), 60, (0, 21, 11, 0)),
        (PatchBox(-10, -20, 120), 60, (11, 0, 6, 6)),
        (PatchBox(100, 10, 40), 40, None),
        (PatchBox(99, 10, 40), 40, None),
        (PatchBox(-200, -200, 40), 40, None),
    ],
)
def test_how_much_of_a_patch_lies_beyond_the_film(box, patch_size, margins):
    assert margins_within(box, (100, 100), patch_size) == margins
