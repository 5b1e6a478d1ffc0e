"""What a COCO file can get wrong: a film that cannot be used costs that film, a file that cannot be trusted the whole data set."""

import pytest

from spinefm.data.datasets.coco import CocoDataset
from spinefm.data.problems import DataError
from tests.layouts import coco
from tests.layouts.spines import SIZE, spine

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, of numpy

RUN_LENGTHS, KEYPOINTS, POLYGONS = range(3)


@pytest.fixture
def root(tmp_path):
    return coco.write(tmp_path / "coco")


def open_(root, **options):
    return CocoDataset(str(root), **options)


def inspect(root, film):
    (found,) = (each for each in open_(root).inspect() if each.film_id == f"film_{film}")
    return found


def problem_of(root, film):
    inspection = inspect(root, film)
    assert inspection.film is None
    return str(inspection.problems[-1])


# One film


@pytest.mark.parametrize(
    ("film", "level", "fields", "expected"),
    [
        (POLYGONS, "L1", {"segmentation": None}, "to give L1 a segmentation, or keypoints called centroid, top left"),
        (POLYGONS, "L1", {"segmentation": []}, "in its category, but found 0 numbers for []. Correct the category."),
        (KEYPOINTS, "L1", {"keypoints": [0] * 12}, "to give L1 four corners, but found none. Correct the labels."),
        (POLYGONS, "L1", {"segmentation": [[500, 500, 520, 500, 520, 520]]}, "a mask on its film of 120 x 180 pixels, but found 0 pixels"),
        (POLYGONS, "L1", {"segmentation": [[30, 40, 50]]}, "to hold polygons or run lengths, but found ValueError in annotation"),
        (RUN_LENGTHS, "L1", {"segmentation": {"size": [90, 120], "counts": [0, 200, 10600]}}, "but found 200 pixels of one of 120 x 90"),
        (RUN_LENGTHS, "L1", {"segmentation": {"size": list(SIZE), "counts": "nonsense"}}, "to hold polygons or run lengths"),
        (RUN_LENGTHS, "L1", {"segmentation": {"size": list(SIZE), "counts": [-1, 21601]}}, "to hold polygons or run lengths"),
        (RUN_LENGTHS, "L1", {"segmentation": {"size": [180], "counts": [21600]}}, "to hold polygons or run lengths"),
        (RUN_LENGTHS, "L1", {"segmentation": {"size": list(SIZE)}}, "to hold polygons or run lengths, but found KeyError"),
        (
            KEYPOINTS,
            "L1",
            {"keypoints": [30, 40, 2] * 3},
            "but found 9 numbers for ['top left', 'top right', 'bottom right', 'bottom left']",
        ),
        (
            KEYPOINTS,
            "L1",
            {"keypoints": [30, 40, 2] * 3 + [0, 0, 0]},
            "to give L1 four corners, but found top left, top right, bottom right",
        ),
        (KEYPOINTS, "L1", {"keypoints": [30, 40, 2] * 4}, "to give L1 corners around its body"),
    ],
)
def test_annotations_that_are_no_vertebra(root, film, level, fields, expected):
    coco.edit(root, film, level, **fields)
    assert expected in problem_of(root, film) and problem_of(root, film).startswith(f"film_{film}: Expected `")
    assert sum(inspection.film is None for inspection in open_(root).inspect()) == 1


@pytest.mark.parametrize("kind", [coco.polygon_of, coco.keypoints_of])
def test_a_level_twice_is_refused(root, kind):
    """Two bodies of one level are not pieced together into one."""
    with coco.edited(root / "annotations.json") as content:
        coco.find(content, KEYPOINTS, "L2")["category_id"] = coco.LEVELS.index("L1") + 1
    assert "to name each level once, but found L1 twice" in problem_of(root, KEYPOINTS)
    coco.add(root, POLYGONS, "L1", **kind(spine(POLYGONS, 7)[6]))
    assert "to name each level once, but found L1 twice" in problem_of(root, POLYGONS)


@pytest.mark.parametrize("names", [None, [], ["top left", "top right"], ["top left", "top right", "bottom right", "nose"]])
def test_categories_name_their_keypoints(root, names):
    with coco.edited(root / "annotations.json") as content:
        for category in content["categories"]:
            category.update(keypoints=names)
            if names is None:
                del category["keypoints"]
    message = problem_of(root, KEYPOINTS)
    assert "to give T12 a segmentation, or keypoints called centroid, top left" in message and "Correct the category." in message
    assert inspect(root, POLYGONS).film is not None


