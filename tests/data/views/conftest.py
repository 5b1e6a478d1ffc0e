"""A film as CSXA has it: of one vertebra only points are annotated."""

from dataclasses import replace

import pytest

from spinefm.structures import CENTROID, Landmark


def _points_only(film, level):
    """The same film, with a centroid and two corners in place of the mask of one level."""
    (vertebra,) = (each for each in film.vertebrae if each.level == level)
    x0, _, x1, y1 = map(float, vertebra.box)
    marks = (CENTROID, vertebra.centroid), ("bottom left", (x0, y1)), ("bottom right", (x1, y1))
    others = tuple(each for each in film.vertebrae if each is not vertebra)
    return replace(film, vertebrae=others, landmarks=tuple(Landmark(level, part, point) for part, point in marks))


@pytest.fixture(scope="session")
def points_only():
    """A function; see `_points_only`."""
    return _points_only
