"""The classifier's view: labels that belong to their patches, background that is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.data.views import ClassificationView, PatchVariation, class_names, classification
from spinefm.data.views.patches import varied_patch
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.centroids import centroids_of
from spinefm.geometry.patches import PatchRule
from spinefm.structures import CENTROID, Landmark, Radiograph, Vertebra

CLASSES = class_names(["T12", "L5"])


def view_of(films, training=False, seed=0, rule=None, size=32):
    return ClassificationView(films, training, seed, CLASSES, size, rule or PatchRule(2.0), {})


def items(view, epoch=0):
    return [view[ItemKey(epoch, index)] for index in range(len(view))]


def centre(patch):
    middle = patch.shape[-1] // 2
    return patch[0, middle - 1 : middle + 1, middle - 1 : middle + 1]


def test_classes_in_the_order_of_the_outputs():
    assert CLASSES == ("background", "vertebra", "T12", "L5")


@pytest.mark.parametrize("training", [True, False])
def test_labels_are_those_of_the_levels_and_every_second_item_is_background(make_film, training):
    films = [make_film("a"), make_film("b", levels=("L4", "L5", "S1"))]
    labels = [int(label) for _, label in items(view_of(films, training))]
    assert len(labels) == 2 * 10
    assert labels[1::2] == [0] * 10
    # T11, T12, L1..L5, and L4, L5, S1: what is no landmark is an ordinary vertebra.
    assert labels[::2] == [1, 2, 1, 1, 1, 1, 3, 1, 3, 1]


def test_a_landmark_that_nothing_is_learnt_of_is_told(make_film, caplog):
    films = [make_film("a", levels=("T12", "L1")), make_film("b", levels=("T12", "L1", None))]
    view_of(films)
    assert not caplog.messages
    view_of(films, training=True)
    (told,) = caplog.messages
    assert "each of `landmarks` on a training film, but L5 is on none" in told
    view_of([*films, make_film("c", levels=("L4", "L5"))], training=True)
    assert len(caplog.messages) == 1


def test_a_vertebra_without_a_level_is_an_ordinary_one(make_film):
    film = make_film(levels=("T12", None, "L5"))
    assert [int(label) for _, label in items(view_of([film]))[::2]] == [2, 1, 3]


@pytest.mark.parametrize("training", [True, False])
def test_patches_are_grey_values_of_the_input_size(make_film, training):
    for patch, label in items(view_of([make_film()], training, size=24)):
        assert patch.shape == (1, 24, 24) and patch.dtype == torch.float32 and label.dtype == torch.int64
        assert patch.min() >= 0 and patch.max() <= 1 and patch.std() > 0.01


def test_vertebrae_stand_in_the_middle_of_their_patches(make_film):
    patches = [patch for seed in range(5) for patch, label in items(view_of([make_film()], seed=seed)) if label]
    bright = [float(centre(patch).mean()) > 0.5 for patch in patches]
    # The centre strays by some eighth of a spacing, and a third of one leaves the box.
    assert np.mean(bright) > 0.9
    offsets = np.array([np.argwhere(patch[0].numpy() > 0.6).mean(0) for patch in patches])
    assert offsets.std() > 0.3


class Discs:
    """A film that is bright within `radius` spacings of any of some points, and grey elsewhere."""

    def __init__(self, ends, spacing=40, count=8, width=400, radius=0.7):
        self.points = np.stack([np.full(count, width / 2), ends + spacing * np.arange(count)], axis=1).astype(float)
        self.height, self.width, self.spacing, self.radius = int(2 * ends + spacing * (count - 1)), width, spacing, radius

    def film(self, around):
        y, x = np.mgrid[: self.height, : self.width] + 0.5
        distance = np.min([np.hypot(x - px, y - py) for px, py in around], axis=0)
        pixels = np.where(distance < self.radius * self.spacing, 250, 100).astype(np.uint8)
        mask = np.ones((2, 2), dtype=bool)
        vertebrae = tuple(Vertebra(mask, (int(px) - 1, int(py) - 1), (px, py)) for px, py in self.points)
        return Radiograph("discs", pixels, vertebrae)


def background_centres(film):
    """Mean grey value around the centres of background patches."""
    views = [view_of([film], seed=seed, rule=PatchRule(pixels=8), size=8) for seed in range(20)]
    return np.array([float(centre(patch).mean()) * 255 for view in views for patch, label in items(view) if not label])


def test_background_keeps_its_distance_and_stays_on_the_film():
    """The spine ends too near the border for a step beyond its ends, so that all points are of the ring."""
    discs = Discs(ends=12)
    centres = background_centres(discs.film(centroids_of(discs.film(discs.points).vertebrae)))
    assert len(centres) == 160
    # 250 is too near to a centroid, 0 beside the film.
    assert centres == pytest.approx(100)


def test_some_background_lies_where_a_walk_leaves_the_spine():
    discs = Discs(ends=80, radius=0.4)
    one_step_beyond = [discs.points[0] - (0, discs.spacing), discs.points[-1] + (0, discs.spacing)]
    share = np.mean(background_centres(discs.film(one_step_beyond)) > 200)
    assert 0.25 < share < 0.45
    assert np.mean(background_centres(discs.film(discs.points)) > 200) < 0.02


def test_a_vertebra_that_is_left_out_is_no_background():
    """Neither between its neighbours nor, as a step of twice the length, beyond them."""
    discs = Discs(ends=120, count=7, radius=0.4)
    whole = discs.film([discs.points[1], discs.points[-1] + (0, 2 * discs.spacing)])
    named = [replace(vertebra, level=f"C{number}") for number, vertebra in enumerate(whole.vertebrae, start=1)]
    gap = replace(whole, vertebrae=(named[0], *named[2:]))
    assert not (background_centres(gap) > 200).any()


def test_levels_are_repeated_in_training_only(make_film):
    def counts(training, repeats):
        view = ClassificationView([make_film()], training, 0, CLASSES, 16, PatchRule(2.0), repeats)
        return np.bincount([int(label) for _, label in items(view)], minlength=4).tolist()

    repeats = {"T12": 3, "L5": 2, "S1": 4}
    assert counts(True, {}) == counts(False, repeats) == [7, 5, 1, 1]
    assert counts(True, repeats) == [10, 5, 3, 2]


def test_patch_side_follows_the_spacing_or_is_fixed(make_film):
    """A box of 20 x 12 pixels covers a share of the patch that tells its side."""

    def bright_share(rule, **options):
        views = [view_of([make_film(levels=("L1", "L2"), **options)], seed=seed, rule=rule, size=64) for seed in range(5)]
        return np.mean([(patch > 0.5).float().mean() for view in views for patch, label in items(view) if label])

    assert bright_share(PatchRule(pixels=40), spacing=32) == pytest.approx(240 / 40**2, rel=0.1)
    # The scale strays by 15 %, which a mean over ten patches does not quite level out.
    assert bright_share(PatchRule(1.0), spacing=40) == pytest.approx(240 / 40**2, rel=0.25)
    assert bright_share(PatchRule(1.0), spacing=80) == pytest.approx(240 / 80**2, rel=0.25)


def test_a_landmark_has_patches_of_its_class_around_its_centroid(make_film, points_only):
    """Without its mask the patches are those of the film with all masks: same places, same scales."""
    whole = make_film(levels=("C2", "C3", "C4", "C5"))
    film, classes = points_only(whole, "C2"), class_names(["C2", "C5"])
    view, reference = (ClassificationView([each], False, 0, classes, 32, PatchRule(2.0), {}) for each in (film, whole))
    patches = items(view)[::2]
    assert [classes[label] for _, label in patches] == ["C2", "vertebra", "vertebra", "C5"]
    assert all(torch.equal(mine, theirs) for (mine, _), (theirs, _) in zip(patches, items(reference)[::2], strict=True))


def test_landmarks_are_repeated_like_vertebrae(make_film, points_only):
    film = points_only(make_film(levels=("C2", "C3", "C4")), "C2")
    view = ClassificationView([film], True, 0, class_names(["C2"]), 16, PatchRule(2.0), {"C2": 3})
    assert [int(label) for _, label in items(view)[::2]] == [2, 2, 2, 1, 1]


def test_points_of_landmarks_are_no_vertebrae(make_film):
    film = replace(make_film(), landmarks=(Landmark("S1", "top left", (40.0, 140.0)), Landmark("S1", "top right", (60.0, 140.0))))
    assert len(view_of([film])) == 2 * 7


@pytest.mark.parametrize("part", ["top left", "bottom right", CENTROID])
def test_background_keeps_its_distance_from_all_points_of_landmarks(part):
    """Where a walk would leave the spine there is a vertebra, and beside the spine a point of another."""
    discs = Discs(ends=160)
    below, beside = discs.points[-1] + (0, discs.spacing), discs.points[3] + (2 * discs.spacing, 0)
    marks = (Landmark("L6", part, tuple(below)), Landmark("L3", "top right", tuple(beside)))
    spine = discs.film(discs.points)
    film = replace(discs.film([*discs.points, below, beside]), landmarks=marks, vertebrae=spine.vertebrae)
    assert background_centres(film) == pytest.approx(100)
    without = background_centres(replace(film, landmarks=()))
    assert np.mean(without > 200) > 0.1


def test_a_walk_leaves_the_spine_beyond_a_landmark_with_a_centroid():
    discs = Discs(ends=120, radius=0.4)
    below, beyond = (discs.points[-1] + (0, steps * discs.spacing) for steps in (1, 2))
    film = replace(discs.film([beyond]), landmarks=(Landmark("S1", CENTROID, tuple(below)),))
    assert np.mean(background_centres(film) > 200) > 0.1
    assert np.mean(background_centres(replace(film, landmarks=())) > 200) < 0.05


@pytest.mark.parametrize("training", [True, False])
def test_without_augmentation_vertebrae_stand_in_the_middle_of_their_patches(make_film, training):
    film = make_film(spacing=30, size=(260, 120))
    view = ClassificationView([film], training, 0, CLASSES, 24, PatchRule(pixels=24), {}, augment=False)
    for vertebra, (patch, label) in zip(film.vertebrae, items(view)[::2], strict=True):
        x, y = (round(value) for value in vertebra.centroid)
        assert torch.equal(patch[0] * 255, torch.from_numpy(film.pixels[y - 12 : y + 12, x - 12 : x + 12]).float()) and label > 0


def test_background_may_come_from_the_papers_ring(make_film):
    film = make_film(size=(130, 300), left=150, lean=0)
    options = {"background": "pixels", "augment": False}
    view = ClassificationView([film], True, 0, CLASSES, 8, PatchRule(pixels=8), {}, **options)
    # That ring begins tens of pixels beside this spine, the other one 14.
    assert not any((patch > 0.5).any() for epoch in range(5) for patch, label in items(view, epoch) if not label)


@pytest.mark.parametrize("max_rotation", [0.0, 15.0, 35.0])
def test_patches_turn_as_far_as_they_are_told_to(make_film, max_rotation):
    film = make_film(spacing=30, size=(260, 120))
    stripes = np.where(np.arange(film.pixels.shape[1]) // 8 % 2, 200, 50).astype(np.uint8)
    film = replace(film, pixels=np.ascontiguousarray(np.broadcast_to(stripes, film.pixels.shape)))
    view = ClassificationView([film], True, 0, CLASSES, 48, PatchRule(pixels=24), {}, variation=PatchVariation(max_rotation))
    turned = [abs(_direction(patch[0].numpy())) for epoch in range(5) for patch, _ in items(view, epoch)[::2]]
    assert max(turned) < max_rotation + 3 and np.max(turned) > 0.7 * max_rotation


def _direction(patch):
    """Degrees by which upright stripes were turned: the axis of their gradients."""
    down, across = np.gradient(patch)
    return np.degrees(0.5 * np.arctan2((2 * across * down).sum(), (across**2 - down**2).sum()))


def test_a_patch_that_is_turned_shows_the_film_in_its_corners(make_film):
    film = make_film(spacing=30, size=(260, 120))
    film = replace(film, pixels=np.full_like(film.pixels, 200))
    view = ClassificationView([film], True, 0, CLASSES, 32, PatchRule(pixels=12), {}, variation=PatchVariation(45.0))
    patches = torch.stack([patch[0] for epoch in range(5) for patch, _ in items(view, epoch)[::2]])
    # Noise and exposure do not reach that far.
    assert not ((patches - patches.flatten(1).median(1).values[:, None, None]).abs() > 0.3).any()


def test_a_film_ends_beside_the_vertebra_in_the_middle_however_large_patches_are(make_film, monkeypatch):
    seen = []
    monkeypatch.setattr(classification, "varied_patch", lambda *given: seen.append(given) or varied_patch(*given))
    film = make_film()
    view = ClassificationView([film], True, 0, CLASSES, 48, PatchRule(4.0), {}, variation=PatchVariation(cut=1.0))
    for index in range(len(view)):
        view[ItemKey(0, index)]
    assert [box.side for _, box, *_ in seen] == pytest.approx([4 * spacing for _, _, spacing, *_ in seen], abs=1)
    assert {given[5].cut for given in seen} == {1.0}
