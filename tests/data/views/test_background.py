"""The paper's ring, in which background lies, against the same ring worked out pixel by pixel."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from spinefm.data.views.background import point_by_pixels
from spinefm.data.views.base import vertebra_refs
from spinefm.geometry.masks import paste_mask, polygon_to_vertebra
from spinefm.structures import CENTROID, Landmark, Radiograph
from tests.layouts.quads import quad


@pytest.fixture(scope="module")
def film():
    """Boxes as large and as far apart as on films of CSXA."""
    size = (700, 560)
    boxes = [quad((280 + 8 * i, 220 + 68 * i), 56, 50) for i in range(5)]
    vertebrae = tuple(polygon_to_vertebra(box, size, f"C{i + 3}") for i, box in enumerate(boxes))
    return Radiograph("film", np.zeros(size, dtype=np.uint8), vertebrae)


def ring_of(film):
    """Source: the blurs that arXiv:2411.00326 uses."""
    spine = np.any([paste_mask(vertebra, film.size) for vertebra in film.vertebrae], axis=0)
    near = ndimage.gaussian_filter(spine.astype(float), 40) > 0.1
    return near, (ndimage.gaussian_filter(near.astype(float), 50) > 0.05) & ~near


def points_of(film, count=300):
    ref, rng = vertebra_refs([film], {})[0], np.random.default_rng(0)
    return np.array([point_by_pixels(film, ref, rng) for _ in range(count)])


def test_points_lie_in_the_ring_and_everywhere_in_it(film):
    _, ring = ring_of(film)
    x, y = points_of(film, 1500).T
    # It is worked out in squares of 8 px, so that a point may miss it by a part of one.
    assert ndimage.distance_transform_edt(~ring)[y.astype(int), x.astype(int)].max() < 6
    rows, columns = np.nonzero(ring)
    for found, there in ((x, columns), (y, rows)):
        shares, expected = (np.histogram(each, 4, (0, 700))[0] / len(each) for each in (found, there))
        assert shares == pytest.approx(expected, abs=0.06)


def test_points_keep_their_distance_from_landmarks(film):
    _, ring = ring_of(film)
    x, y = 400.0, 360.0
    assert ring[int(y), int(x)]
    marked = replace(film, landmarks=(Landmark("C2", CENTROID, (x, y)),))
    spacing = vertebra_refs([marked], {})[0].spacing
    distances, without = (np.linalg.norm(points_of(each) - (x, y), axis=1).min() for each in (marked, film))
    assert distances > 0.75 * spacing - 6 > without


def test_where_no_ring_is_left_points_are_far_from_the_spine(make_film):
    film = make_film(size=(130, 60), left=20, lean=0)
    near, ring = ring_of(film)
    assert near.all() and not ring.any()
    x, y = points_of(film, 20).T
    assert x.min() > 40 and x.max() < 60 and y.min() >= 0 and y.max() < 130


def test_a_film_of_points_alone_has_background_anywhere(film):
    marks = tuple(Landmark(each.level, CENTROID, each.centroid) for each in film.vertebrae)
    points = points_of(replace(film, vertebrae=(), landmarks=marks))
    assert (points >= 0).all() and (points < (560, 700)).all() and (points.std(0) > 120).all()
