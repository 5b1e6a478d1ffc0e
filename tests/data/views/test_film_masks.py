"""Whole films in one frame, with one mask of vertebrae that are drawn apart."""

import numpy as np
import pytest
import torch
from skimage.measure import label

from spinefm.data.views import FilmMaskView
from spinefm.data.views.film_masks import vertebra_labels
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.masks import paste_mask

FRAME = (160, 96)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(160, 96), (320, 192), (150, 200)])
def test_films_of_any_size_come_in_one_frame(make_film, training, size):
    view = FilmMaskView([make_film(size=size)], training, 0, FRAME, 1)
    for epoch in range(6):
        film, mask = view[ItemKey(epoch, 0)]
        assert film.shape == (1, *FRAME) and mask.shape == FRAME
        assert film.dtype == mask.dtype == torch.float32
        assert film.min() >= 0 and 0.3 < film.max() <= 1 and set(mask.unique().tolist()) == {0, 1}


@pytest.mark.parametrize("options", [{"training": False}, {"training": True, "augment": False}])
def test_without_augmentation_film_and_mask_are_as_annotated(make_film, options):
    film = make_film()
    pixels, mask = FilmMaskView([film], seed=0, frame_size=FRAME, margin=0, **options)[ItemKey(3, 0)]
    np.testing.assert_array_equal((pixels[0] * 255).round().numpy(), film.pixels)
    np.testing.assert_array_equal(mask.numpy() > 0, np.any([paste_mask(vertebra, film.size) for vertebra in film.vertebrae], axis=0))


@pytest.mark.parametrize("spacing", [12, 10, 14])
def test_each_vertebra_is_a_part_of_its_own(make_film, spacing):
    """Of 12 pixels each: they touch, overlap, or lie 2 pixels apart."""
    _, mask = FilmMaskView([make_film(spacing=spacing)], False, 0, FRAME, 1)[ItemKey(0, 0)]
    assert label(mask.numpy() > 0, connectivity=1).max() == 7


def test_the_mask_moves_with_the_film(make_film):
    view, seen = FilmMaskView([make_film()], True, 0, FRAME, 1), set()
    for epoch in range(12):
        film, mask = view[ItemKey(epoch, 0)]
        seen.add(int((mask.flatten() * torch.arange(mask.numel())).sum()))
        # A film may be inverted; its vertebrae stand out all the same.
        assert abs(film[0][mask > 0].mean() - film[0][mask == 0].mean()) > 0.1
    assert len(seen) > 5


def test_a_film_without_vertebrae_has_an_empty_mask(make_film):
    assert not FilmMaskView([make_film(levels=())], True, 0, FRAME, 1)[ItemKey(0, 0)][1].any()


def test_labels_count_vertebrae_from_head_to_foot(make_film):
    film = make_film()
    labels = vertebra_labels(film)
    assert labels.dtype == np.uint8
    for number, vertebra in enumerate(film.vertebrae, start=1):
        np.testing.assert_array_equal(labels == number, paste_mask(vertebra, film.size))
