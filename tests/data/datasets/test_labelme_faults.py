"""LabelMe files that cannot be used: each is named, with what was expected and what to do, and spoils no other film."""

import re

import numpy as np
import pytest

from spinefm.data.datasets.labelme import LabelmeDataset
from spinefm.data.problems import DataError
from tests.layouts import labelme
from tests.layouts.labelme_file import edited, find, mask_shape, shape


@pytest.fixture
def root(tmp_path):
    """Three films; the second has corners of L1."""
    return labelme.write(tmp_path / "films", num_films=3)


def assert_only_the_second_is_refused(root, message):
    """Found by `inspect`, which goes on, and by whoever reads it to train on it."""
    dataset = LabelmeDataset(str(root), fractions={"train": 1.0, "val": 0.0, "test": 0.0})
    films = list(dataset.inspect())
    assert [each.film is not None for each in films] == [True, False, True]
    (problem,) = films[1].problems
    assert problem.fatal and re.search(rf"Expected `.*film_1\.(json|png)` {message}", str(problem))
    with pytest.raises(DataError, match=message):
        dataset.split("train")[1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "JSONDecodeError"),
        ('{"shapes": [{"label": "L1", "poi', "JSONDecodeError"),
        ("[]", "AttributeError"),
        ("{}", "ValueError: no list of shapes"),
        ('{"shapes": null}', "ValueError: no list of shapes"),
    ],
)
def test_other_files(root, text, found):
    (root / "film_1.json").write_text(text)
    assert_only_the_second_is_refused(root, rf"to be a LabelMe file, but found {found}.*\. Save it again with LabelMe\.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"shapes": [{"points": [[1, 1]]}]}', "KeyError: 'label'"),
        ('{"shapes": [3]}', "TypeError"),
        ('{"shapes": [{"label": "L1"}]}', "KeyError: 'points'"),
        ('{"shapes": [{"label": "L1", "points": [1, 2]}]}', "TypeError"),
        ('{"shapes": [{"label": "L1", "points": [[1, 2, 3]]}]}', "ValueError: too many values"),
        ('{"shapes": [{"label": "L1", "points": [["left", 2]]}]}', "ValueError: could not convert"),
        ('{"shapes": [{"label": "L1", "points": [[NaN, 2], [3, 4], [9, 0]]}]}', r"ValueError: a point at \(nan, 2"),
    ],
)
def test_other_shapes(root, text, found):
    (root / "film_1.json").write_text(text)
    expected = r"to hold shapes with a label and points \(x, y\)"
    assert_only_the_second_is_refused(root, rf"{expected}, but found {found}.*\. Save it again with LabelMe\.")


def test_a_file_that_is_no_text(root):
    (root / "film_1.json").write_bytes(b"\xff\xfe\x00\x80")
    assert_only_the_second_is_refused(root, r"to be a LabelMe file.*but found UnicodeDecodeError")


@pytest.mark.parametrize("label", ["C9", "vertebra top left", "femur", "L1 left"])
def test_unknown_labels(root, label):
    with edited(root / "film_1.json") as content:
        find(content, "L2")["label"] = label
    message = rf"to use labels such as C3, L1, vertebra, or a level and centroid, .*, but found '{label}'\. Correct the label\."
    assert_only_the_second_is_refused(root, message)


def level_twice(content):
    find(content, "L2")["label"] = "T12"


def level_twice_by_corners_and_outline(content):
    content["shapes"].append(shape("L1", labelme.quads(1)["L1"], "polygon"))


def wrong_order(content):
    upper, lower = find(content, "L2"), find(content, "L4")
    upper["label"], lower["label"] = "L4", "L2"


def upside_down(content):
    for each in content["shapes"]:
        each["points"] = [(x, labelme.SIZE[0] - y) for x, y in each["points"]]
        each["label"] = each["label"].replace("top", "old").replace("bottom", "top").replace("old", "bottom")


def incomplete_corners(content):
    content["shapes"].remove(find(content, "L1 bottom left"))


def centroid_only(content):
    find(content, "L2").update(label="L2 centroid", points=[[60, 70]], shape_type="point")


def off_the_film(content):
    find(content, "L5")["points"] = [[500, 500], [530, 500], [530, 520]]


def line(content):
    find(content, "L5")["points"] = [[20, 30], [50, 30]]


def circle(content):
    find(content, "L5").update(points=[[20, 30], [25, 30]], shape_type="circle")


def mask_without_picture(content):
    find(content, "L5").update(mask_shape("L5", np.ones((9, 12)), (20, 30)) | {"mask": "bm9uZQ=="})


def mask_without_place(content):
    find(content, "L5").update(mask_shape("L5", np.ones((9, 12)), (20, 30)) | {"points": []})


def mask_off_the_film(content):
    find(content, "L5").update(mask_shape("L5", np.ones((9, 12)), (-400, 30)))


def no_points(content):
    find(content, "L5")["points"] = []


def corner_of_two_points(content):
    find(content, "L1 top left")["points"] *= 2


def mask_of_one_value(content):
    find(content, "L5").update(mask_shape("L5", np.zeros((9, 12)), (20, 30)))


def mask_that_is_cut_off(content):
    mask = mask_shape("L5", np.random.default_rng(0).random((40, 40)) > 0.5, (20, 30))
    find(content, "L5").update(mask | {"mask": mask["mask"][:80]})


