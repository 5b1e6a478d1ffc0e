"""What all views have in common: an item is a function of (seed, epoch, index)."""

import dataclasses

import numpy as np
import pytest
import torch

from spinefm.data.views import ClassificationView, DetectionView, FilmMaskView, SegmentationView, TrailView
from spinefm.data.views.base import spine_centroids, spine_points, vertebra_refs
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.centroids import centroids_of
from spinefm.geometry.patches import PatchRule
from spinefm.prompts import CentrePoint

VIEWS = {
    "detection": DetectionView,
    "classification": lambda films, training, seed: ClassificationView(
        films, training, seed, ("background", "vertebra", "T12"), 32, PatchRule(4.0), {}
    ),
    "segmentation": lambda films, training, seed: SegmentationView(films, training, seed, 32, PatchRule(3.2), CentrePoint(), 0.1, {}),
    "film_masks": lambda films, training, seed: FilmMaskView(films, training, seed, (96, 64), 1),
    "trails": lambda films, training, seed: TrailView(films, training, seed, 3, 0.03),
}
every_view = pytest.mark.parametrize("kind", VIEWS)


@pytest.fixture(scope="module")
def films(make_film):
    return [make_film("one"), make_film("two", left=50, lean=-2)]


def content(item):
    """All tensors of an item."""
    if isinstance(item, torch.Tensor):
        return [item]
    if dataclasses.is_dataclass(item):
        return [getattr(item, field.name) for field in dataclasses.fields(item)]
    return [tensor for part in (item.values() if isinstance(item, dict) else item) for tensor in content(part)]


def same(first, second):
    pairs = zip(content(first), content(second), strict=True)
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


@every_view
@pytest.mark.parametrize("training", [True, False])
def test_an_item_is_the_same_twice_in_any_order(films, kind, training):
    view, again = VIEWS[kind](films, training, 3), VIEWS[kind](films, training, 3)
    keys = [ItemKey(4, index) for index in range(len(view))][:8]
    items = [view[key] for key in keys]
    assert all(same(again[key], item) for key, item in reversed(list(zip(keys, items, strict=True))))


@every_view
def test_training_items_are_new_each_epoch_and_with_each_seed(films, kind):
    view, other = VIEWS[kind](films, True, 3), VIEWS[kind](films, True, 4)
    first = view[ItemKey(0, 1)]
    assert not all(same(first, view[ItemKey(epoch, 1)]) for epoch in range(1, 4))
    assert not all(same(view[ItemKey(epoch, 1)], other[ItemKey(epoch, 1)]) for epoch in range(3))


@every_view
def test_validation_items_are_the_same_each_epoch(films, kind):
    view = VIEWS[kind](films, False, 3)
    assert all(same(view[ItemKey(0, index)], view[ItemKey(5, index)]) for index in range(len(view)))


@every_view
def test_the_film_of_an_item_is_the_one_it_depends_on(make_film, films, kind):
    other = make_film("three", left=30, lean=3)
    view, changed = VIEWS[kind](films, False, 3), VIEWS[kind]([films[0], other], False, 3)
    for index in range(len(view)):
        film, key = view.film_of(index), ItemKey(0, index)
        assert film is (films[0] if index < len(view) / 2 else films[1])
        assert same(view[key], changed[key]) is (film is films[0])
        assert changed.film_of(index) is (films[0] if film is films[0] else other)


@every_view
def test_items_differ(films, kind):
    view = VIEWS[kind](films, False, 3)
    assert not same(view[ItemKey(0, 0)], view[ItemKey(0, 1)])


@every_view
def test_no_films_are_refused(kind):
    with pytest.raises(ValueError, match=r"Expected at least one film, but got none\."):
        VIEWS[kind]([], True, 0)


@every_view
@pytest.mark.parametrize("training", [True, False])
def test_annotations_of_the_films_are_not_changed(make_film, kind, training):
    film, untouched = make_film("one"), make_film("one")
    view = VIEWS[kind]([film], training, 0)
    for index in range(min(len(view), 4)):
        view[ItemKey(0, index)]
    np.testing.assert_array_equal(film.pixels, untouched.pixels)
    for mine, theirs in zip(film.vertebrae, untouched.vertebrae, strict=True):
        np.testing.assert_array_equal(mine.mask, theirs.mask)
        assert mine.centroid == theirs.centroid


def test_refs_count_every_vertebra_that_has_a_neighbour(make_film):
    films = [make_film("a", levels=("L1",)), make_film("b", levels=("L1", "L2", "L3"), spacing=20, lean=0), make_film("c", levels=())]
    refs = [(ref.film, ref.vertebra, ref.spacing) for ref in vertebra_refs(films, {})]
    assert refs == [(1, 0, 20.0), (1, 1, 20.0), (1, 2, 20.0)]
    assert [ref.vertebra for ref in vertebra_refs(films, {"L2": 3, "T1": 9})] == [0, 1, 1, 1, 2]


def test_a_vertebra_that_is_left_out_changes_no_spacing(make_film):
    whole = make_film(levels=("C3", "C4", "C5", "C6", "C7"), spacing=20, lean=0)
    gap = dataclasses.replace(whole, vertebrae=(*whole.vertebrae[:3], whole.vertebrae[4]))
    assert [ref.spacing for ref in vertebra_refs([gap], {})] == pytest.approx([20] * 4)


def test_refs_of_landmarks_have_a_place_and_a_spacing_but_no_vertebra(make_film, points_only):
    whole = make_film(levels=("C2", "C3", "C4"), spacing=20)
    refs, others = vertebra_refs([points_only(whole, "C2")], {}), vertebra_refs([whole], {})
    assert [(ref.level, ref.vertebra) for ref in refs] == [("C2", None), ("C3", 0), ("C4", 1)]
    assert [(ref.centroid, ref.spacing) for ref in refs] == [(ref.centroid, ref.spacing) for ref in others]


@pytest.mark.parametrize(("level", "order"), [("C2", ["C2", None, None]), ("S1", [None, None, "S1"])])
def test_among_vertebrae_of_unknown_level_a_landmark_stands_by_its_height(make_film, points_only, level, order):
    levels = [level, None, None] if level == "C2" else [None, None, level]
    assert [found for _, found, _ in spine_points(points_only(make_film(levels=levels), level))] == order


def test_without_landmarks_the_points_of_a_spine_are_its_centroids(make_film):
    film = make_film(levels=("C2", None, "C4"))
    np.testing.assert_array_equal(spine_centroids(film), centroids_of(film.vertebrae))
    assert spine_centroids(make_film(levels=())).shape == (0, 2)
