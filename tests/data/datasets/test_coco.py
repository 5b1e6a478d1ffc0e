"""Films of one's own in the COCO format, on small generated ones with every kind of annotation."""

import csv

import numpy as np
import pytest
from pycocotools import mask as run_lengths

from spinefm.data.datasets.coco import CocoDataset
from spinefm.geometry.masks import paste_mask, polygon_to_vertebra
from spinefm.structures import CENTROID, Landmark, View
from tests.layouts import coco
from tests.layouts.quads import fill
from tests.layouts.spines import SIZE, spine

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, of numpy

BODIES = list(coco.LEVELS[:-1])
RUN_LENGTHS, KEYPOINTS, POLYGONS, POLYGONS_AND_S1 = range(4)


@pytest.fixture
def root(tmp_path):
    return coco.write(tmp_path / "coco")


def open_(root, **options):
    return CocoDataset(str(root), **options)


def inspect(root, film, **options):
    (found,) = (each for each in open_(root, **options).inspect() if each.film_id == f"film_{film}")
    return found


def read(root, film, **options):
    inspection = inspect(root, film, **options)
    assert inspection.film is not None, inspection.problems
    return inspection.film


@pytest.mark.parametrize("film", [RUN_LENGTHS, KEYPOINTS, POLYGONS, POLYGONS_AND_S1])
def test_every_kind_of_annotation_gives_the_same_vertebrae(root, film):
    inspection = inspect(root, film)
    assert [vertebra.level for vertebra in inspection.film.vertebrae] == BODIES
    assert inspection.problems == ()
    for vertebra, corners in zip(inspection.film.vertebrae, spine(film, 6), strict=True):
        np.testing.assert_array_equal(paste_mask(vertebra, SIZE), fill(corners, SIZE))


def test_points_of_s1_become_landmarks(root):
    left, right = (tuple(point) for point in spine(POLYGONS_AND_S1, 7)[6][:2])
    assert read(root, POLYGONS_AND_S1).landmarks == (Landmark("S1", "top left", left), Landmark("S1", "top right", right))
    assert read(root, POLYGONS).landmarks == ()


def test_a_polygon_is_filled_and_not_grown(root):
    outline = [(30.2, 40.4), (60.9, 38.1), (70.3, 47.5), (52.8, 53.6), (31.1, 52.2)]
    coco.edit(root, POLYGONS, "L1", segmentation=[np.ravel(outline).tolist()])
    vertebra, expected = read(root, POLYGONS).vertebrae[1], polygon_to_vertebra(outline, SIZE)
    assert vertebra.box == expected.box and vertebra.centroid == expected.centroid
    np.testing.assert_array_equal(vertebra.mask, expected.mask)


def test_parts_of_a_polygon_are_one_vertebra(root):
    left, right = [30, 40, 40, 40, 40, 50, 30, 50], [46, 40, 56, 40, 56, 50, 46, 50]
    coco.edit(root, POLYGONS, "L1", segmentation=[left, right, [10, 10, 10.2, 10]])
    vertebra = read(root, POLYGONS).vertebrae[1]
    assert vertebra.box == (30, 40, 56, 50) and vertebra.mask.sum() == 200


def test_run_lengths_are_exact_packed_or_not(root):
    speckled = fill(spine(RUN_LENGTHS, 6)[1], SIZE) & (np.random.default_rng(0).random(SIZE) > 0.3)
    packed = run_lengths.encode(np.asfortranarray(speckled, dtype=np.uint8))
    edges = np.flatnonzero(np.diff(speckled.ravel(order="F"), prepend=False, append=False))
    counts = np.diff(edges, prepend=0, append=speckled.size).tolist()
    for each in (packed["counts"].decode(), counts):
        coco.edit(root, RUN_LENGTHS, "L1", segmentation={"size": list(SIZE), "counts": each})
        np.testing.assert_array_equal(paste_mask(read(root, RUN_LENGTHS).vertebrae[1], SIZE), speckled)


def test_a_vertebra_of_unknown_level(root):
    coco.rename_category(root, "L2", "Vertebra")
    for film in (RUN_LENGTHS, KEYPOINTS, POLYGONS):
        assert [vertebra.level for vertebra in read(root, film).vertebrae] == ["T12", "L1", None, "L3", "L4", "L5"]


def test_names_of_keypoints_in_any_spelling_and_a_centroid(root):
    with coco.edited(root / "annotations.json") as content:
        for category in content["categories"]:
            category["keypoints"] = ["Top_Left", "top-right", "BOTTOM RIGHT", "bottom left", "centroid"]
        content["annotations"] = [
            each | ({"keypoints": each["keypoints"] + [60, 145, 1]} if "keypoints" in each else {}) for each in content["annotations"]
        ]
    film = read(root, KEYPOINTS)
    assert [vertebra.level for vertebra in film.vertebrae] == BODIES
    assert Landmark("S1", CENTROID, (60.0, 145.0)) in film.landmarks and len(film.landmarks) == 3


