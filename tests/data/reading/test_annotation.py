"""From labels and points to vertebrae and landmarks."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from spinefm.data.problems import DataError
from spinefm.data.reading.annotation import (
    Annotation,
    Label,
    corners_to_vertebra,
    from_head_to_foot,
    parse_label,
    plain_words,
    points_to_annotation,
    polygon_of,
)
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Landmark
from tests.layouts.labelme_file import CORNERS
from tests.layouts.quads import fill, quad

PATH = Path("films/a.json")
SIZE = (100, 120)
RING = quad((60.2, 50.4), 40, 24, 8)


def named(points=RING, names=CORNERS):
    return list(zip(names, map(tuple, points), strict=True))


def body(corners):
    """The vertebra of named corners, and what was reported."""
    problems = []
    return corners_to_vertebra(corners, "C3", SIZE, PATH, problems.append), problems


def assert_covers(vertebra, ring):
    np.testing.assert_array_equal(paste_mask(vertebra, SIZE), fill(ring, SIZE))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("C3", Label("C3")),
        (" t12 ", Label("T12")),
        ("vertebra", Label(None)),
        ("Vertebra", Label(None)),
        ("C2 centroid", Label("C2", "centroid")),
        ("C3 top left", Label("C3", "top left")),
        ("c3_Bottom-Right", Label("C3", "bottom right")),
        ("L1  top\tright", Label("L1", "top right")),
    ],
)
def test_labels(text, label):
    assert parse_label(text, PATH) == label


@pytest.mark.parametrize("text", ["C9", "T0", "C", "", "vertebra top left", "C3 left top", "C3 top", "C3topleft", "sacrum", "C3 C4"])
def test_other_labels_are_refused(text):
    with pytest.raises(DataError, match=rf"a\.json` to use labels such as C3, .*top left.*found '{text}'\. Correct the label"):
        parse_label(text, PATH)


def test_names_in_any_spelling():
    assert {plain_words(name) for name in ("Top_Left", "top-left", " TOP  left ")} == {"top left"}


def test_corners_are_filled():
    vertebra, problems = body(named())
    assert vertebra.level == "C3" and problems == []
    assert_covers(vertebra, RING)
    assert vertebra.centroid == pytest.approx(RING.mean(0), abs=0.3)
    assert vertebra.mask.sum() == pytest.approx(40 * 24, rel=0.03)


def test_the_order_of_named_corners_does_not_matter():
    for corners in permutations(named()):
        vertebra, problems = body(corners)
        assert problems == []
        assert_covers(vertebra, RING)


def test_exchanged_names_are_mended_and_reported():
    quarter_turn = [CORNERS[i] for i in (1, 2, 3, 0)]
    for names in permutations(CORNERS):
        vertebra, problems = body(named(names=names))
        assert_covers(vertebra, RING)
        if names != CORNERS and list(names) != quarter_turn:
            (problem,) = problems
            assert problem.path == PATH and not problem.fatal and "give C3 each of its corners under its own name" in str(problem)


@pytest.mark.parametrize("twice", CORNERS)
@pytest.mark.parametrize("first", [True, False])
def test_of_two_points_for_one_corner_the_one_that_fits_is_taken(twice, first):
    stray = (twice, tuple(RING[CORNERS.index(twice)] + (14, 15)))
    vertebra, (problem,) = body([stray, *named()] if first else [*named(), stray])
    assert_covers(vertebra, RING)
    assert "two with one name" in problem.found and not problem.fatal


@pytest.mark.parametrize("missing", CORNERS)
def test_four_points_of_three_names_are_put_in_order(missing):
    twice = CORNERS[CORNERS.index(missing) - 1]
    vertebra, (problem,) = body(named(names=[twice if name == missing else name for name in CORNERS]))
    assert_covers(vertebra, RING)
    assert "two with one name" in problem.found and not problem.fatal


@pytest.mark.parametrize("corners", [named()[:3], named()[:1], [*named()[:3], *named()[:2]]], ids=["three", "one", "five of three names"])
def test_missing_corners_are_named(corners):
    with pytest.raises(DataError, match=r"a\.json` to give C3 four corners, but found top left.*\. Correct the labels"):
        body(corners)


def dented(ring):
    ring[2] = ring[0] + (8, 6)


def of_three_corners(ring):
    ring[2] = ring[3]


def flat(ring):
    ring[2:] = ring[1::-1] + (0, 1)


def off_the_film(ring):
    ring += 200


@pytest.mark.parametrize("fault", [dented, of_three_corners, flat, off_the_film])
def test_corners_of_no_vertebra_are_refused(fault):
    ring = RING.copy()
    fault(ring)
    with pytest.raises(DataError, match=r"a\.json` to give C3 corners around its body, on the film, but found \[\[.*Draw them again"):
        body(named(ring))


def test_a_vertebra_at_the_border_is_cut_off():
    ring = RING - (60, 0)
    vertebra, problems = body(named(ring))
    assert [problem.found for problem in problems] == ["some up to 21 pixels off it"]
    assert_covers(vertebra, ring)


def test_polygons_are_filled():
    vertebra = polygon_of([*RING, RING[0]], None, SIZE, PATH, None)
    assert vertebra.level is None
    assert_covers(vertebra, RING)


@pytest.mark.parametrize(
    "points", [[], [(1, 1), (40, 40)], [(1, 1), (20, 1), (40, 1)], RING + 200, RING - 200], ids=["none", "two", "line", "below", "above"]
)
def test_polygons_of_no_vertebra_are_refused(points):
    with pytest.raises(
        DataError, match=r"a\.json` to give L1 a polygon on the film of 120 x 100 pixels, but found \d points.*\. Draw it again"
    ):
        polygon_of(points, "L1", SIZE, PATH, None)


def annotation(points, outlined=()):
    problems = []
    vertebrae, landmarks = points_to_annotation(points, SIZE, PATH, problems.append, outlined)
    return [vertebra.level for vertebra in vertebrae], landmarks, problems


C2 = [("centroid", (60.0, 50.0)), ("bottom left", (40.0, 60.0)), ("bottom right", (80.0, 61.0))]


def test_points_of_c2_and_s1_are_landmarks():
    s1 = [("top left", (40.0, 90.0)), ("top right", (70.0, 95.0))]
    expected = [Landmark(level, part, point) for level, members in (("C2", C2), ("S1", s1)) for part, point in members]
    assert annotation({"C2": C2, "S1": s1}) == ([], expected, [])


@pytest.mark.parametrize("level", ["C2", "S1", "L3"])
def test_four_corners_are_a_vertebra_of_any_level(level):
    assert annotation({level: [*named(), ("centroid", (60.0, 50.0))]}) == ([level], [], [])


def test_a_level_has_a_mask_or_landmarks_not_both():
    assert annotation({"C2": C2}, outlined={"C2", None}) == ([], [], [])
    assert annotation({"L3": C2[:1]}, outlined={"L3"}) == ([], [], [])


def test_landmarks_of_one_name_are_left_out_and_reported():
    levels, landmarks, (problem,) = annotation({"C2": [*C2, ("bottom left", (79.0, 60.0))]})
    assert levels == [] and [mark.part for mark in landmarks] == ["centroid", "bottom right"]
    assert "to give C2 one point called bottom left, but found 2" in str(problem) and not problem.fatal


def test_other_levels_need_a_body():
    with pytest.raises(DataError, match=r"a\.json` to give L3 four corners or an outline, but found centroid\. Add them"):
        annotation({"L3": C2[:1]})
    with pytest.raises(DataError, match=r"a\.json` to give L3 four corners, but found bottom left, bottom right\."):
        annotation({"L3": C2})


def spine(*levels):
    """Vertebrae from head to foot."""
    return [polygon_of(quad((30 + i, 12 + 14 * i), 20, 10), level, SIZE, PATH, None) for i, level in enumerate(levels)]


def in_order(vertebrae, *landmarks):
    return from_head_to_foot(Annotation(vertebrae, landmarks), SIZE, PATH)


def levels_of(vertebrae, *landmarks):
    return [vertebra.level for vertebra in in_order(vertebrae, *landmarks)]


def test_vertebrae_are_put_in_order():
    assert levels_of(spine("T12", "L1", "L2", "L4")[::-1]) == ["T12", "L1", "L2", "L4"]
    assert levels_of(spine("L5", None, "S1")[::-1]) == ["L5", None, "S1"]
    unnamed = spine(None, None, None)
    assert in_order([unnamed[1], unnamed[2], unnamed[0]]) == tuple(unnamed)


@pytest.mark.parametrize("levels", [("L1", "L2", "L1"), ("L1", None, "L1", "L2")])
def test_a_level_comes_once(levels):
    with pytest.raises(DataError, match=r"a\.json` to name each level once, but found L1 twice\. Correct the labels"):
        levels_of(spine(*levels))


@pytest.mark.parametrize("levels", [("L1", "L3", "L2"), ("L5", "L4", "L3"), ("C7", None, "C6")])
def test_levels_and_places_agree(levels):
    found = ", ".join(level for level in levels if level)
    with pytest.raises(DataError, match=rf"a\.json` to name levels from head to foot, but found {found}\. Correct the labels"):
        levels_of(spine(*levels))


def test_there_is_a_vertebra():
    with pytest.raises(DataError, match=r"a\.json` to have an annotated vertebra, but found none\. Annotate one, or leave the film out"):
        in_order([], Landmark("C2", "centroid", (30.0, 12.0)))


def test_landmarks_on_the_film_are_no_vertebrae():
    c2 = Landmark("C2", "centroid", (29.0, 5.0)), Landmark("C2", "bottom left", (0.0, 100.0)), Landmark("C2", "bottom right", (120.0, 0.0))
    assert levels_of(spine("C3", "C4")[::-1], *c2) == ["C3", "C4"]
    assert levels_of(spine(None, "C4"), c2[0]) == [None, "C4"]


@pytest.mark.parametrize("point", [(-0.5, 10.0), (120.5, 10.0), (30.0, -1.0), (30.0, 100.5), (float("nan"), 1.0)])
def test_landmarks_off_the_film_are_refused(point):
    with pytest.raises(DataError, match=r"a\.json` to give C2 a bottom left on the film of 120 x 100 pixels, but found \(.*\)\. Move it"):
        levels_of(spine("C3", "C4"), Landmark("C2", "bottom left", point))


def test_centroids_and_vertebrae_agree():
    with pytest.raises(DataError, match=r"to name levels from head to foot, but found C3, C4, C2\. Correct the labels"):
        levels_of(spine("C3", "C4"), Landmark("C2", "centroid", (32.0, 50.0)))
    with pytest.raises(DataError, match=r"to name each level once, but found C2 twice"):
        levels_of(spine("C2", "C3"), Landmark("C2", "centroid", (30.0, 5.0)))
