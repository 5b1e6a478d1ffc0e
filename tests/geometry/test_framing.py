"""Where spines lie on films."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from spinefm.geometry.framing import BANDWIDTH, LEAST_FILMS, OUTLIER_DENSITY, Framing, learnt_framings, margins_of
from tests.oracles import make_film

LEVELS = ("T9", "T10", "T11", "T12", "L1")
Y = np.array([100.0, 150.0, 200.0, 260.0, 320.0])


def test_margins_are_in_the_spacings_of_their_end():
    assert margins_of(Y, 500, 0, 4) == (2.0, 3.0)


@pytest.mark.parametrize(("first", "last", "margins"), [(1, 4, (150 / 55, 3.0)), (0, 3, (2.0, 240 / 55))])
def test_margins_from_other_vertebrae(first, last, margins):
    assert margins_of(Y, 500, first, last) == pytest.approx(margins, abs=0.001)


@pytest.mark.parametrize(("first", "last", "margins"), [(-1, 4, (1.0, 3.0)), (0, 6, (2.0, 1.0)), (-3, 7, (-1.0, 0.0))])
def test_vertebrae_that_were_not_found_lie_straight_on(first, last, margins):
    assert margins_of(Y, 500, first, last) == margins


def test_margins_of_a_spine_that_lies_down_are_numbers():
    assert np.isfinite(margins_of(np.full(3, 50.0), 100, -5, 20)).all()


def test_density_is_that_of_a_normal_distribution_around_each_film():
    known, asked = [(1.0, 2.0), (1.5, 2.5)], np.array([(1.2, 2.1), (9.0, -9.0)])
    expected = np.mean([multivariate_normal(each, BANDWIDTH**2).pdf(asked) for each in known], axis=0)
    np.testing.assert_allclose(Framing(known).log_density(asked), np.log(expected + OUTLIER_DENSITY))


def films_of(reader, number, levels=LEVELS, border=0):
    """Of different heights, on a ground that is no border, with one of so many black rows above it."""
    made = [make_film(f"{reader} {index}", levels, (200 + index, 120)) for index in range(number)]
    grounds = [np.maximum(film.pixels, np.arange(120, dtype=np.uint8)) for film in made]
    pixels = [np.pad(ground, ((border, 0), (0, 0))) for ground in grounds]
    moved = [tuple(vertebra.moved(0, border) for vertebra in film.vertebrae) for film in made]
    return [replace(f, pixels=p, vertebrae=v, reader=reader) for f, p, v in zip(made, pixels, moved, strict=True)]


def test_framing_is_learnt_of_each_reader_from_films_that_show_both_ends():
    films = [
        *films_of("Ada", LEAST_FILMS),
        *films_of("Bob", LEAST_FILMS - 1),
        *films_of("Bob", 1, LEVELS[1:]),
        *films_of(None, LEAST_FILMS),
    ]
    framings = learnt_framings(films, ["T11", "L1", "T9"])
    assert list(framings) == ["Ada"] and framings["Ada"].known.shape == (LEAST_FILMS, 2)
    y = np.array([vertebra.centroid[1] for vertebra in films[3].vertebrae])
    assert tuple(framings["Ada"].known[3]) == margins_of(y, films[3].size[0], 0, 4)


def test_borders_are_no_part_of_a_frame():
    known = [learnt_framings(films_of("Ada", LEAST_FILMS, border=border), ["T9", "L1"])["Ada"].known for border in (0, 40)]
    np.testing.assert_allclose(*known, atol=0.001)


@pytest.mark.parametrize("levels", [[], ["T9"], ["T9", "T10"], ["T12", "L1"], ["T9", "L6"], ["T13", "L5"]])
def test_nothing_is_learnt_without_two_usual_ends_that_lie_apart(levels):
    assert learnt_framings(films_of("Ada", LEAST_FILMS), levels) == {}
