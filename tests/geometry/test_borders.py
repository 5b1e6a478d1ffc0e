"""Where the picture begins within the borders of a film."""

import numpy as np
import pytest

from spinefm.geometry.borders import content_box

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (60, 40), dtype=np.uint8)


def framed(top=0, bottom=0, left=0, right=0, grey=0):
    return np.pad(PICTURE, ((top, bottom), (left, right)), constant_values=grey)


@pytest.mark.parametrize("grey", [0, 90, 255])
@pytest.mark.parametrize(
    "sides", [{}, {"top": 7}, {"bottom": 9}, {"left": 5}, {"right": 30}, {"top": 20, "bottom": 5, "left": 3, "right": 4}]
)
def test_borders_of_one_grey_are_found_on_every_side(sides, grey):
    left, top = sides.get("left", 0), sides.get("top", 0)
    assert content_box(framed(**sides, grey=grey)) == (left, top, left + 40, top + 60)


def test_borders_may_differ_from_each_other_be_a_little_noisy_and_hold_a_marker():
    film = np.pad(framed(top=20, grey=10), ((0, 0), (30, 0)), constant_values=200)
    film[:, :30] += RNG.integers(0, 4, (80, 30), dtype=np.uint8)
    film[40:43, 5:9] = 0
    assert content_box(film) == (30, 20, 70, 80)


@pytest.mark.parametrize(("columns", "grey", "top"), [(5, 200, 20), (6, 200, 0), (100, 4, 20), (100, 5, 0)])
def test_a_twentieth_of_a_line_may_differ_and_all_of_it_by_four_grey_levels(columns, grey, top):
    film = np.pad(RNG.integers(0, 256, (80, 100), dtype=np.uint8), ((20, 0), (0, 0)))
    film[1:20, :columns] = grey
    assert content_box(film)[1] == top


def test_the_narrow_end_of_a_spine_between_black_sides_is_no_border():
    film = np.zeros((600, 300), np.uint8)
    film[200:] = RNG.integers(0, 256, (400, 300), dtype=np.uint8)
    film[:200, 140:168] = 180
    assert content_box(film) == (0, 0, 300, 600)
    assert content_box(np.pad(film, ((0, 0), (150, 150)))) == (150, 0, 450, 600)


def test_a_narrow_border_stays():
    """A twentieth of the side of the film is wide enough."""
    assert content_box(framed(top=3)) == (0, 0, 40, 63)
    assert content_box(framed(top=4)) == (0, 4, 40, 64)


@pytest.mark.parametrize("film", [np.full((30, 20), 7, np.uint8), np.zeros((1, 1), np.uint8)], ids=["blank", "a pixel"])
def test_of_a_blank_film_nothing_is_taken(film):
    assert content_box(film) == (0, 0, *film.shape[::-1])
