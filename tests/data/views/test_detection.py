"""The detector's view: boxes and masks that fit."""

import numpy as np
import pytest
import torch

from spinefm.data.views import DetectionView
from spinefm.data.views.detection import detection_target
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.masks import paste_mask


@pytest.mark.parametrize("training", [True, False])
def test_boxes_enclose_their_masks_tightly(make_film, training):
    view = DetectionView([make_film("a"), make_film("b", size=(140, 110))], training, seed=0)
    assert len(view) == 2
    for epoch in range(6):
        for index in range(2):
            film, target = view[ItemKey(epoch, index)]
            assert film.shape == (1, *view.films[index].size) and film.dtype == torch.float32
            assert film.min() >= 0 and 0.5 < film.max() <= 1
            assert target["masks"].shape == (len(target["boxes"]), *film.shape[1:]) and target["masks"].dtype == torch.uint8
            assert target["labels"].tolist() == [1] * len(target["boxes"])
            for mask, box in zip(target["masks"].numpy(), target["boxes"].tolist(), strict=True):
                rows, columns = np.nonzero(mask)
                assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("options", [{"training": False}, {"training": True, "augment": False}])
def test_without_training_or_augmentation_film_and_masks_are_as_annotated(make_film, options):
    film = make_film()
    pixels, target = DetectionView([film], seed=0, **options)[ItemKey(0, 0)]
    np.testing.assert_array_equal((pixels[0] * 255).round().numpy(), film.pixels)
    assert len(target["boxes"]) == 7
    for mask, box, vertebra in zip(target["masks"].numpy(), target["boxes"].tolist(), film.vertebrae, strict=True):
        np.testing.assert_array_equal(mask.astype(bool), paste_mask(vertebra, film.size))
        assert box == list(vertebra.box)


def test_masks_move_with_the_film(make_film):
    view = DetectionView([make_film()], training=True, seed=0)
    boxes = set()
    for epoch in range(12):
        pixels, target = view[ItemKey(epoch, 0)]
        boxes.add(tuple(target["boxes"].flatten().tolist()))
        inside = target["masks"].bool().any(0)
        # A film may be inverted; its vertebrae stand out all the same.
        assert abs(pixels[0][inside].mean() - pixels[0][~inside].mean()) > 0.15
    assert len(boxes) > 5


def test_a_vertebra_that_left_the_film_is_dropped():
    there, gone = np.zeros((10, 12), dtype=bool), np.zeros((10, 12), dtype=bool)
    there[2:5, 3] = True
    target = detection_target([gone, there], (10, 12))
    assert target["boxes"].tolist() == [[3, 2, 4, 5]] and target["labels"].tolist() == [1]
    np.testing.assert_array_equal(target["masks"][0].numpy().astype(bool), there)


def test_a_film_without_vertebrae_has_an_empty_target(make_film):
    _, target = DetectionView([make_film(levels=())], training=True, seed=0)[ItemKey(0, 0)]
    assert {key: tuple(value.shape) for key, value in target.items()} == {"boxes": (0, 4), "labels": (0,), "masks": (0, 160, 96)}
    assert target["boxes"].dtype == torch.float32 and target["labels"].dtype == torch.int64
