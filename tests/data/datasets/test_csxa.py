"""CSXA on tiny films in both of its layouts, with the faults of the published annotation. Its table: test_csxa_spacings.py."""

import shutil

import numpy as np
import pytest
from PIL import Image

from spinefm.data.datasets.csxa import CsxaDataset
from spinefm.data.problems import DataError
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Landmark, View
from tests.layouts import csxa
from tests.layouts.labelme_file import CORNERS, edited, find, shape, write_labelme
from tests.layouts.quads import fill

FIRST, SECOND, THIRD = map(csxa.film_id, range(3))


@pytest.fixture
def root(tmp_path):
    """Three films as published."""
    return csxa.write(tmp_path / "csxa", num_films=3)


@pytest.fixture
def masked(tmp_path):
    """Four films as the original SpineFM has them."""
    return csxa.write(tmp_path / "masked", num_films=4, layout="spinefm")


def inspect(root, **options):
    return {each.film_id: each for each in CsxaDataset(str(root), **options).inspect()}


def annotation(root, film=FIRST):
    return root / "datasets-JSON" / f"{film}.json"


def assert_as_drawn(film, index):
    assert [vertebra.level for vertebra in film.vertebrae] == list(csxa.LEVELS)
    for vertebra, corners in zip(film.vertebrae, csxa.quads(index).values(), strict=True):
        np.testing.assert_array_equal(paste_mask(vertebra, film.size), fill(corners, csxa.SIZE))


def test_a_film_with_its_vertebrae(root):
    films = inspect(root)
    assert list(films) == ["0000140", "0001241", "0002142"]
    for index, inspection in enumerate(films.values()):
        film = inspection.film
        assert inspection.problems == ()
        assert (film.patient_id, film.view, film.size) == (f"000{index}", View.LATERAL_CERVICAL, csxa.SIZE)
        assert_as_drawn(film, index)
        for vertebra, corners in zip(film.vertebrae, csxa.quads(index).values(), strict=True):
            assert vertebra.centroid == pytest.approx(corners.mean(0), abs=0.3)
            assert vertebra.mask.sum() == pytest.approx(30 * 18, rel=0.04)


def test_c2_has_three_points_and_no_mask(root):
    film = inspect(root)[SECOND].film
    assert film.landmarks == tuple(Landmark("C2", part, point) for part, point in csxa.c2_points(1).items())
    assert "C2" not in [vertebra.level for vertebra in film.vertebrae]


def test_both_layouts_give_the_same_masks(root, masked):
    published, others = inspect(root), inspect(masked)
    for film_id in published:
        first, second = published[film_id].film, others[film_id].film
        np.testing.assert_array_equal(first.pixels, second.pixels)
        assert (first.patient_id, first.view) == (second.patient_id, second.view) and second.landmarks == ()
        for one, other in zip(first.vertebrae, second.vertebrae, strict=True):
            assert (one.level, one.box) == (other.level, other.box)
            np.testing.assert_array_equal(one.mask, other.mask)


def test_published_lists_are_used(root, masked):
    dataset = CsxaDataset(str(masked))
    ids = {split: [film.film_id for film in dataset.split(split)] for split in ("train", "val", "test")}
    assert ids == {"train": ["0000140", "0001241"], "val": ["0002142"], "test": ["0003243"]}
    assert {each.film_id: each.split for each in dataset.inspect()}["0003243"] == "test"
    (root / "train.txt").write_text(f"{THIRD}\n{FIRST}.png\n")
    (root / "test.txt").write_text(f"{SECOND}\n")
    dataset = CsxaDataset(str(root))
    assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [2, 0, 1]


def test_a_patient_in_two_published_splits_is_refused(masked):
    for folder, name in [("imgs", f"{FIRST}.png"), *(("gts", f"{FIRST}_{level}.npz") for level in csxa.LEVELS)]:
        shutil.copy(masked / folder / name, masked / folder / name.replace(FIRST, "0000299"))
    (masked / "data_split" / "test.txt").write_text("0003243\n0000299\n")
    dataset = CsxaDataset(str(masked))
    with pytest.raises(DataError, match=r"one split, but found films of patient '0000' in both train and test\. Move the patient's"):
        dataset.split("train")
    assert len(list(dataset.inspect())) == 5


def test_a_damaged_copy_of_the_film_and_its_size_are_not_looked_at(root):
    with edited(annotation(root)) as content:
        content.update(imageData="bm8gaW1hZ2U=", imageHeight=9, imageWidth=9)
    with edited(annotation(root, SECOND)) as content:
        del content["imageData"], content["imageHeight"], content["imageWidth"]
    films = inspect(root)
    assert_as_drawn(films[FIRST].film, 0)
    assert_as_drawn(films[SECOND].film, 1)


def only_problem(root, film=FIRST):
    """The note about a film that is as it was drawn all the same."""
    inspection = inspect(root)[film]
    assert_as_drawn(inspection.film, int(film[:4]))
    (problem,) = inspection.problems
    assert not problem.fatal
    return problem


@pytest.mark.parametrize("place", [0, None], ids=["first", "last"])
def test_a_label_twice_beside_all_others(root, place):
    """As in 2548130.json."""
    x, y = csxa.quads(0)["C3"][1] + (9, -7)
    with edited(annotation(root)) as content:
        content["shapes"].insert(len(content["shapes"]) if place is None else place, shape("C3 top right", [(x, y)], "point"))
    problem = only_problem(root)
    assert problem.path == annotation(root) and "to give C3 each of its corners under its own name" in str(problem)


