"""The detector's view: boxes and masks that fit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.data.views import DetectionView
from spinefm.data.views.detection import LEAST_VERTEBRAE, detection_target, part_of, with_more_around
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


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_training_shows_a_part_of_as_many_films_as_told(make_film, share):
    film = make_film()
    view = DetectionView([film], training=True, seed=0, cut=share)
    parts = [view[ItemKey(epoch, 0)][0].shape[1:] != film.size for epoch in range(60)]
    assert np.mean(parts) == pytest.approx(share, abs=0.15)


@pytest.mark.parametrize("fault", ["empty", "upside down"])
def test_no_part_of_a_film_whose_vertebrae_do_not_follow_each_other_downwards(make_film, fault):
    film = make_film()
    if fault == "empty":
        gone = replace(film.vertebrae[2], mask=np.zeros_like(film.vertebrae[2].mask))
        film = replace(film, vertebrae=(*film.vertebrae[:2], gone, *film.vertebrae[3:]))
    else:
        film = replace(film, vertebrae=film.vertebrae[::-1])
    view = DetectionView([film], True, 0, cut=1.0)
    assert all(view[ItemKey(epoch, 0)][0].shape[1:] == film.size for epoch in range(5))


def test_no_part_of_too_few_vertebrae_and_none_without_training(make_film):
    few, whole = make_film(levels=("L1", "L2", "L3")), make_film()
    for view in (
        DetectionView([few], True, 0, cut=1.0),
        DetectionView([whole], False, 0, cut=1.0),
        DetectionView([whole], True, 0, False, 1.0),
    ):
        assert all(view[ItemKey(epoch, 0)][0].shape[1:] == view.films[0].size for epoch in range(5))


def test_a_part_shows_vertebrae_one_after_the_other_where_they_lie(make_film):
    film = make_film()
    masks = [paste_mask(vertebra, film.size) for vertebra in film.vertebrae]
    numbered = sum(np.uint8(i) * mask for i, mask in enumerate(masks, start=1))
    seen = set()
    for seed in range(80):
        pixels, parts = part_of(numbered, masks, np.random.default_rng(seed))
        shown = [i for i, part in enumerate(parts) if part.any()]
        seen.add(tuple(shown))
        assert len(shown) >= LEAST_VERTEBRAE and shown == list(range(shown[0], shown[-1] + 1))
        assert all((pixels[parts[i]] == i + 1).all() for i in shown)
    assert len(seen) == 10  # every run of 4 to 7 of the seven


def test_a_vertebra_of_which_less_than_half_is_on_the_part_is_none(make_film):
    film = make_film(levels=("L1", "L2", "L3", "L4", "L5"), lean=0)
    masks = [paste_mask(vertebra, film.size) for vertebra in film.vertebrae]
    masks[4] = masks[4] | np.roll(masks[4], -film.vertebrae[4].mask.shape[0], 0)  # so high that a cut goes through it
    left_out = 0
    for seed in range(40):
        pixels, parts = part_of(masks[4].astype(np.uint8), masks, np.random.default_rng(seed))
        assert all(part.sum() == 0 or part.sum() >= 0.5 * mask.sum() for part, mask in zip(parts, masks, strict=True))
        left_out += bool(pixels.any() and not parts[4].any())
    assert left_out


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_training_shows_more_around_as_many_films_as_told(make_film, share):
    view = DetectionView([make_film()], training=True, seed=0, surrounded=share)
    larger = [np.greater_equal(view[ItemKey(epoch, 0)][0].shape[1:], (161, 97)).all() for epoch in range(60)]
    assert np.mean(larger) == pytest.approx(share, abs=0.15)


def test_masks_lie_where_their_vertebrae_are_with_more_around(make_film):
    film = make_film()
    masks = [paste_mask(vertebra, film.size) for vertebra in film.vertebrae]
    pixels, moved = with_more_around(film.pixels, masks, 18.0, np.random.default_rng(0))
    assert all(mask.shape == pixels.shape and mask.sum() == before.sum() for mask, before in zip(moved, masks, strict=True))
    assert all((pixels[mask] == 200).all() for mask in moved)


def test_nothing_more_around_one_vertebra_which_has_no_spacing_and_none_without_training(make_film):
    for view in (
        DetectionView([make_film(levels=("L1",))], True, 0, surrounded=1.0),
        DetectionView([make_film()], False, 0, surrounded=1.0),
        DetectionView([make_film()], True, 0, False, surrounded=1.0),
    ):
        assert all(view[ItemKey(epoch, 0)][0].shape[1:] == view.films[0].size for epoch in range(5))
