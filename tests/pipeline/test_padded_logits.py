"""Logits of a patch on its film, against the film made in full."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from spinefm.geometry.centroids import weighted_centroid
from spinefm.geometry.masks import paste_mask
from spinefm.geometry.patches import paste_patch
from spinefm.pipeline.padded_logits import PaddedLogits, padded_logits
from spinefm.structures import PatchBox


def block(size, rows, columns, inside=6.0, outside=-6.0):
    logits = torch.full((size, size), outside)
    logits[rows, columns] = inside
    return logits


def in_full(logits, box, film_size, upsampling):
    """(H, W) logits of the film, float64."""
    enlarged = interpolate(logits[None, None].double(), (box.side, box.side), mode=upsampling)[0]
    return paste_patch(enlarged, box, *film_size, fill=float(enlarged.min()))[0]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(2, 30),
    st.integers(5, 40),
    st.integers(5, 40),
    st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["nearest", "bilinear"]),
    st.sampled_from([-4.0, 0.5, 2.2]),
)
def test_the_same_as_a_film_made_in_full(size, side, height, width, centre, seed, upsampling, logit):
    """The centroid weighs every pixel of the film, and a mask holds all that pass, wherever the patch lies."""
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, 4, (size, size)).astype(np.float32))
    box = PatchBox(round(centre[0] * width - side / 2), round(centre[1] * height - side / 2), side)
    film = in_full(logits, box, (height, width), upsampling)
    padded = padded_logits(logits, box, (height, width), upsampling)
    expected = weighted_centroid(film.sigmoid()[None])[0].tolist()
    assert padded.centroid(weigh_padding=True) == pytest.approx(expected, abs=1e-9)
    vertebra = padded.vertebra(logit, (1.0, 2.0))
    if vertebra is None:
        assert not (film > logit).any()
        return
    assert np.array_equal(paste_mask(vertebra, (height, width)), (film > logit).numpy())
    assert vertebra.centroid == (1.0, 2.0)


def test_the_background_pulls_the_centroid_to_the_middle_of_the_film():
    """Defect 8, reproduced: 100 sure pixels against 60 000 of which each has a probability of 0.0025 of being vertebra."""
    padded = padded_logits(block(30, slice(10, 20), slice(10, 20)), PatchBox(0, 0, 30), (300, 200))
    p, q = torch.tensor([6.0, -6.0], dtype=torch.float64).sigmoid().tolist()
    excess, ground = 100 * (p - q), 60_000 * q
    expected = [(15 * excess + middle * ground) / (excess + ground) for middle in (100, 150)]
    assert padded.centroid(weigh_padding=True) == pytest.approx(expected)
    assert expected[0] > 60
    assert padded.centroid(weigh_padding=False) == pytest.approx((15, 15))


def test_what_of_a_patch_lies_beyond_the_border_has_no_weight():
    logits = block(20, slice(0, 20), slice(0, 8), 6.0, -20.0)
    padded = padded_logits(logits, PatchBox(-4, 10, 20), (100, 100))
    assert padded.centroid(weigh_padding=True) == pytest.approx((2, 20), abs=1e-3)
    assert padded.vertebra(0.0, (2.0, 20.0)).box == (0, 10, 4, 30)


def test_the_padding_is_the_least_of_the_patch_also_where_that_is_off_the_film():
    logits = block(20, slice(0, 20), slice(0, 2), -9.0, -3.0)
    assert padded_logits(logits, PatchBox(-2, 10, 20), (100, 100)).padding == -9.0


def test_nothing_of_the_size_of_the_film_is_made():
    padded = padded_logits(block(30, slice(10, 20), slice(10, 20), 6.0, -60.0), PatchBox(500, 700, 30), (10**7, 10**7))
    assert padded.centroid(weigh_padding=True) == pytest.approx((515, 715), abs=1e-3)
    assert padded.vertebra(0.0, (515.0, 715.0)).mask.shape == (10, 10)


def test_nearest_invents_no_logits():
    logits = torch.tensor([[-6.0, 6.0], [-6.0, -6.0]])
    nearest = padded_logits(logits, PatchBox(0, 0, 5), (9, 9))
    assert set(nearest.patch.unique().tolist()) == {-6.0, 6.0}
    assert len(padded_logits(logits, PatchBox(0, 0, 5), (9, 9), "bilinear").patch.unique()) > 2


def test_a_patch_that_is_all_vertebra_makes_all_of_the_film_one():
    padded = padded_logits(torch.full((4, 4), 3.0), PatchBox(10, 10, 8), (50, 40))
    vertebra = padded.vertebra(2.9, (20.0, 25.0))
    assert (vertebra.box, vertebra.mask.all()) == ((0, 0, 40, 50), True)
    assert padded.centroid(weigh_padding=True) == pytest.approx((20, 25))
    assert padded.vertebra(3.0, (20.0, 25.0)) is None


def test_all_parts_with_their_holes_unless_only_the_largest_is_wanted():
    logits = block(12, slice(1, 8), slice(1, 8))
    logits[3:5, 3:5] = -6.0
    logits[9:12, 9:12] = 6.0
    padded = padded_logits(logits, PatchBox(0, 0, 12), (12, 12))
    assert padded.vertebra(0.0, (6.0, 6.0)).mask.sum() == 49 - 4 + 9
    largest = padded.vertebra(0.0, (6.0, 6.0), largest=True)
    assert (largest.box, largest.mask.sum()) == ((1, 1, 8, 8), 49)


def test_confidence_is_the_mean_probability_inside():
    logits = torch.tensor([[2.0, 1.0], [-1.0, -2.0]])
    found = PaddedLogits(logits.double(), (0, 0), -2.0, (9, 9)).vertebra(0.5, (1.0, 0.5))
    assert found.confidence == pytest.approx(torch.tensor([2.0, 1.0]).sigmoid().mean().item())


@pytest.mark.parametrize("logits", [torch.full((8, 8), -3.0), torch.full((8, 8), torch.nan)])
def test_empty_masks_are_none(logits):
    assert padded_logits(logits, PatchBox(0, 0, 8), (20, 20)).vertebra(2.2, (4.0, 4.0)) is None
