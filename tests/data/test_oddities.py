"""What is odd about a film, and what is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinefm.data.oddities import oddities
from spinefm.data.synthetic import SyntheticDataset
from spinefm.structures import CENTROID, Landmark

PATH = Path("a.png")


def told(film):
    return [str(problem) for problem in oddities(film, PATH)]


def test_usual_films_are_not_odd(make_film):
    dataset = SyntheticDataset({"train": 6}, scale=0.3)
    assert [told(film) for film in (make_film(), *dataset.split("train"))] == [[]] * 7


@pytest.mark.parametrize(
    ("levels", "missing"),
    [
        (("L1", "L2", "L5"), "none of L3, L4 between L2 and L5"),
        (("T11", "L1", "L2"), None),  # a spine may lack T12
        (("T11", "T12", "T13", "L1"), None),
        (("L1", None, "L5"), None),
    ],
)
def test_a_level_left_out_in_the_middle_is_a_note(make_film, levels, missing):
    problems = list(oddities(make_film(levels=levels), PATH))
    assert [problem.found for problem in problems] == ([missing] if missing else [])
    assert not any(problem.fatal for problem in problems) and all(problem.film_id == "film" for problem in problems)


def test_a_level_with_a_landmark_is_not_left_out(make_film):
    film = make_film(levels=("L1", "L2", "L4"))
    assert len(told(film)) == 1
    assert told(replace(film, landmarks=(Landmark("L3", CENTROID, (42, 47)),))) == []


def test_outlines_of_a_film_of_half_the_size_are_told(make_film):
    film = make_film(left=30)
    whole = np.zeros((2 * film.size[0], 2 * film.size[1]), np.uint8)
    (note,) = told(replace(film, pixels=whole))
    assert "all of them in its upper left quarter, at most at (46, 134) of 192 x 320 pixels. If they were drawn on a smaller copy" in note
    assert told(replace(film, pixels=whole[:, :-101])) == []
    assert told(replace(film, pixels=whole, vertebrae=film.vertebrae[:2])) == []


def test_outlines_that_are_small_beside_their_distance_are_told(make_film):
    film = make_film(levels=(None,) * 4, size=(160, 96), spacing=36)
    (note,) = told(film)
    assert "their sides 0.43 of their distance" in note
