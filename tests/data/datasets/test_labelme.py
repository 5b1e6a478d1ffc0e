"""Somebody's own films with LabelMe files beside them. Files that cannot be used: test_labelme_faults.py."""

import numpy as np
import pytest
from PIL import Image

from spinefm.data.datasets.labelme import LabelmeDataset
from spinefm.data.problems import DataError
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Landmark, View
from tests.dicom_files import write_dicom
from tests.layouts import labelme
from tests.layouts.labelme_file import edited, find, mask_shape, shape, write_labelme
from tests.layouts.quads import fill


@pytest.fixture
def root(tmp_path):
    """Three films."""
    return labelme.write(tmp_path / "films", num_films=3)


def inspect(root, **options):
    return {each.film_id: each for each in LabelmeDataset(str(root), **options).inspect()}


def film_of(root, film_id="film_0", **options):
    inspection = inspect(root, **options)[film_id]
    assert inspection.problems == ()
    return inspection.film


def test_films_with_their_vertebrae(root):
    films = inspect(root)
    assert list(films) == ["film_0", "film_1", "film_2"]
    for index, inspection in enumerate(films.values()):
        film = inspection.film
        assert inspection.problems == ()
        assert (film.patient_id, film.view, film.spacing_mm) == (f"patient {index}", View.LATERAL_LUMBAR, labelme.SPACING_MM)
        assert [vertebra.level for vertebra in film.vertebrae] == list(labelme.LEVELS)
        for vertebra, corners in zip(film.vertebrae, labelme.quads(index).values(), strict=True):
            np.testing.assert_array_equal(paste_mask(vertebra, labelme.SIZE), fill(corners, labelme.SIZE))
            assert vertebra.centroid == pytest.approx(corners.mean(0), abs=0.3)
            assert vertebra.mask.sum() == pytest.approx(32 * 18, rel=0.04)


def test_single_points_of_s1_are_landmarks(root):
    films = inspect(root)
    assert films["film_1"].film.landmarks == tuple(Landmark("S1", part, point) for part, point in labelme.s1_points().items())
    assert films["film_0"].film.landmarks == ()


def test_points_beside_an_outline_are_no_landmarks(root):
    with edited(root / "film_1.json") as content:
        content["shapes"].append(shape("S1", [(60, 164.5), (92, 174), (80, 185), (62, 182)], "polygon"))
    film = film_of(root, "film_1")
    assert [vertebra.level for vertebra in film.vertebrae] == [*labelme.LEVELS, "S1"] and film.landmarks == ()


@pytest.mark.parametrize("corners", [(0, 2), (2, 0), (1, 3), (3, 1), (0, 1, 2, 3)])
def test_rectangles_are_known_by_any_two_opposite_corners_or_all(root, corners):
    ring = labelme.quads(0)[labelme.RECTANGLE]
    with edited(root / "film_0.json") as content:
        find(content, labelme.RECTANGLE)["points"] = ring[list(corners)].tolist()
    found = film_of(root).vertebrae[labelme.LEVELS.index(labelme.RECTANGLE)]
    np.testing.assert_array_equal(paste_mask(found, labelme.SIZE), fill(ring, labelme.SIZE))


def test_masks_of_the_ai_tools(root):
    mask = np.tri(18, 32, 6) > 0
    x, y = labelme.quads(0)["L5"].min(0).astype(int)
    with edited(root / "film_0.json") as content:
        find(content, "L5").update(mask_shape("L5", mask, (x, y)))
    expected = np.zeros(labelme.SIZE, dtype=bool)
    expected[y : y + 18, x : x + 32] = mask
    np.testing.assert_array_equal(paste_mask(film_of(root).vertebrae[-1], labelme.SIZE), expected)


def test_polygons_of_many_points_in_either_direction(root):
    ring = labelme.quads(0)["L1"]
    with edited(root / "film_0.json") as content:
        between = (ring + np.roll(ring, -1, axis=0)) / 2
        find(content, "L1")["points"] = np.stack([ring, between], axis=1).reshape(-1, 2)[::-1].tolist()
    np.testing.assert_array_equal(paste_mask(film_of(root).vertebrae[1], labelme.SIZE), fill(ring, labelme.SIZE))


def test_the_order_of_the_shapes_does_not_matter(root):
    with edited(root / "film_1.json") as content:
        content["shapes"].reverse()
    assert [vertebra.level for vertebra in film_of(root, "film_1").vertebrae] == list(labelme.LEVELS)


