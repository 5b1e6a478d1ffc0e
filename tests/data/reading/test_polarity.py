"""Polarity: whether bone is dark, told by where it is annotated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.data.reading.polarity import is_inverted
from spinefm.structures import Vertebra

pytestmark = pytest.mark.filterwarnings("error")


def box(x, y, width=20, height=12):
    return Vertebra(np.ones((height, width), dtype=bool), (x, y), (x + width / 2, y + height / 2))


def test_bright_and_dark_bone(make_film):
    film = make_film()
    assert not is_inverted(film.pixels, film.vertebrae)
    assert is_inverted(255 - film.pixels, film.vertebrae)


@pytest.mark.parametrize("gradient", [np.linspace(0, 200, 96), np.linspace(200, 0, 96), np.linspace(0, 200, 160)[:, None]])
def test_light_that_falls_off_is_no_contrast(make_film, gradient):
    """Soft tissue at one end of a film is brighter than bone at the other."""
    film = make_film(lean=0)
    lit = np.clip(film.pixels / 8 + gradient, 0, 255).astype(np.uint8)
    assert not is_inverted(lit, film.vertebrae)
    assert is_inverted(255 - lit, film.vertebrae)


def test_burned_in_borders_and_text_do_not_count(make_film):
    film = make_film()
    film.pixels[:, :12] = film.pixels[:, -12:] = 255
    assert not is_inverted(film.pixels, film.vertebrae)


def test_most_vertebrae_decide(make_film):
    film = make_film()
    for vertebra in film.vertebrae[:3]:
        x0, y0, x1, y1 = vertebra.box
        film.pixels[y0:y1, x0:x1] = 0
    assert not is_inverted(film.pixels, film.vertebrae)
    x0, y0, x1, y1 = film.vertebrae[3].box
    film.pixels[y0:y1, x0:x1] = 0
    assert is_inverted(film.pixels, film.vertebrae)


def test_without_vertebrae_the_answer_is_no(make_film):
    film = make_film()
    assert not is_inverted(film.pixels, ())
    assert not is_inverted(255 - film.pixels, ())


@pytest.mark.parametrize("place", [(-10, 20), (86, 20), (30, -6), (30, 154)])
def test_vertebrae_that_the_edge_cuts(place):
    """The part that is on the film is compared with what lies beside it there."""
    pixels, (x, y) = np.full((160, 96), 50, dtype=np.uint8), place
    pixels[max(y, 0) : y + 12, max(x, 0) : x + 20] = 200
    assert not is_inverted(pixels, [box(x, y)])
    assert is_inverted(255 - pixels, [box(x, y)])


@pytest.mark.parametrize("vertebra", [box(-40, 20), box(30, 170), box(120, 200), box(0, 0, 96, 160)])
def test_what_lies_off_the_film_or_covers_it_tells_nothing(vertebra):
    dark = np.zeros((160, 96), dtype=np.uint8)
    dark[40:60] = 200
    assert not is_inverted(dark, [vertebra]) and not is_inverted(255 - dark, [vertebra])
    dark[80:100, 30:50] = 200
    assert is_inverted(255 - dark, [vertebra, box(30, 80, 20, 20)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.builds(box, st.integers(-30, 110), st.integers(-30, 170), st.integers(1, 50), st.integers(1, 40)), min_size=1, max_size=5),
    st.integers(0, 10),
)
def test_the_negative_of_a_film_gives_the_opposite_answer(vertebrae, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (160, 96), dtype=np.uint8)
    off_the_film = all(v.box[0] >= 96 or v.box[1] >= 160 or v.box[2] <= 0 or v.box[3] <= 0 for v in vertebrae)
    answers = is_inverted(pixels, vertebrae), is_inverted(255 - pixels, vertebrae)
    assert answers == (False, False) if off_the_film else answers[0] != answers[1]
