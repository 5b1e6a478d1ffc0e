"""Where curves are drawn: in line with the angle, beside the spine, on the picture."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from spinefm.drawing.curve_lines import CurveFigure, curve_figures, draw_lines, make_room, write_angle
from spinefm.measurements.spine import measure_spine
from tests.scoliosis import LEVELS, TILTS, spine

LETTERS = 20


def figures(scale=1.0):
    return curve_figures(measure_spine(spine()), scale, LETTERS)


def degrees(vector):
    return np.degrees(np.arctan2(vector[1], vector[0])) % 180


def test_a_curve_is_written_on_its_concave_side():
    assert [(figure.angle, figure.levels, figure.side) for figure in figures()] == [
        ("18°", "T1-T6", -1),
        ("42°", "T6-T10", 1),
        ("30°", "T10-L3", -1),
    ]


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_lines_are_tilted_as_their_vertebrae_and_lie_along_their_outer_endplates(scale):
    vertebrae = dict(zip(LEVELS, spine(), strict=True))
    for figure in figures(scale):
        start, upper, lower, end = figure.line
        for level, line, outwards in zip(figure.levels.split("-"), ((start, upper), (end, lower)), (-1, 1), strict=True):
            tilt = TILTS[LEVELS.index(level)]
            assert (degrees(line[1] - line[0]) - tilt + 90) % 180 - 90 == pytest.approx(0, abs=1)
            normal = np.array([-np.sin(np.radians(tilt)), np.cos(np.radians(tilt))])
            away = (line[0] - scale * np.array(vertebrae[level].centroid)) @ normal
            assert away == pytest.approx(outwards * 20 * scale, abs=1)


def test_the_bracket_stands_beside_the_vertebrae_it_spans():
    for figure in figures():
        upper, lower = (LEVELS.index(level) for level in figure.levels.split("-"))
        boxes = [vertebra.box for vertebra in spine()[upper : lower + 1]]
        x = figure.line[1:3, 0]
        assert (x > max(box[2] for box in boxes)).all() if figure.side > 0 else (x < min(box[0] for box in boxes)).all()


def test_lines_that_cross_end_where_they_do():
    bent = spine([40.0, 45.0, 25.0, 0.0, -25.0, -45.0, -40.0], LEVELS[4:11])
    (figure,) = curve_figures(measure_spine(bent), 1.0, LETTERS)
    assert figure.angle == "90°"
    np.testing.assert_allclose(figure.line[1], figure.line[2])


def figure_at(x, side):
    return CurveFigure(np.array([(50.5, 20.5), (x, 20.5), (x, 80.5), (50.5, 80.5)]), side, "42°", "T6-T10")


@pytest.mark.parametrize(("x", "side", "where"), [(5.0, -1, "left"), (95.0, 1, "right"), (180.0, 1, "right"), (-90.0, -1, "left")])
def test_margins_are_made_where_a_figure_reaches_over_the_side(x, side, where):
    canvas = np.full((100, 100, 3), 90, dtype=np.uint8)
    wide, (left, top) = make_room(canvas, [figure_at(x, side)], LETTERS)
    assert (left > 0) == (where == "left") and top == 0 and wide.shape[0] == 100
    assert (wide[:, left : left + 100] == 90).all() and wide.shape[1] > 100
    image = Image.fromarray(wide)
    write_angle(ImageDraw.Draw(image), figure_at(x, side), LETTERS, (left, top))
    written = np.asarray(image)
    assert (written != wide).any() and (written[:, [0, -1]] == wide[:, [0, -1]]).all()  # nothing is cut off


def test_nothing_to_draw_leaves_the_picture_as_it_is():
    canvas = np.full((100, 100, 3), 90, dtype=np.uint8)
    same, origin = make_room(canvas, [], LETTERS)
    assert same is canvas and origin == (0, 0)


def test_lines_show_on_white_and_on_black():
    for grey in (0, 255):
        canvas = np.full((100, 200, 3), grey, dtype=np.uint8)
        draw_lines(canvas, figure_at(120.0, 1), (0, 0))
        assert canvas[18:23, 80].max() > 180 and canvas[18:23, 80].min() < 70


def test_a_spine_without_curves_has_no_figures():
    straight = spine(np.zeros(17))
    assert curve_figures(measure_spine(straight), 1.0, LETTERS) == []
