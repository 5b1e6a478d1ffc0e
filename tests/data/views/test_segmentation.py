"""The segmenter's view: the mask of the vertebra in the middle, and a prompt that misses as predictions do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.data.views import PatchVariation, SegmentationView, segmentation
from spinefm.data.views.patches import varied_patch
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.patches import PatchRule
from spinefm.prompts import CentrePoint, ForegroundPoint, JitteredPoint, SpacingBox


def view_of(films, training=False, jitter=0.0, scale=3.0, size=48, seed=0, repeats=None, prompt=None, pixels=None):
    return SegmentationView(films, training, seed, size, PatchRule(scale, pixels), prompt or CentrePoint(), jitter, repeats or {})


def items(view, epoch=0):
    return [view[ItemKey(epoch, index)] for index in range(len(view))]


def middle(mask):
    """(x, y) of a mask's centre of mass."""
    rows, columns = np.nonzero(mask.numpy() > 0.5)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


@pytest.mark.parametrize("training", [True, False])
def test_shapes_and_ranges(make_film, training):
    view = view_of([make_film("a"), make_film("b", levels=("L1", "L2"))], training, jitter=0.1, size=40)
    assert len(view) == 9
    for patch, point, mask, _ in items(view):
        assert patch.shape == (1, 40, 40) and mask.shape == (40, 40)
        assert patch.dtype == mask.dtype == torch.float32
        assert point.tolist() == [20.0, 20.0]
        assert patch.min() >= 0 and patch.max() <= 1 and mask.min() == 0 and mask.max() == pytest.approx(1)


def test_without_jitter_the_vertebra_stands_in_the_middle_at_its_size(make_film):
    film = make_film(spacing=18, lean=0)
    for _, _, mask, _ in items(view_of([film], scale=3.0)):
        # The patch shows 54 pixels; the box has 20 x 12 of them. Its place is rounded to whole pixels.
        assert middle(mask) == pytest.approx((24, 24), abs=1.0)
        assert float(mask.sum()) == pytest.approx(240 * (48 / 54) ** 2, rel=0.02)


def test_only_the_vertebra_under_the_prompt_is_in_the_mask(make_film):
    for patch, _, mask, _ in items(view_of([make_film()])):
        bright = patch[0] > 0.5
        assert (bright & (mask < 0.1)).sum() > 50  # The neighbours.
        assert (bright[mask > 0.9]).all()


def test_jitter_is_in_local_spacings(make_film):
    def spread(jitter, spacing):
        film = make_film(size=(400, 120), spacing=spacing)
        views = [view_of([film], jitter=jitter, scale=2.0, size=2 * spacing, seed=seed) for seed in range(20)]
        offsets = np.array([middle(mask) - spacing for view in views for _, _, mask, _ in items(view)])
        return offsets.std() / spacing

    assert spread(0.05, 20) == pytest.approx(0.05, rel=0.25)
    assert spread(0.1, 20) == pytest.approx(0.1, rel=0.25)
    assert spread(0.1, 40) == pytest.approx(0.1, rel=0.25)


def test_training_moves_patch_and_mask_together(make_film):
    view = view_of([make_film(size=(300, 120), spacing=40)], training=True, scale=1.4)
    masks = set()
    for epoch in range(8):
        for patch, _, mask, _ in items(view, epoch):
            masks.add(mask.numpy().tobytes())
            assert set(mask.unique().tolist()) == {0.0, 1.0}
            inside, outside = patch[0][mask > 0], patch[0][mask == 0]
            assert abs(inside.mean() - outside.mean()) > 0.15
    assert len(masks) > 20


def test_levels_are_repeated_in_training_only(make_film):
    repeats = {"L5": 3}
    lengths = [len(view_of([make_film()], training, repeats=repeats)) for training in (True, False)]
    assert lengths == [9, 7]


