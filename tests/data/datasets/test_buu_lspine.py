"""BUU-LSPINE, on small generated films in the publisher's layout."""

import numpy as np
import pytest

from spinefm.data.datasets.buu_lspine import BuuLspineDataset, patient_key
from spinefm.data.problems import DataError
from spinefm.data.reading.corners import CORNERS
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Landmark, View
from tests.layouts import buu_lspine
from tests.layouts.quads import fill
from tests.layouts.spines import SIZE, spine

LEVELS = ["L1", "L2", "L3", "L4", "L5"]
FACES_LEFT, FACES_RIGHT = "LA_0001-F-037Y0", "LA_0002-M-038Y0"


@pytest.fixture
def root(tmp_path):
    return buu_lspine.write(tmp_path / "buu")


def open_(root, **options):
    return BuuLspineDataset(str(root), **options)


def inspect(root, **options):
    return {inspection.film_id: inspection for inspection in open_(root, **options).inspect()}


def edit(root, film_id, change):
    """Change the rows of a film's table in place."""
    path = root / film_id[:2] / f"{film_id[3:]}.csv"
    rows = buu_lspine.read_table(path)
    buu_lspine.write_table(path, change(rows) or rows)


@pytest.mark.parametrize(("film_id", "number"), [(FACES_LEFT, 0), (FACES_RIGHT, 1), ("AP_0003-F-039Y0", 2), ("LA_0004-M-040Y0", 3)])
def test_a_film_with_its_vertebrae(root, film_id, number):
    inspection = inspect(root)[film_id]
    film = inspection.film
    view = {"LA": View.LATERAL_LUMBAR, "AP": View.AP_SPINE}[film_id[:2]]
    assert (film.film_id, film.patient_id, film.view, film.size, film.spacing_mm) == (film_id, f"{number + 1:04d}", view, SIZE, None)
    assert [vertebra.level for vertebra in film.vertebrae] == LEVELS
    assert inspection.problems == ()
    for vertebra, corners in zip(film.vertebrae, spine(number, 5), strict=True):
        # The table has two decimals.
        assert np.mean(paste_mask(vertebra, SIZE) != fill(corners, SIZE)) < 1e-4


@pytest.mark.parametrize(("film_id", "number"), [(FACES_LEFT, 0), (FACES_RIGHT, 1)])
def test_the_endplate_of_s1_becomes_two_landmarks_by_their_sides_on_the_film(root, film_id, number):
    left, right = (tuple(point) for point in spine(number, 6)[5][:2].round(2))
    film = inspect(root)[film_id].film
    assert film.landmarks == (Landmark("S1", "top left", left), Landmark("S1", "top right", right))
    assert {mark.part for mark in film.landmarks} <= set(CORNERS)


def test_ap_films_have_no_s1(root):
    assert [inspect(root)[film_id].film.landmarks for film_id in ("AP_0003-F-039Y0", "AP_0006-M-042Y0")] == [(), ()]


def test_both_views_of_a_patient_share_a_split(tmp_path):
    dataset = open_(buu_lspine.write(tmp_path / "buu", num_films=10, both=True))
    assert len(dataset) == 20 and dataset.problems == ()
    for source in dataset.sources:
        (other,) = (each for each in dataset.sources if each.patient_id == source.patient_id and each.view is not source.view)
        assert dataset.split_of(other) == dataset.split_of(source)
    assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [14, 2, 4]


@pytest.mark.parametrize(
    "disorder",
    [
        lambda rows: [rows[0][2:] + rows[0][:2], *rows[1:]],  # The ends of one endplate.
        lambda rows: [rows[1], rows[0], *rows[2:]],  # The endplates of one vertebra.
    ],
)
def test_what_leaves_no_doubt_is_mended_and_told(root, disorder):
    whole = inspect(root)[FACES_RIGHT].film
    edit(root, FACES_RIGHT, disorder)
    inspection = inspect(root)[FACES_RIGHT]
    np.testing.assert_array_equal(paste_mask(inspection.film.vertebrae[0], SIZE), paste_mask(whole.vertebrae[0], SIZE))
    (problem,) = inspection.problems
    assert not problem.fatal and "0002-M-038Y0.csv` to give L1 its endplates and their ends in order" in str(problem)


def shifted(rows):
    return [[value + 500 for value in row] for row in rows]


def flat(rows):
    rows[3] = rows[2]


def three_cornered(rows):
    rows[3][:2] = rows[2][:2]


