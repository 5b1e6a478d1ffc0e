"""Outlines that leave the film or cross themselves."""

import numpy as np
import pytest

from spinefm.data.problems import DataError
from spinefm.data.reading.annotation import corners_to_vertebra, polygon_of
from spinefm.data.reading.outlines import MOST_CORNERS, crosses_itself, outline_faults
from tests.layouts.labelme_file import CORNERS
from tests.layouts.quads import quad

SIZE = (100, 120)
SQUARE = np.array([(20.3, 20.1), (40.7, 21.9), (39.1, 40.3), (19.7, 41.1)])


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("step", [1, -1])
def test_a_bow_tie_crosses_itself_and_a_ring_does_not(start, step):
    ring = np.roll(SQUARE, start, axis=0)[::step]
    assert not crosses_itself(ring) and crosses_itself(ring[[0, 2, 1, 3]])


def test_corners_that_come_twice_or_lie_on_a_line_are_no_crossing():
    corners = [*SQUARE[:2], SQUARE[1], (SQUARE[1] + SQUARE[2]) / 2, *SQUARE[2:], SQUARE[0]]
    assert not crosses_itself(np.array(corners))


@pytest.mark.parametrize(("depth", "crosses"), [(-2.0, False), (0.0, False), (2.0, True)])
def test_a_corner_on_a_slanted_edge_only_touches_it(depth, crosses):
    """Wherever and however it is turned, rounding included; beyond the edge it crosses."""
    for angle in np.linspace(0, 2 * np.pi, 200):
        turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
        outline = np.array([(0, 0), (100, 0), (90, 40), (50, -depth), (10, 40)]) @ turn + 1234.5
        assert crosses_itself(outline) is crosses and crosses_itself(outline.round(2)) is crosses


def test_neither_is_an_outline_drawn_by_hand():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 10 + np.random.default_rng(0).normal(0, 1, 60)
    outline = 50 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    assert not crosses_itself(outline)
    outline[[10, 14]] = outline[[14, 10]]
    assert crosses_itself(outline)


@pytest.mark.parametrize(("corners", "told"), [(MOST_CORNERS, 1), (MOST_CORNERS + 1, 0)])
def test_outlines_of_very_many_corners_are_not_searched_for_crossings(corners, told):
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + 0.001
    crossed = 50 + 40 * np.stack([np.cos(angles), np.sin(2 * angles)], 1)
    assert len(list(outline_faults(crossed, SIZE))) == told


@pytest.mark.parametrize(("shift", "told"), [((-19, 0), []), ((0, -20.9), []), ((-25, 0), ["5"]), ((85, 0), ["6"]), ((0, 61.9), ["3"])])
def test_corners_off_the_film_are_told_beyond_rounding(shift, told):
    found = [fault[1] for fault in outline_faults(SQUARE + shift, SIZE)]
    assert found == [f"some up to {pixels} pixels off it" for pixels in told]


def test_polygons_and_corners_are_told(tmp_path):
    problems = []
    polygon_of(SQUARE[[0, 2, 1, 3]], "L1", SIZE, tmp_path, problems.append)
    corners_to_vertebra(list(zip(CORNERS, map(tuple, quad((0, 50), 20, 12)), strict=True)), "L2", SIZE, tmp_path, problems.append)
    crossed, beyond = map(str, problems)
    assert "to give L1 an outline that does not cross itself" in crossed and "to give L2 its corners on the film of 120 x 100" in beyond
    assert not any(problem.fatal for problem in problems)
    with pytest.raises(DataError):
        polygon_of(SQUARE + 200, "L1", SIZE, tmp_path, problems.append)
