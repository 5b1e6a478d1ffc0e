"""Training patches: rods are drawn onto as many as told, of films from the front."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.views import patches
from spinefm.data.views.patches import PatchVariation, grey_patch, varied_patch
from spinefm.structures import PatchBox, View


@pytest.fixture
def film(make_film):
    film = make_film(levels=("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"), size=(200, 200), left=100, spacing=22)
    return replace(film, pixels=np.full_like(film.pixels, 60), view=View.AP_SPINE)


def share_with_metal(film, variation):
    """Of patches, those that show more than one grey."""
    drawn = [varied_patch(film, PatchBox(60, 60, 80), 40, np.random.default_rng(seed), variation)[0] for seed in range(150)]
    return np.mean([np.quantile(np.abs(patch - np.median(patch)), 0.95) > 55 for patch in drawn])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rods_on_as_many_patches_as_told(film, share):
    assert share_with_metal(film, PatchVariation(20.0, rods=share)) == pytest.approx(share, abs=0.12)


def test_rods_are_drawn_where_the_patch_lies(film, monkeypatch):
    seen = []
    monkeypatch.setattr(patches, "draw_rods", lambda *given: seen.append(given) or given[0])
    film = replace(film, pixels=np.random.default_rng(0).integers(0, 255, film.size, dtype=np.uint8))
    varied_patch(film, PatchBox(60, 60, 80), 40, np.random.default_rng(0), PatchVariation(20.0, rods=1.0))
    (pixels, shown, box, _) = seen[0]
    assert shown is film and len(pixels) > 40
    np.testing.assert_array_equal(pixels, grey_patch(film, box, len(pixels)))


@pytest.mark.parametrize("view", [view for view in View if view is not View.AP_SPINE])
def test_no_rods_where_they_would_lie_behind_the_bodies_or_nobody_knows(film, view):
    assert share_with_metal(replace(film, view=view), PatchVariation(20.0, rods=1.0)) == 0
