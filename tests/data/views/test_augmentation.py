"""Augmentation: reproducible, and masks go where their pixels go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.data.views.augmentation import augment, with_surroundings
from spinefm.structures import PatchBox


@pytest.fixture(scope="module")
def film():
    """A bright box on noise, and its mask."""
    pixels = np.random.default_rng(0).integers(0, 60, (80, 60), dtype=np.uint8)
    mask = np.zeros((80, 60), dtype=bool)
    mask[30:50, 10:35] = True
    pixels[mask] = 220
    return pixels, mask


def varied(film, seed, **options):
    pixels, mask = film
    return augment(pixels, [mask, ~mask], np.random.default_rng(seed), **options)


@pytest.mark.parametrize("options", [{}, {"max_rotation": 10.0, "max_zoom": 1.2}])
def test_the_same_generator_gives_the_same_film(film, options):
    first, first_masks = varied(film, 5, **options)
    varied(film, 6, **options)
    again, again_masks = varied(film, 5, **options)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_masks, again_masks)
    assert len({varied(film, seed, **options)[0].tobytes() for seed in range(20)}) > 10


def test_the_same_variation_with_and_without_masks(film):
    for seed in range(5):
        alone, masks = augment(film[0], [], np.random.default_rng(seed), 10.0, 1.2)
        assert masks == []
        np.testing.assert_array_equal(alone, varied(film, seed, max_rotation=10.0, max_zoom=1.2)[0])


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_masks_follow_their_pixels(film, seed):
    pixels, (mask, rest) = varied(film, seed, max_rotation=15.0, max_zoom=1.2)
    assert pixels.shape == film[0].shape and pixels.dtype == np.uint8
    assert mask.shape == rest.shape == film[1].shape and mask.dtype == rest.dtype == bool
    assert not (mask & rest).any()
    inside, outside = pixels[mask].mean(), pixels[rest].mean()
    # A few films are inverted, and noise, blur and gamma leave less than the original contrast of 190.
    assert abs(inside - outside) > 40
    bright = np.abs(pixels - inside) < np.abs(pixels - outside)
    assert (bright == mask)[mask | rest].mean() > 0.93


def test_without_rotation_the_geometry_is_only_mirrored(film):
    kinds = set()
    for seed in range(30):
        _, (mask, _) = varied(film, seed)
        kinds.add((np.array_equal(mask, film[1]), np.array_equal(mask, film[1][:, ::-1])))
    assert kinds == {(True, False), (False, True)}


def test_rotation_and_zoom_keep_their_bounds(film):
    areas = [varied(film, seed, max_rotation=5.0, max_zoom=1.2)[1][0].sum() / film[1].sum() for seed in range(60)]
    assert min(areas) < 0.9 and max(areas) > 1.1
    assert min(areas) > 1.2**-2 * 0.93 and max(areas) < 1.2**2 * 1.07


def test_width_and_height_are_zoomed_apart(film):
    """The shipped networks were trained so."""
    ratios = []
    for seed in range(60):
        rows, columns = np.nonzero(varied(film, seed, max_rotation=0.1, max_zoom=1.2)[1][0])
        ratios.append(np.ptp(columns) / np.ptp(rows) / (24 / 19))
    assert min(ratios) < 0.85 and max(ratios) > 1.15


def test_the_global_generators_are_left_alone(film):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    original = film[0].copy()
    varied(film, 1, max_rotation=10.0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.testing.assert_array_equal(film[0], original)


@given(size=st.integers(8, 300), rotation=st.floats(0, 90), zoom=st.floats(1, 1.5), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_with_its_surroundings_a_patch_has_no_empty_corner(size, rotation, zoom, seed):
    _, wide = with_surroundings(PatchBox(0, 0, 100), size, rotation, zoom)
    whole = np.ones((wide, wide), dtype=bool)
    _, (kept,) = augment(whole.astype(np.uint8), [whole], np.random.default_rng(seed), rotation, zoom, size)
    assert kept.shape == (size, size) and kept.all()


def test_surroundings_have_the_middle_and_the_scale_of_their_patch():
    box, size = with_surroundings(PatchBox(30, -10, 200), 100, 20.0, 1.1)
    assert (box.x + box.side / 2, box.y + box.side / 2) == (130, 90)
    assert box.side / size == pytest.approx(2, abs=0.02) and size > 130
    assert with_surroundings(PatchBox(30, -10, 200), 100, 0.0, 1.1) == (PatchBox(30, -10, 200), 100)
