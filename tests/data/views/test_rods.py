"""Rods: where vertebrae are annotated, on either side of them, wherever the patch was cut."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.views.rods import LEAST_VERTEBRAE, draw_rods, takes_rods
from spinefm.structures import PatchBox, View

LEVELS = ("T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
SPACING, LEFT = 36, 200
DARK = np.zeros((400, 400), dtype=np.uint8)
WHOLE = PatchBox(0, 0, 400)


@pytest.fixture(scope="module")
def spine(make_film):
    return make_film(levels=LEVELS, size=(400, 400), spacing=SPACING, left=LEFT, lean=6)


def drawn(film, seed, box=WHOLE, pixels=DARK):
    return draw_rods(pixels, film, box, np.random.default_rng(seed))


def offsets(metal, film):
    """How far to the right of the spine each pixel of metal lies, in spacings; rows between the vertebrae that are always fused."""
    x, y = np.array([vertebra.centroid for vertebra in film.vertebrae]).T
    rows, columns = np.nonzero(metal > 40)
    fused = (rows > y[len(y) // 3]) & (rows < y[-len(y) // 3 - 1])
    return (columns[fused] - np.interp(rows[fused], y, x)) / SPACING


@pytest.mark.parametrize("seed", range(20))
def test_a_rod_runs_on_either_side_of_the_spine(spine, seed):
    beside = offsets(drawn(spine, seed), spine)
    for side in (-1, 1):
        assert 0.35 < np.median(beside[np.sign(beside) == side] * side) < 1.05
    assert np.abs(beside).max() < 1.5


def test_rods_are_thick_heads_thicker_and_both_may_lie_off_the_middle(spine):
    """Of the whole spine, in spacings: how wide the metal of either side is from row to row, and where the middle between the rods is."""
    widths, middles = [], []
    for seed in range(30):
        metal = drawn(spine, seed)
        beside = offsets(metal, spine)
        middles.append(sum(np.median(beside[np.sign(beside) == side]) for side in (-1, 1)) / 2)
        rows = (metal[150:250] > 40).sum(1) / 2 / SPACING
        widths.append((np.quantile(rows, 0.1), np.quantile(rows, 0.95)))
    thin, wide = np.mean(widths, axis=0)
    assert 0.17 < thin < 0.35 and 0.4 < wide < 1.2
    assert 0.05 < np.std(middles) < 0.2


def test_screws_reach_from_the_rods_towards_the_midline(spine):
    nearest = np.array([np.abs(offsets(drawn(spine, seed), spine)).min() for seed in range(20)])
    assert (nearest < 0.15).mean() > 0.5


def test_rods_hold_a_part_of_the_spine(spine):
    heights = [np.nonzero(drawn(spine, seed).max(1) > 40)[0] for seed in range(30)]
    for ends in ([rows[0] for rows in heights], [rows[-1] for rows in heights]):
        assert 1.5 * SPACING < np.ptp(ends) < 3 * SPACING


def test_the_same_rods_wherever_a_patch_is_cut(spine):
    whole = drawn(spine, 3)
    part = drawn(spine, 3, PatchBox(120, 100, 200), np.zeros((200, 200), np.uint8))
    inner = (slice(4, -4), slice(4, -4))  # a blur sees beyond the border
    np.testing.assert_allclose(part[inner].astype(int), whole[100:300, 120:320][inner], atol=2)
    small = drawn(spine, 3, WHOLE, np.zeros((200, 200), np.uint8))
    assert small.mean() == pytest.approx(whole.mean(), rel=0.5)  # thin lines come out a little wide


def test_metal_is_brighter_than_any_tissue_and_hides_no_shadow(spine):
    film = np.random.default_rng(0).integers(0, 255, DARK.shape, dtype=np.uint8)
    bright = [drawn(spine, seed, pixels=film) for seed in range(20)]
    assert all((picture >= film).all() for picture in bright)
    assert len({picture.max() for picture in (drawn(spine, seed) for seed in range(20))}) > 15
    np.testing.assert_array_equal(bright[4], drawn(spine, 4, pixels=film))


def test_metal_of_a_dim_film_is_dim(spine):
    levels = [drawn(replace(spine, pixels=np.full_like(spine.pixels, grey)), seed).max() for seed in range(20) for grey in (60, 250)]
    assert np.mean(levels[::2]) < 0.75 * np.mean(levels[1::2])


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("number", [0, LEAST_VERTEBRAE - 1, LEAST_VERTEBRAE])
def test_a_film_from_the_front_with_enough_of_a_spine_takes_rods(make_film, view, number):
    film = replace(make_film(levels=LEVELS[:number], size=(400, 400), spacing=SPACING, left=LEFT), view=view)
    assert takes_rods(film) == (view is View.AP_SPINE and number == LEAST_VERTEBRAE)
