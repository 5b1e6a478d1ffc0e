"""Films whose picture does not fill them."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.pipeline import SpinePipeline, WithoutBorders
from spinefm.structures import Landmark, Spine


class FindsAll(SpinePipeline):
    """Finds what is annotated; keeps the films that it was shown."""

    def __init__(self):
        self.shown = []

    def stream(self, films):
        for film in films:
            self.shown.append(film)
            yield Spine(film.film_id, film.size, film.vertebrae)


def with_borders(film, top=0, bottom=0, left=0, right=0):
    return replace(
        film,
        pixels=np.pad(film.pixels, ((top, bottom), (left, right))),
        vertebrae=tuple(vertebra.moved(left, top) for vertebra in film.vertebrae),
        landmarks=(Landmark("S1", "centroid", (50 + left, 150 + top)),),
    )


@pytest.fixture
def films(make_film):
    plain = make_film("plain")
    return [with_borders(plain, 40, 30, 30, 70), plain, with_borders(plain, bottom=80)]


def places(vertebrae):
    return [(vertebra.box, vertebra.centroid, vertebra.level) for vertebra in vertebrae]


def test_a_pipeline_sees_no_borders_and_its_spines_lie_on_the_whole_films(films):
    pipeline = FindsAll()
    spines = WithoutBorders(pipeline)(films)
    for film, shown, spine in zip(films, pipeline.shown, spines, strict=True):
        assert np.array_equal(shown.pixels, films[1].pixels) and places(shown.vertebrae) == places(films[1].vertebrae)
        assert spine.size == film.size and places(spine.vertebrae) == places(film.vertebrae)
    assert pipeline.shown[1] is films[1] and pipeline.shown[0].landmarks[0].point == (50, 150)


def test_masks_stay_with_their_vertebrae(films):
    (spine,) = WithoutBorders(FindsAll())(films[:1])
    assert all(found.mask is true.mask for found, true in zip(spine.vertebrae, films[0].vertebrae, strict=True))