def another_size(content):
    content["imageWidth"] = 240


def landmark_off_the_film(content):
    find(content, "S1 top right")["points"] = [[130, 174]]


def nothing(content):
    content["shapes"] = []


def landmarks_only(content):
    content["shapes"] = content["shapes"][-2:]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (level_twice, r"to name each level once, but found T12 twice\. Correct the labels\."),
        (level_twice_by_corners_and_outline, r"to name each level once, but found L1 twice\. Correct the labels\."),
        (wrong_order, r"to name levels from head to foot, but found T12, L1, L4, L3, L2, L5\. Correct the labels\."),
        (upside_down, r"to name levels from head to foot, but found L5, L4, L3, L2, L1, T12\. Correct the labels\."),
        (incomplete_corners, r"to give L1 four corners, but found top left, top right, bottom right\. Correct the labels\."),
        (centroid_only, r"to give L2 four corners or an outline, but found centroid\. Add them\."),
        (off_the_film, r"to give L5 a polygon on the film of 120 x 190 pixels, but found 3 points off it or on a line\. Draw it again\."),
        (line, r"to give L5 a polygon on the film of 120 x 190 pixels, but found 2 points\. Draw it again\."),
        (circle, r"to outline 'L5' by a polygon, rectangle or mask, but found a circle\. Draw it again\."),
        (mask_without_picture, r"to hold a mask of 'L5', but found UnidentifiedImageError.*Draw it again\."),
        (mask_without_place, r"to hold a mask of 'L5', but found IndexError.*Draw it again\."),
        (mask_off_the_film, r"to give 'L5' a mask on the film, but found an empty one\. Draw it again\."),
        (mask_of_one_value, r"to give 'L5' a mask on the film, but found an empty one\. Draw it again\."),
        (mask_that_is_cut_off, r"to hold a mask of 'L5', but found \w+: .*Draw it again\."),
        (another_size, r"to be of its film's size, 120 x 190, but found 240 x 190\. Annotate this copy of the film\."),
        (landmark_off_the_film, r"to give S1 a top right on the film of 120 x 190 pixels, but found \(130\.0, 174\.0\)\. Move it\."),
        (no_points, r"to give L5 a polygon on the film of 120 x 190 pixels, but found 0 points\. Draw it again\."),
        (corner_of_two_points, r"to give 'L1 top left' one point, but found 2\. Draw it as a point\."),
        (nothing, r"to have an annotated vertebra, but found none\. Annotate one, or leave the film out\."),
        (landmarks_only, r"to have an annotated vertebra, but found none\. Annotate one, or leave the film out\."),
    ],
)
def test_faulty_shapes(root, fault, message):
    with edited(root / "film_1.json") as content:
        fault(content)
    assert_only_the_second_is_refused(root, message)


def test_a_damaged_film(root):
    path = root / "film_1.png"
    path.write_bytes(path.read_bytes()[:500])
    assert_only_the_second_is_refused(root, r"to be a complete image, but found one that cannot be decoded .*Copy the file again")


def test_several_films_none_of_which_was_annotated(root):
    (root / "film_1.png").rename(root / "film_1.jpg")
    (root / "film_1.bmp").write_bytes((root / "film_0.png").read_bytes())
    dataset = LabelmeDataset(str(root), fractions={"train": 1.0})
    (problem,) = dataset.problems
    assert problem.film_id == "film_1" and len(dataset.sources) == 2
    with pytest.raises(DataError, match=r"film_1\.json` to name its film, but found film_1\.bmp and film_1\.jpg\. Remove all but one"):
        dataset.split("test")
    assert LabelmeDataset(str(root), exclude=["film_1"]).split_of(dataset.sources[0]) is not None


def test_an_annotation_without_its_film(root):
    (root / "film_1.png").unlink()
    dataset = LabelmeDataset(str(root))
    assert [each.film_id for each in dataset.inspect() if each.film] == ["film_0", "film_2"]
    with pytest.raises(DataError, match=r"film_1\.json` to lie beside its film, but found no film of this name\. Add the film or remove"):
        dataset.split("test")


def test_no_annotation_with_a_film(root):
    for path in root.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"film_0\.json` to lie beside its film"):
        LabelmeDataset(str(root))


def test_no_annotation(tmp_path):
    with pytest.raises(DataError, match=r"to hold annotated films of `dataset=labelme`, but found none\. Set `dataset\.root=<folder>`"):
        LabelmeDataset(str(tmp_path))


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match=r"absent` to be the folder of your films, but found nothing at this path\. Set `dataset\.root"):
        LabelmeDataset(str(tmp_path / "absent"))


def test_hidden_files_and_folders_hold_no_annotations(root):
    (root / "._film_1.json").write_bytes(b"\x00\x05\x16\x07")
    (root / ".ipynb_checkpoints").mkdir()
    (root / ".ipynb_checkpoints" / "film_1.json").write_text("{}")
    dataset = LabelmeDataset(str(root), fractions={"train": 1.0})
    assert len(dataset.sources) == 3 and dataset.problems == ()


def test_a_table_that_cannot_be_read_is_refused_at_once(root):
    labelme.write_table(root, [("film_0", "x", "sideways", "", "")])
    with pytest.raises(DataError, match=r"films\.csv` to hold a view .*'sideways'.* in line 2"):
        LabelmeDataset(str(root))
