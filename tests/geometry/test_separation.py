"""Vertebrae drawn apart, and grown back."""

import numpy as np
import pytest

from spinefm.geometry.masks import mask_dice, mask_to_vertebra, paste_mask
from spinefm.geometry.separation import drawn_apart, grown_parts


def blocks(*boxes, size=(60, 40)):
    """Labels 1, 2, ... in boxes (x0, y0, x1, y1)."""
    labels = np.zeros(size, dtype=np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes, start=1):
        labels[y0:y1, x0:x1] = number
    return labels


def parts_of(labels, margin, threshold=0.5, min_area_share=0.0):
    return grown_parts(0.9 * drawn_apart(labels, margin).astype(np.float32), threshold, margin, min_area_share)


@pytest.mark.parametrize("margin", [1, 2, 3])
@pytest.mark.parametrize("gap", [0, 1, 5])
def test_neighbours_come_back_apart_and_nearly_as_large(margin, gap):
    labels = blocks((8, 4, 30, 20), (9, 20 + gap, 31, 36 + gap))
    found = sorted(parts_of(labels, margin), key=lambda part: part.centroid[1])
    assert len(found) == 2 and not (paste_mask(found[0], labels.shape) & paste_mask(found[1], labels.shape)).any()
    for part, number in zip(found, (1, 2), strict=True):
        assert mask_dice(part, mask_to_vertebra(labels == number)) > 0.97  # corners are rounded
        assert part.confidence == pytest.approx(0.9)


def test_without_a_margin_masks_are_as_they_were():
    labels = blocks((8, 4, 30, 20), (8, 25, 30, 40))
    np.testing.assert_array_equal(drawn_apart(labels, 0), labels > 0)
    (upper, _) = sorted(parts_of(labels, 0), key=lambda part: part.centroid[1])
    np.testing.assert_array_equal(paste_mask(upper, labels.shape), labels == 1)


def test_the_border_of_the_image_takes_nothing_away():
    labels = blocks((0, 0, 40, 12))
    assert drawn_apart(labels, 2)[:10].all() and not drawn_apart(labels, 2)[10:].any()


def test_overlapping_vertebrae_are_apart():
    assert len(parts_of(blocks((8, 4, 30, 20), (8, 14, 30, 36)), 2)) == 2


def test_of_two_that_grow_together_each_gets_the_nearer_half():
    probabilities = np.zeros((30, 20), dtype=np.float32)
    probabilities[5:10, 5:15] = probabilities[12:17, 5:15] = 1
    (upper, lower) = sorted(grown_parts(probabilities, 0.5, 4, 0.0), key=lambda part: part.centroid[1])
    assert upper.box[3] == lower.box[1] == 11


def test_parts_that_touch_at_a_corner_are_two():
    probabilities = np.zeros((20, 20), dtype=np.float32)
    probabilities[2:8, 2:8] = probabilities[8:14, 8:14] = 1
    assert len(grown_parts(probabilities, 0.5, 0, 0.0)) == 2


@pytest.mark.parametrize(("share", "number"), [(0.0, 4), (0.1, 3), (0.5, 3), (1.0, 2)])
def test_parts_much_smaller_than_the_median_are_dropped(share, number):
    labels = blocks((2, 2, 22, 12), (2, 14, 22, 24), (2, 26, 22, 34), (30, 2, 34, 5))
    assert len(parts_of(labels, 0, min_area_share=share)) == number


def test_confidence_is_the_mean_probability():
    probabilities = np.zeros((20, 20), dtype=np.float32)
    probabilities[2:8, 2:8], probabilities[2:8, 2:5] = 0.6, 0.8
    (part,) = grown_parts(probabilities, 0.5, 2, 0.3)
    assert part.confidence == pytest.approx(0.7)


def test_nothing_in_nothing():
    assert grown_parts(np.zeros((20, 20), dtype=np.float32), 0.5, 2, 0.3) == []
    assert not drawn_apart(np.zeros((20, 20), dtype=np.uint8), 2).any()