def test_a_label_twice_instead_of_another(root):
    with edited(annotation(root)) as content:
        find(content, "C3 bottom right")["label"] = "C3 top right"
    assert "two with one name" in only_problem(root).found


@pytest.mark.parametrize(
    "order", [(1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2), (2, 3, 0, 1)], ids=["bow tie above", "below", "mirrored", "upside down"]
)
def test_exchanged_names_are_mended(root, order):
    with edited(annotation(root)) as content:
        shapes = [find(content, f"C5 {name}") for name in CORNERS]
        for each, name in zip(shapes, (CORNERS[i] for i in order), strict=True):
            each["label"] = f"C5 {name}"
    assert "two with one name or exchanged" in only_problem(root).found


def test_dark_bone_is_turned_over(root):
    path = root / "datasets-PNG" / f"{FIRST}.png"
    bright = np.asarray(Image.open(path).convert("L"))
    Image.fromarray(255 - bright).save(path)
    films = inspect(root)
    (problem,) = films[FIRST].problems
    assert "show bone bright, but found dark bone. It was turned over." in str(problem) and problem.path == path and not problem.fatal
    np.testing.assert_array_equal(films[FIRST].film.pixels, bright)
    assert films[SECOND].problems == ()


def missing_corner(content):
    content["shapes"].remove(find(content, "C4 top left"))


def c2_as_polygon(content):
    find(content, "C2 centroid")["points"] *= 3


def unknown_label(content):
    find(content, "C7 top left")["label"] = "C8 top left"


def off_the_film(content):
    for name in CORNERS:
        find(content, f"C6 {name}")["points"][0][0] += 500


def two_levels_exchanged(content):
    for name in CORNERS:
        first, second = find(content, f"C4 {name}"), find(content, f"C5 {name}")
        first["label"], second["label"] = second["label"], first["label"]


def c2_off_the_film(content):
    find(content, "C2 bottom left")["points"][0][0] = -9


def c2_below_c7(content):
    find(content, "C2 centroid")["points"][0][1] = 179


def c2_only(content):
    content["shapes"] = content["shapes"][:3]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (missing_corner, r"json` to give C4 four corners, but found top right, bottom right, bottom left\. Correct"),
        (c2_as_polygon, r"json` to give 'C2 centroid' one point, but found 3\. Draw it as a point"),
        (unknown_label, r"json` to use labels such as .*, but found 'C8 top left'\. Correct"),
        (off_the_film, r"json` to give C6 corners around its body, on the film, but found \[\[5.*\. Draw them again"),
        (two_levels_exchanged, r"` to name levels from head to foot, but found C2, C3, C5, C4, C6, C7\. Correct"),
        (c2_off_the_film, r"json` to give C2 a bottom left on the film of 130 x 180 pixels, but found \(-9\.0, .*\. Move it"),
        (c2_below_c7, r"json` to name levels from head to foot, but found C3, C4, C5, C6, C7, C2\. Correct"),
        (c2_only, r"` to have an annotated vertebra, but found none\. Annotate one"),
    ],
)
def test_a_film_that_cannot_be_used_is_named_and_spoils_no_other(root, fault, message):
    with edited(annotation(root, SECOND)) as content:
        fault(content)
    films = inspect(root)
    (problem,) = films[SECOND].problems
    assert films[SECOND].film is None and problem.fatal
    with pytest.raises(DataError, match=rf"Expected `.*{SECOND}.*{message}"):
        raise DataError(problem)
    assert_as_drawn(films[FIRST].film, 0)
    assert_as_drawn(films[THIRD].film, 2)


def test_an_annotation_without_its_film_is_refused(root):
    (root / "datasets-PNG" / f"{SECOND}.png").unlink()
    dataset = CsxaDataset(str(root))
    assert [each.film_id for each in dataset.inspect()] == [FIRST, THIRD]
    with pytest.raises(DataError, match=rf"{SECOND}\.json` to have its film in datasets-PNG, but found no `{SECOND}\.png`\. Complete"):
        dataset.split("train")
    rest = CsxaDataset(str(root), exclude=[SECOND], fractions={"train": 1.0})
    assert rest.problems == () and len(rest.split("train")) > 0


def test_masks_without_their_film_are_refused(masked):
    (masked / "imgs" / f"{SECOND}.png").unlink()
    with pytest.raises(DataError, match=rf"{SECOND}_C3\.npz` to have one film in imgs, but found none called {SECOND}\. Complete"):
        CsxaDataset(str(masked)).split("train")


def test_hidden_files_of_a_mac_are_no_annotations(root):
    (root / "datasets-JSON" / f"._{FIRST}.json").write_bytes(b"\x00\x05\x16\x07")
    assert len(inspect(root)) == 3
    assert len(CsxaDataset(str(root)).split("train")) > 0


def test_an_empty_or_missing_root_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"absent` to be the folder of CSXA, but found nothing at this path\. Set `dataset\.root"):
        CsxaDataset(str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"gts` to be the folder of masks, but found nothing at this path"):
        CsxaDataset(str(tmp_path))
    (tmp_path / "datasets-JSON").mkdir()
    with pytest.raises(DataError, match="to hold annotated films of `dataset=csxa`, but found none"):
        CsxaDataset(str(tmp_path))
    write_labelme(tmp_path / "datasets-JSON" / f"{FIRST}.json", [], csxa.SIZE)
    with pytest.raises(DataError, match="to have its film in datasets-PNG"):
        CsxaDataset(str(tmp_path))