def test_a_patch_may_reach_over_the_border(make_film):
    film = make_film(size=(46, 70), left=12, levels=("L1", "L2"), lean=0)
    for patch, _, mask, _ in items(view_of([film], scale=4.0)):
        assert (patch == 0).float().mean() > 0.2
        assert middle(mask) == pytest.approx((24, 24), abs=1.0)


def test_a_landmark_has_no_item_and_leaves_those_of_the_others_as_they_are(make_film, points_only):
    whole = make_film()
    film = points_only(whole, "T12")
    mine, all_items = items(view_of([film])), items(view_of([whole]))
    assert len(view_of([film], training=True, repeats={"T12": 5})) == len(mine) == 6
    for item, other in zip(mine, all_items[:1] + all_items[2:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(item, other, strict=True))


def test_a_box_follows_the_spacing_with_patches_in_spacings(make_film):
    """A patch of 3 spacings of 18 pixels becomes 48 pixels, a spacing 16 of them."""
    for _, box, mask, _ in items(view_of([make_film(spacing=18, lean=0)], prompt=SpacingBox(1.5, 0.9))):
        assert box.tolist() == pytest.approx([24 - 12, 24 - 7.2, 24 + 12, 24 + 7.2], abs=1e-3)
        rows, columns = np.nonzero(mask.numpy() > 0.5)
        # The vertebra of 20 x 12 film pixels lies in it.
        assert box[0] < columns.min() and columns.max() + 1 < box[2] and box[1] < rows.min() and rows.max() + 1 < box[3]


@pytest.mark.parametrize("spacing", [18, 27])
def test_a_box_follows_the_spacing_with_patches_in_pixels(make_film, spacing):
    """A patch of 64 film pixels becomes 48, whatever the spacing; the box grows with it."""
    film = make_film(size=(300, 96), spacing=spacing, lean=0)
    half = np.array([1.5, 0.9]) * spacing * 48 / 64 / 2
    for _, box, _, _ in items(view_of([film], prompt=SpacingBox(1.5, 0.9), pixels=64)):
        assert box.tolist() == pytest.approx([*(24 - half), *(24 + half)], abs=1e-3)


def test_a_box_follows_the_spacing_that_the_patch_was_cut_for(make_film):
    """With jitter the spacing misses, and patch and box with it: in spacings, the box stays the same."""
    widths = [float(box[2] - box[0]) for _, box, _, _ in items(view_of([make_film()], jitter=0.2, prompt=SpacingBox(1.5, 0.9)))]
    assert widths == pytest.approx([24.0] * 7, rel=0.02)
    wandering = [
        float(box[2] - box[0]) for _, box, _, _ in items(view_of([make_film()], jitter=0.2, prompt=SpacingBox(1.5, 0.9), pixels=54))
    ]
    assert np.std(wandering) > 1


def test_points_are_jittered_in_training_only(make_film):
    prompt = JitteredPoint(0.1)
    asked = {
        training: {tuple(item[1].tolist()) for item in items(view_of([make_film()], training, prompt=prompt))} for training in (True, False)
    }
    assert asked[False] == {(24.0, 24.0)}
    assert len(asked[True]) == 7


def test_the_prompt_changes_neither_patch_nor_mask(make_film):
    """Its random numbers come last, so that ways to prompt can be compared on the same patches."""
    film = make_film()
    plain, boxed, jittered = (
        items(view_of([film], True, jitter=0.1, prompt=prompt)) for prompt in (CentrePoint(), SpacingBox(), JitteredPoint())
    )
    for one, *others in zip(plain, boxed, jittered, strict=True):
        for other in others:
            assert torch.equal(one[0], other[0]) and torch.equal(one[2], other[2]) and not torch.equal(one[1], other[1])


def test_without_augmentation_or_jitter_a_training_patch_is_that_of_validation(make_film):
    film, rule = make_film(), PatchRule(3.0)
    views = [SegmentationView([film], training, 0, 48, rule, CentrePoint(), 0.0, {}, augment=False) for training in (True, False)]
    for mine, theirs in zip(items(views[0], epoch=3), items(views[1]), strict=True):
        assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


def test_a_foreground_prompt_lies_on_the_vertebra_wherever_augmentation_has_moved_it(make_film):
    view, points = view_of([make_film()], True, jitter=0.1, prompt=ForegroundPoint()), set()
    for epoch in range(3):
        for _, (x, y), mask, _ in items(view, epoch):
            assert mask[int(y), int(x)] == 1
            points.add((float(x), float(y)))
    assert len(points) > 15


def test_a_patch_that_is_turned_shows_the_film_in_its_corners(make_film):
    film = make_film(spacing=30, size=(300, 200), left=100)
    film = replace(film, pixels=np.full_like(film.pixels, 200))
    view = view_of([film], training=True, scale=1.5, size=32)
    patches = torch.stack([patch[0] for epoch in range(8) for patch, *_ in items(view, epoch)[1:-1]])
    # Noise and exposure do not reach that far.
    assert not ((patches - patches.flatten(1).median(1).values[:, None, None]).abs() > 0.3).any()


def test_items_tell_who_drew_them(make_film):
    films = [replace(make_film(name), reader=reader) for name, reader in (("a", "second"), ("b", None), ("c", "first"), ("d", "third"))]
    view = SegmentationView(films, False, 0, 32, PatchRule(3.0), CentrePoint(), 0.0, {}, readers=["first", "second"])
    drawn_by = {view.film_of(i).film_id: int(reader) for i, (*_, reader) in enumerate(items(view))}
    assert drawn_by == {"a": 1, "b": -1, "c": 0, "d": -1}


def contrasts(exposure, film):
    """Standard deviation of the grey values of many training patches."""
    view = SegmentationView([film], True, 0, 32, PatchRule(3.0), CentrePoint(), 0.0, {}, variation=PatchVariation(20.0, exposure))
    return np.array([float(patch.std()) for epoch in range(15) for patch, *_ in items(view, epoch)])


def test_a_wide_exposure_also_shows_hardly_anything(make_film):
    film = make_film()
    usual, wide = contrasts("usual", film), contrasts("wide", film)
    assert np.quantile(wide, 0.05) < 0.6 * np.quantile(usual, 0.05)
    assert np.quantile(wide, 0.9) == pytest.approx(np.quantile(usual, 0.9), rel=0.2)


def test_patches_turn_as_far_as_they_are_told_to(make_film):
    film = make_film(levels=("L1", "L2", "L3"), size=(200, 200), left=100, lean=0)

    def most(max_rotation):
        view = SegmentationView([film], True, 0, 64, PatchRule(3.0), CentrePoint(), 0.0, {}, variation=PatchVariation(max_rotation))
        return max(tilt_of(mask) for epoch in range(40) for *_, mask, _ in items(view, epoch)[1:2])

    assert 14 < most(20.0) < 23 < 27 < most(35.0) < 38


def tilt_of(mask):
    """Degrees between a mask's longer axis and the horizontal."""
    rows, columns = np.nonzero(mask.numpy() > 0.5)
    along = np.linalg.eigh(np.cov(columns, rows))[1][:, -1]
    return abs(np.degrees(np.arctan(along[1] / along[0])))


def test_a_film_ends_beside_the_vertebra_in_the_middle_however_large_patches_are(make_film, monkeypatch):
    seen = []
    monkeypatch.setattr(segmentation, "varied_patch", lambda *given: seen.append(given) or varied_patch(*given))
    film = make_film()
    view = SegmentationView([film], True, 0, 48, PatchRule(4.0), CentrePoint(), 0.1, {}, variation=PatchVariation(cut=1.0))
    for index in range(len(view)):
        view[ItemKey(0, index)]
    assert [box.side for _, box, *_ in seen] == pytest.approx([4 * spacing for _, _, spacing, *_ in seen], abs=1)
    assert {given[5].cut for given in seen} == {1.0}
