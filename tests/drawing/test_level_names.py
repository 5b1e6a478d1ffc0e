"""Where the names of levels stand."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from spinefm.drawing.level_names import across_spine, write_names
from spinefm.drawing.overlay import outlines
from spinefm.geometry.masks import polygon_to_vertebra

SIZE = (300, 300)
BODY = np.array([[-16, -8], [16, -8], [16, 8], [-16, 8]])


def vertebrae(angle, start=(150, 40)):
    """Four of a straight spine from a start on, turned clockwise about it by an angle in degrees."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[cos, -sin], [sin, cos]])
    return [polygon_to_vertebra((BODY + [0, 30 * i]) @ turn.T + start, SIZE, f"L{i + 1}") for i in range(4)]


def named(spine):
    """A grey picture of nothing but their names."""
    image = Image.new("RGB", SIZE[::-1], (90, 90, 90))
    write_names(image, spine, [outlines(vertebra)[0] for vertebra in spine], 12)
    return np.asarray(image)


@pytest.mark.parametrize("angle", [0, 30, 60, 80, -30, -60, -80])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)])
def test_names_stand_across_the_spine(angle, order):
    spine = [vertebrae(angle)[i] for i in order]
    expected = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    np.testing.assert_allclose(across_spine(spine), [expected] * 4, atol=0.03)


def test_a_single_one_is_taken_as_of_an_upright_spine():
    np.testing.assert_allclose(across_spine(vertebrae(70)[:1]), [[1, 0]])
    assert across_spine([]).shape == (0, 2)


@pytest.mark.parametrize("angle", [0, 45, 75, -45, -75])
def test_each_name_is_nearest_to_its_own_vertebra(angle):
    spine = vertebrae(angle)
    middles = np.array([vertebra.centroid for vertebra in spine])
    for i, vertebra in enumerate(spine):
        unknown = [*spine[:i], replace(vertebra, level=None), *spine[i + 1 :]]
        its_letters = np.argwhere((named(spine) != named(unknown)).any(-1))[:, ::-1]
        assert np.linalg.norm(middles - its_letters.mean(0), axis=1).argmin() == i


@pytest.mark.parametrize(("angle", "start"), [(0, (280, 40)), (80, (280, 280)), (-80, (20, 20))])
def test_names_move_to_the_other_side_where_the_picture_ends(angle, start):
    letters, whole = (np.argwhere((named(spine) != 90).any(-1)) for spine in (vertebrae(angle, start), vertebrae(0)))
    assert len(letters) == len(whole)