def exchanged(rows):
    """L2 where L4 is, and the other way round."""
    return [*rows[:2], *rows[6:8], *rows[4:6], *rows[2:4], *rows[8:]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows[:-2], r"10 or 11 rows of x1, y1, x2, y2, but found an array of shape \(9, 4\)"),
        (lambda rows: [*rows, rows[-1]], r"found an array of shape \(12, 4\)"),
        (lambda rows: [row[:3] for row in rows], r"found an array of shape \(11, 3\)"),
        (lambda rows: [[float("nan"), *row[1:]] for row in rows], r"10 or 11 rows"),
        (shifted, "to give L1 two endplates on the film"),
        (flat, "to give L2 two endplates on the film"),
        (three_cornered, "to give L2 two endplates on the film"),
        (exchanged, "to name levels from head to foot, but found L1, L4, L3, L2, L5"),
    ],
)
def test_tables_of_something_else_are_refused(root, change, expected):
    edit(root, FACES_LEFT, change)
    inspected = inspect(root)
    assert [film_id for film_id, inspection in inspected.items() if inspection.film is None] == [FACES_LEFT]
    with pytest.raises(DataError, match=rf"0001-F-037Y0.*{expected}"):
        list(open_(root, fractions={"train": 1.0}).split("train"))


@pytest.mark.parametrize("content", ["", "x1,y1,x2,y2\n1,2,3,4\n", "1;2;3;4\n" * 11, "1,2,3,4\n1,2\n", b"\xff\xfe\x00", "9" * 200_000])
def test_what_is_no_table_is_refused(root, content):
    path = root / "LA" / "0001-F-037Y0.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (problem,) = inspect(root)[FACES_LEFT].problems
    assert problem.path == path and problem.fatal and "rows of x1, y1, x2, y2" in problem.expected and problem.remedy == "Copy it again."


def test_a_table_without_its_film_is_fatal(root):
    (root / "LA" / "0001-F-037Y0.jpg").unlink()
    with pytest.raises(DataError, match=r"0001-F-037Y0\.csv` to have one film in LA, but found none called 0001-F-037Y0\. Complete the"):
        open_(root).split("train")


def test_of_several_films_of_one_name_none_is_taken(root):
    (root / "LA" / "0001-F-037Y0.bmp").touch()
    dataset = open_(root, fractions={"train": 1.0})
    (problem,) = dataset.problems
    assert FACES_LEFT not in {source.film_id for source in dataset.sources} and problem.film_id == FACES_LEFT and problem.fatal
    assert "to have one film in LA, but found 0001-F-037Y0.bmp and 0001-F-037Y0.jpg. Remove all but one." in str(problem)


def test_films_without_a_table_and_hidden_files_are_passed_over(root):
    (root / "LA" / "0001-F-037Y0.csv").unlink()
    (root / "LA" / "._0002-M-038Y0.csv").write_bytes(b"\0\5\26\7")
    dataset = open_(root, fractions={"train": 1.0})
    assert len(dataset) == 5 and dataset.problems == ()


def test_folders_tell_the_views(root):
    assert {film_id[:2] for film_id in inspect(root, folders={"AP": "ap_spine"})} == {"AP"}
    (root / "LA").rename(root / "lateral")
    assert inspect(root, folders={"lateral": "unknown"})["lateral_0001-F-037Y0"].film.view is View.UNKNOWN
    assert len(open_(root)) == 2
    with pytest.raises(DataError, match=r"annotated films of `dataset=buu_lspine`, but found none.*dataset\.root"):
        open_(root, folders={"LA": "lateral_lumbar"})


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent.*the folder of BUU-LSPINE.*nothing at this path.*dataset\.root"):
        open_(tmp_path / "absent")


def test_a_row_changes_the_key_of_its_film_alone(root):
    def keys():
        dataset = open_(root)
        return {source.film_id: dataset.key(source) for source in dataset.sources}

    before = keys()
    edit(root, FACES_LEFT, lambda rows: [[value + 1 for value in rows[0]], *rows[1:]])
    assert [film_id for film_id, key in keys().items() if before[film_id] != key] == [FACES_LEFT]


@pytest.mark.parametrize(("stem", "key"), [("0001-F-037Y0", "0001"), ("0123-M-061Y2", "0123"), ("anonymous", "anonymous")])
def test_patients_are_the_digits_before_the_first_hyphen(stem, key):
    assert patient_key(stem) == key