def test_categories_name_levels(root):
    coco.rename_category(root, "L2", "pedicle")
    assert "to use labels such as C3, L1, vertebra" in problem_of(root, POLYGONS) and "'pedicle'" in problem_of(root, POLYGONS)


def test_a_film_has_the_size_at_which_it_was_annotated(root):
    with coco.edited(root / "annotations.json") as content:
        content["images"][POLYGONS]["width"] = 240
    assert "film_2.png` to be annotated at its size, 120 x 180, but found 240 x 180 in `annotations.json`" in problem_of(root, POLYGONS)


def test_a_film_of_unstated_size_is_taken_as_it_is(root):
    with coco.edited(root / "annotations.json") as content:
        for image in content["images"]:
            del image["width"], image["height"]
    assert all(inspection.film is not None for inspection in open_(root).inspect())


# The data set


def test_a_missing_film_is_fatal(root):
    (root / "images" / "film_2.png").unlink()
    with pytest.raises(
        DataError, match=r"film_2\.png.*to be a film of `annotations\.json`.*no such file.*Add the film, correct `dataset\.images`, or"
    ):
        open_(root).split("train")
    assert len(open_(root, exclude=["film_2"]).split("train")) > 0


def test_images_without_annotations_are_passed_over_even_if_they_are_missing(root):
    with coco.edited(root / "annotations.json") as content:
        content["annotations"] = [each for each in content["annotations"] if each["image_id"] != 102]
        content["images"].append({"id": 7, "file_name": "not copied.png", "width": 1, "height": 1})
    dataset = open_(root, fractions={"train": 1.0})
    (problem,) = dataset.problems
    assert "annotations.json` to annotate every image, but found 2 images without annotation. They are not used." in str(problem)
    assert not problem.fatal
    assert [source.film_id for source in dataset.sources] == ["film_0", "film_1", "film_3", "film_4", "film_5"]


@pytest.mark.parametrize("name", ["film_1.png", "film_1.jpg"])
def test_files_of_one_name_in_one_folder_are_refused(root, name):
    """Else the annotations of one would be lost."""
    with coco.edited(root / "annotations.json") as content:
        content["images"][2]["file_name"] = name
    with pytest.raises(DataError, match=r"file name of its own, but found 'film_1' twice\. Rename or remove one of the two"):
        open_(root)


def without(key):
    return lambda content: content.pop(key)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (without("categories"), "found no 'categories'"),
        (without("annotations"), "found no 'annotations'"),
        (without("images"), "found no 'images'"),
        (lambda content: content["annotations"][0].pop("image_id"), "found no 'image_id'"),
        (lambda content: content["annotations"][0].update(category_id=99), "annotations of the category_id '99', which is not there"),
        (lambda content: content["annotations"][0].update(image_id=99), "annotations of the image_id '99', which is not there"),
        (lambda content: content["images"][0].pop("file_name"), "image 100 has no file_name"),
        (lambda content: content["images"][1].update(id=100), "found images that share the id 100"),
        (lambda content: content["images"].insert(0, 7), "found something of another structure"),
        (lambda content: content["categories"][1].update(id=1), "found categories that share the id 1"),
    ],
)
def test_what_is_no_coco_file_is_refused(root, damage, found):
    with coco.edited(root / "annotations.json") as content:
        damage(content)
    with pytest.raises(DataError, match=rf"annotations\.json.*to be a COCO file.*{found}.*Export it again"):
        open_(root)


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '"text"'])
def test_what_is_no_json_object_is_refused(root, content):
    (root / "annotations.json").write_text(content)
    with pytest.raises(DataError, match=r"annotations\.json.*to be a COCO file.*Export it again") as caught:
        open_(root)
    assert "Error" not in str(caught.value)


def test_missing_files_name_the_option(root):
    with pytest.raises(DataError, match=r"train\.json.*no such file.*dataset\.annotations=<file below the root>"):
        open_(root, annotations="train.json")
    with pytest.raises(DataError, match=r"absent.*nothing at this path.*dataset\.root"):
        open_(root / "absent")