def test_vertebrae_may_be_of_unknown_level(root):
    with edited(root / "film_0.json") as content:
        for each in content["shapes"][1:]:
            each["label"] = "vertebra"
        content["shapes"].reverse()
    film = film_of(root)
    assert [vertebra.level for vertebra in film.vertebrae] == ["T12", *[None] * 5]
    heights = [vertebra.centroid[1] for vertebra in film.vertebrae]
    assert heights == sorted(heights)


def test_dark_bone_is_turned_over(root):
    bright = np.asarray(Image.open(root / "film_0.png"))
    Image.fromarray(255 - bright).save(root / "film_0.png")
    inspection = inspect(root)["film_0"]
    (problem,) = inspection.problems
    assert problem.path == root / "film_0.png" and "dark bone. It was turned over." in str(problem) and not problem.fatal
    np.testing.assert_array_equal(inspection.film.pixels, bright)


@pytest.mark.parametrize("size", [{}, {"imageHeight": None, "imageWidth": None}])
def test_a_damaged_copy_of_the_film_is_not_looked_at_and_its_size_need_not_be_told(root, size):
    before = film_of(root)
    with edited(root / "film_0.json") as content:
        del content["imageHeight"], content["imageWidth"]
        content.update(imageData="bm8gaW1hZ2U=", **size)
    for first, second in zip(before.vertebrae, film_of(root).vertebrae, strict=True):
        np.testing.assert_array_equal(first.mask, second.mask)


def test_films_lie_in_any_folder_and_have_any_format(root):
    (root / "2024" / "May").mkdir(parents=True)
    Image.open(root / "film_1.png").save(root / "2024" / "May" / "film_1.Tif", format="TIFF")
    (root / "film_1.json").rename(root / "2024" / "May" / "film_1.json")
    (root / "film_1.png").unlink()
    film = film_of(root, "film_1")
    assert film.patient_id == "patient 1" and len(film.vertebrae) == 6


def test_the_table_knows_the_spacing_better_than_the_film(root):
    pixels = np.asarray(Image.open(root / "film_1.png"))
    (root / "film_1.png").unlink()
    write_dicom(root / "film_1.dcm", pixels, PixelSpacing=[0.25, 0.25])
    assert film_of(root, "film_1").spacing_mm == labelme.SPACING_MM
    (root / "films.csv").unlink()
    assert film_of(root, "film_1").spacing_mm == 0.25


def test_names_become_safe(root):
    for suffix in (".png", ".json"):
        (root / f"film_0{suffix}").rename(root / f"Ms. X (2){suffix}")
    assert "Ms._X_2_" in inspect(root)


def move(root, film_id, place):
    for suffix in (".png", ".json"):
        (root / place).parent.mkdir(exist_ok=True)
        (root / f"{film_id}{suffix}").rename(root / f"{place}{suffix}")


def test_films_of_one_name_in_two_folders_are_called_by_both(root):
    move(root, "film_0", "p1/lat")
    move(root, "film_1", "p2/lat")
    labelme.write_table(root, [("p1_lat", "x", "", "", ""), ("p2/lat", "y", "", "", "")])
    films = inspect(root)
    assert {film_id: each.film.patient_id for film_id, each in films.items()} == {"film_2": "film_2", "p1_lat": "x", "p2_lat": "y"}
    assert len(films["p2_lat"].film.landmarks) == 2


def test_ids_that_are_alike_with_their_folders_are_refused(root):
    move(root, "film_0", "p1/lat")
    move(root, "film_1", "p2/lat")
    move(root, "film_2", "p1_lat")
    with pytest.raises(DataError, match=r"lat\.png` to have a film id of its own, but found 'p1_lat' twice, also .*lat\.png"):
        LabelmeDataset(str(root))


