"""Which files of a folder are films."""

import numpy as np
import pydicom
import pytest
from PIL import Image

from spinefm.data.problems import DataError
from spinefm.data.reading.film_folders import ImageFolder, find_films, passed_over
from tests.dicom_files import write_dicom


def test_films_of_a_name_are_found_in_every_format(tmp_path):
    for name in ("a.png", "a.Tif", "a.dcm", "a.txt", "ab.png", "b.jpeg"):
        (tmp_path / name).touch()
    (tmp_path / "a.jpg").mkdir()
    assert [path.name for path in ImageFolder(tmp_path).named("a")] == ["a.dcm", "a.png", "a.Tif"]
    assert ImageFolder(tmp_path).named("c") == ImageFolder(tmp_path / "absent").named("a") == []


def test_of_films_of_one_name_there_is_to_be_one(tmp_path):
    for name in ("a.png", "a.TIF", "b.jPEG"):
        (tmp_path / name).touch()
    images = ImageFolder(tmp_path)
    assert images.only("b", tmp_path / "b.csv") == tmp_path / "b.jPEG"
    for stem, found in (("a", "a.png and a.TIF. Remove all but one."), ("c", "none called c. Complete the data set.")):
        with pytest.raises(DataError, match=rf"{stem}\.csv` to have one film in {tmp_path.name}, but found {found}"):
            images.only(stem, tmp_path / f"{stem}.csv")


def test_find_films(tmp_path):
    for name in ("b.Png", "a.jpg", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    write_dicom(tmp_path / "IM0001", np.eye(3))
    assert [path.name for path in find_films(tmp_path)] == ["IM0001", "a.jpg", "b.Png"]
    assert find_films(tmp_path / "a.jpg") == [tmp_path / "a.jpg"]


@pytest.mark.parametrize(
    ("kind", "is_film"),
    [
        ("MediaStorageDirectoryStorage", False),
        ("BasicTextSRStorage", False),
        ("GrayscaleSoftcopyPresentationStateStorage", False),
        ("DigitalXRayImageStorageForPresentation", True),
        ("SecondaryCaptureImageStorage", True),
        ("1.2.3.4", True),
        ("1.2\\1.2", True),
    ],
)
@pytest.mark.parametrize("name", ["DICOMDIR", "IM1.dcm"])
def test_dicom_files_without_a_picture_are_no_films(tmp_path, kind, is_film, name):
    path = tmp_path / name
    write_dicom(path, np.eye(30))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.MediaStorageSOPClassUID = getattr(pydicom.uid, kind, kind)
    dataset.save_as(path)
    Image.fromarray(np.zeros((30, 30), dtype=np.uint8)).save(tmp_path / "a.png")
    assert (path in find_films(tmp_path)) == is_film
    assert passed_over(tmp_path, find_films(tmp_path)).startswith("" if is_film else "1 other file (1 ")


def test_find_films_tells_what_is_wrong(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no film")
    for place, found in (
        (tmp_path, r"1 other file \(1 \.txt\), and 1 folder, not searched"),
        (tmp_path / "empty", "nothing"),
        (tmp_path / "absent", "nothing at this path"),
        (tmp_path / "notes.txt", "a file of another format"),
    ):
        with pytest.raises(DataError, match=f"but found {found}"):
            find_films(place)


def test_files_that_are_passed_over_are_counted_by_suffix(tmp_path):
    for name in ("a.png", "b.dcm.gz", "c.dcm.gz", "1.2.840.txt", "README", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    films = find_films(tmp_path)
    assert passed_over(tmp_path, films) == "4 other files (2 .dcm.gz, 1 .txt, 1 without suffix), and 1 folder, not searched"
    every_file = [*tmp_path.glob("*.*"), tmp_path / "README"]
    assert passed_over(tmp_path, every_file) == "1 folder, not searched"
    (tmp_path / "another").mkdir()
    assert passed_over(tmp_path, every_file) == "2 folders, not searched"
    assert passed_over(tmp_path / "another", []) == ""


def test_of_many_suffixes_the_most_frequent_are_named(tmp_path):
    for name in ("a.txt", "b.txt", *(f"1.2.840.{number}" for number in range(4))):
        (tmp_path / name).write_bytes(b"x")
    assert passed_over(tmp_path, []) == "6 other files (2 .txt, 1 .0, 1 .1, 1 .2, 1 .3)"
    for number in range(4, 400):
        (tmp_path / f"1.2.840.{number}").write_bytes(b"x")
    assert passed_over(tmp_path, []) == "402 other files (2 .txt, 1 .0, 1 .1, 1 .10, 1 .100, and others)"