def test_three_corners_and_a_centroid_are_landmarks(root):
    with coco.edited(root / "annotations.json") as content:
        s1 = coco.find(content, KEYPOINTS, "S1")
        s1["keypoints"] = [*coco.keypoints_of(spine(KEYPOINTS, 7)[6], marked=3)["keypoints"], 60, 145, 1]
        content["categories"][-1]["keypoints"] = [*content["categories"][-1]["keypoints"], "centroid"]
    film = read(root, KEYPOINTS)
    assert [mark.part for mark in film.landmarks] == ["top left", "top right", "bottom right", "centroid"]


def test_four_corners_in_two_annotations_are_a_vertebra(root):
    corners = spine(KEYPOINTS, 7)[6]
    upper, lower = ([value for i in range(4) for value in ((*corners[i], 2) if i in half else (0, 0, 0))] for half in ((0, 1), (2, 3)))
    coco.edit(root, KEYPOINTS, "S1", keypoints=upper)
    coco.add(root, KEYPOINTS, "S1", keypoints=lower)
    film = read(root, KEYPOINTS)
    assert [vertebra.level for vertebra in film.vertebrae] == [*BODIES, "S1"] and film.landmarks == ()
    np.testing.assert_array_equal(paste_mask(film.vertebrae[-1], SIZE), fill(corners, SIZE))


def test_films_of_one_name_in_two_folders_are_called_by_both(root):
    (root / "images" / "b").mkdir()
    (root / "images" / "film_2.png").rename(root / "images" / "b" / "film_1.png")
    with coco.edited(root / "annotations.json") as content:
        content["images"][2]["file_name"] = "b/film_1.png"
    films = {each.film_id: each.film for each in open_(root).inspect()}
    assert list(films) == ["film_0", "film_1", "b_film_1", "film_3", "film_4", "film_5"]
    np.testing.assert_array_equal(paste_mask(films["b_film_1"].vertebrae[0], SIZE), fill(spine(2, 6)[0], SIZE))


def test_a_vertebra_with_an_outline_needs_no_landmarks(root):
    coco.add(root, POLYGONS_AND_S1, "S1", **coco.polygon_of(spine(POLYGONS_AND_S1, 7)[6]))
    film = read(root, POLYGONS_AND_S1)
    assert [vertebra.level for vertebra in film.vertebrae] == [*BODIES, "S1"] and film.landmarks == ()


def test_corners_under_exchanged_names_are_mended_and_told(root):
    corners = spine(KEYPOINTS, 6)[1]
    coco.edit(root, KEYPOINTS, "L1", **coco.keypoints_of(corners[[1, 0, 2, 3]]))
    inspection = inspect(root, KEYPOINTS)
    np.testing.assert_array_equal(paste_mask(inspection.film.vertebrae[1], SIZE), fill(corners, SIZE))
    (problem,) = inspection.problems
    assert not problem.fatal and "annotations.json` to give L1 each of its corners under its own name" in str(problem)


def test_the_table_tells_what_coco_has_no_place_for(root):
    with (root / "films.csv").open("w", newline="") as file:
        rows = [("film_1", "anna", "lateral_lumbar", 0.2, "test"), ("film_2", "anna", "", "", "test"), ("film_3", "bo", "", "", "train")]
        csv.writer(file).writerows([("film_id", "patient_id", "view", "spacing_mm", "split"), *rows])
    film, other = read(root, 1, view="ap_spine"), read(root, 2, view="ap_spine")
    assert (film.patient_id, film.view, film.spacing_mm) == ("anna", View.LATERAL_LUMBAR, 0.2)
    assert (other.patient_id, other.view, other.spacing_mm) == ("anna", View.AP_SPINE, None)
    assert [each.film_id for each in open_(root).split("test")] == ["film_1", "film_2"]


def test_nothing_is_printed(root, capfd):
    list(open_(root).inspect())
    assert capfd.readouterr().out == ""


def test_what_a_film_depends_on_changes_its_key(root):
    def keys(**options):
        dataset = open_(root, **options)
        return {source.film_id: dataset.key(source) for source in dataset.sources}

    def changed(before):
        return [film_id for film_id, key in keys().items() if before[film_id] != key]

    first = keys()
    assert first == keys(seed=2) and not set(first.values()) & set(keys(view="ap_spine").values())
    coco.edit(root, POLYGONS, "L1", segmentation=[[30, 40, 50, 40, 50, 50]])
    assert changed(first) == ["film_2"]
    second = keys()
    (root / "films.csv").write_text("film_id,spacing_mm\nfilm_3,0.2\n")
    assert changed(second) == ["film_3"]
    third = keys()
    coco.rename_category(root, "L2", "vertebra")
    assert len(changed(third)) == 6


def test_a_split_without_films_names_their_table_first(root):
    with pytest.raises(ValueError, match=r"Give it some, by the column `split` of `films\.csv`, `test\.txt` or `dataset\.fractions`\.$"):
        open_(root, fractions={"train": 1.0}).some_of("test")