def test_of_several_films_of_one_name_the_annotated_one_is_taken(root):
    with Image.open(root / "film_0.png") as film:
        film.point(lambda value: value // 2).save(root / "film_0.bmp")
    for named, brightest in (("film_0.png", 219), ("..\\scans\\film_0.bmp", 109), ("scans/film_0.bmp", 109)):
        with edited(root / "film_0.json") as content:
            content["imagePath"] = named
        assert film_of(root).pixels.max() == pytest.approx(brightest, abs=3)


def test_films_without_an_annotation_are_noted(root):
    (root / "film_0.json").unlink()
    (root / "film_1.json").rename(root / ".film_1.json")
    (root / ".trash").mkdir()
    Image.open(root / "film_0.png").save(root / ".trash" / "film_9.png")
    (problem,) = (problem for problem in LabelmeDataset(str(root), fractions={"train": 1.0}).problems if "films.csv" not in str(problem))
    assert "films` to hold an annotation for each film, but found 2 films without one, such as `film_0.png`. They" in str(problem)
    assert not problem.fatal and problem.film_id == ""


def test_without_a_table_a_film_is_its_own_patient(root):
    (root / "films.csv").unlink()
    film = film_of(root, view="ap_spine")
    assert (film.patient_id, film.view, film.spacing_mm) == ("film_0", View.AP_SPINE, None)


def test_the_table_counts_more_than_the_default(root):
    labelme.write_table(root, [("film_0", "", "", "", ""), ("film_1", "x", "lateral_cervical", 0.2, "")])
    films = inspect(root, view="ap_spine")
    found = {film_id: (each.film.patient_id, each.film.view, each.film.spacing_mm) for film_id, each in films.items()}
    assert found == {
        "film_0": ("film_0", View.AP_SPINE, None),
        "film_1": ("x", View.LATERAL_CERVICAL, 0.2),
        "film_2": ("film_2", View.AP_SPINE, None),
    }


def test_films_of_a_patient_stay_together(tmp_path):
    root = labelme.write(tmp_path, num_films=12)
    labelme.write_table(root, [(labelme.film_id(index), f"p{index // 3}", "", "", "") for index in range(12)])
    dataset = LabelmeDataset(str(root), fractions={"train": 0.5, "val": 0.25, "test": 0.25})
    patients = [{film.patient_id for film in dataset.split(split)} for split in ("train", "val", "test")]
    assert [len(each) for each in patients] == [2, 1, 1] and len(set.union(*patients)) == 4


def test_splits_of_the_table_are_used(root):
    labelme.write_table(root, [(labelme.film_id(i), i, "", "", split) for i, split in enumerate(("test", "train", "val"))])
    dataset = LabelmeDataset(str(root))
    found = {split: [film.film_id for film in dataset.split(split)] for split in ("train", "val", "test")}
    assert found == {"train": ["film_1"], "val": ["film_2"], "test": ["film_0"]}


def test_rows_of_no_film_are_noted(root):
    labelme.write_table(root, [(film_id, film_id, "", "", "") for film_id in ("film_0", "film_1", "film_2", "film_9")])
    dataset = LabelmeDataset(str(root), fractions={"train": 1.0})
    (problem,) = dataset.problems
    assert "films.csv` to name films that are annotated, but found 1 other rows, such as 'film_9'" in str(problem)
    assert not problem.fatal and len(dataset.split("train")) > 0


def test_a_film_is_read_anew_when_its_row_its_annotation_or_its_view_changes(root):
    def keys(**options):
        dataset = LabelmeDataset(str(root), **options)
        return [dataset.key(source) for source in dataset.sources]

    labelme.write_table(root, [("film_0", "x", "", 0.2, "")])
    first = keys()
    assert keys() == first
    labelme.write_table(root, [("film_0", "x", "", 0.3, "")])
    second = keys()
    assert [old == new for old, new in zip(first, second, strict=True)] == [False, True, True]
    write_labelme(root / "film_1.json", [], labelme.SIZE)
    assert [old == new for old, new in zip(second, keys(), strict=True)] == [True, False, True]
    assert not set(second) & set(keys(view="ap_spine"))


def test_the_table_tells_who_annotated_a_film(root):
    labelme.write_table(root, [("film_0", "dr_lee"), ("film_1", "7"), ("film_2", "")], header=("film_id", "reader"))
    assert [film_of(root, f"film_{i}").reader for i in range(3)] == ["dr_lee", "7", None]
    dataset = LabelmeDataset(str(root), readers=["dr_lee", 7, "dr_kim"])
    (problem,) = (problem for problem in dataset.problems if "readers" in str(problem))
    assert dataset.readers == ("dr_lee", "7", "dr_kim")
    assert "to hold films of all `dataset.readers`, but found none of 'dr_kim'. Correct" in str(problem) and not problem.fatal


def test_a_split_without_films_names_their_table_first(root):
    with pytest.raises(ValueError, match=r"Give it some, by the column `split` of `films\.csv`, `test\.txt` or `dataset\.fractions`\.$"):
        LabelmeDataset(str(root), fractions={"train": 1.0}).some_of("test")
