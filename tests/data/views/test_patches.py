"""Training patches: rods are drawn onto as many as told, of films from the front; the film ends in as many as told."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.views import patches
from spinefm.data.views.patches import USUAL, PatchVariation, check_variation, grey_patch, patch_variation, shown_part, varied_patch
from spinefm.structures import PatchBox, View


@pytest.fixture
def film(make_film):
    film = make_film(levels=("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"), size=(200, 200), left=100, spacing=22)
    pixels = np.full_like(film.pixels, 60)
    pixels[0, 0] = 255  # metal is at least as bright
    return replace(film, pixels=pixels, view=View.AP_SPINE)


def share_with_metal(film, variation):
    """Of patches, those that show more than one grey."""
    drawn = [varied_patch(film, PatchBox(60, 60, 80), 22.0, 40, np.random.default_rng(seed), variation)[0] for seed in range(150)]
    return np.mean([np.quantile(np.abs(patch - np.median(patch)), 0.95) > 55 for patch in drawn])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rods_on_as_many_patches_as_told(film, share):
    assert share_with_metal(film, PatchVariation(20.0, rods=share)) == pytest.approx(share, abs=0.12)


def test_rods_are_drawn_where_the_patch_lies(film, monkeypatch):
    seen = []
    monkeypatch.setattr(patches, "draw_rods", lambda *given: seen.append(given) or given[0])
    film = replace(film, pixels=np.random.default_rng(0).integers(0, 255, film.size, dtype=np.uint8))
    varied_patch(film, PatchBox(60, 60, 80), 22.0, 40, np.random.default_rng(0), PatchVariation(20.0, rods=1.0))
    (pixels, shown, box, _) = seen[0]
    assert shown is film and len(pixels) > 40
    np.testing.assert_array_equal(pixels, grey_patch(film, box, len(pixels)))


@pytest.mark.parametrize("view", [view for view in View if view is not View.AP_SPINE])
def test_no_rods_where_they_would_lie_behind_the_bodies_or_nobody_knows(film, view):
    assert share_with_metal(replace(film, view=view), PatchVariation(20.0, rods=1.0)) == 0


def test_rods_for_which_there_is_no_film_are_refused(film):
    lateral = replace(film, view=View.LATERAL_LUMBAR)
    check_variation(PatchVariation(rods=0.2), [lateral, film])
    check_variation(USUAL, [lateral])
    with pytest.raises(ValueError, match=r"films from the front .* for `rods=0.2`, but none of 1 is one\. Leave `rods` out"):
        check_variation(PatchVariation(rods=0.2), [lateral])


@pytest.fixture
def cut_patch(film, monkeypatch):
    """A function: patch and mask of the fourth vertebra, three spacings wide, in which the film may end and nothing else is varied."""
    monkeypatch.setattr(patches, "augment", lambda pixels, masks, *rest: (pixels, masks))
    x, y = film.vertebrae[3].centroid

    def cut(seed, share, size=33, max_rotation=0.0):
        variation, box = PatchVariation(max_rotation, cut=share), PatchBox(round(x) - 33, round(y) - 33, 66)
        pixels, (mask,) = varied_patch(film, box, 22.0, size, np.random.default_rng(seed), variation, film.vertebrae[3:4])
        return pixels, mask

    return cut


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_film_may_end_in_as_many_patches_as_told(cut_patch, share):
    ended = [(cut_patch(seed, share)[0] == 0).any() for seed in range(150)]
    # On none of its four sides in (2 / 3)^4 of those that are chosen.
    assert np.mean(ended) == pytest.approx(share * (1 - (2 / 3) ** 4), abs=0.1)


@pytest.mark.parametrize(("size", "max_rotation"), [(33, 0.0), (66, 0.0), (132, 0.0), (33, 35.0)])
def test_a_mask_ends_with_the_film_half_a_spacing_from_the_middle_at_the_nearest(cut_patch, size, max_rotation):
    whole, nearest = cut_patch(0, 0.0, size, max_rotation)[1], size / 6
    reaches = []
    for seed in range(60):
        pixels, mask = cut_patch(seed, 1.0, size, max_rotation)
        np.testing.assert_array_equal(mask, whole & (pixels > 0))
        reaches.append(np.abs(np.argwhere(pixels == 0) + 0.5 - len(pixels) / 2).max(1).min(initial=len(pixels)))
    assert whole.any() and min(reaches) == pytest.approx(nearest, abs=1.1)


def test_the_film_ends_anywhere_between_there_and_the_edge_of_the_patch():
    edges = []
    for seed in range(300):
        shown = shown_part(100, 20.0, np.random.default_rng(seed))
        rows, columns = (np.flatnonzero(shown.any(axis)) for axis in (1, 0))
        assert shown.sum() == len(rows) * len(columns) and shown[30:70, 30:70].all()
        edges.append([50 - rows[0], rows[-1] + 1 - 50, 50 - columns[0], columns[-1] + 1 - 50])
    inside = np.array(edges)[np.array(edges) < 50]
    assert len(inside) / np.size(edges) == pytest.approx(1 / 3, abs=0.05)
    assert inside.min() == 20 and inside.max() > 45 and np.mean(inside < 35) > 0.6


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_film_goes_on_in_as_many_patches_as_told(film, monkeypatch, share):
    monkeypatch.setattr(patches, "augment", lambda pixels, masks, *rest: (pixels, masks))
    variation, box = PatchVariation(0.0, surrounded=share), PatchBox(-30, 60, 90)
    bare = grey_patch(film, box, 45)
    made = [varied_patch(film, box, 22.0, 45, np.random.default_rng(seed), variation)[0] for seed in range(150)]
    assert all((patch[:, 16:] == bare[:, 16:]).all() for patch in made) and not bare[:, :14].any()
    assert np.mean([patch.min() > 0 for patch in made]) == pytest.approx(share, abs=0.1)


def test_a_patch_beyond_the_film_stays_black(film):
    variation = PatchVariation(0.0, surrounded=1.0)
    assert not varied_patch(film, PatchBox(300, 0, 40), 22.0, 20, np.random.default_rng(2), variation)[0].std()


def test_a_patch_within_the_nearest_edges_shows_the_film_throughout():
    assert all(shown_part(40, nearest, np.random.default_rng(seed)).all() for seed in range(20) for nearest in (20.0, 22.0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exposure": "dim"}, "`exposure` to be one of usual, wide, but got `dim`"),
        ({"max_rotation": -1.0}, "`max_rotation` to be 0 to 180 degrees, but got -1"),
        ({"rods": 2.0}, "`rods` to be 0..1, but got 2"),
        ({"cut": -0.5}, "`cut` to be 0..1, but got -0.5"),
        ({"surrounded": 1.5}, "`surrounded` to be 0..1, but got 1.5"),
        ({"cut": None}, "`cut` to be a number, but got `null`"),
        ({"cuts": 0.5}, "options of PatchVariation to be some of max_rotation, exposure, rods, cut, surrounded, but got `cuts`"),
    ],
)
def test_options_are_refused_by_name(options, said):
    with pytest.raises(ValueError, match=said):
        patch_variation(options)


def test_fields_that_are_not_told_are_as_usual():
    assert patch_variation(None) == patch_variation({}) == USUAL
    assert patch_variation({"cut": 1}) == PatchVariation(cut=1)
