"""NHANES II, on small generated films in the layout of the original SpineFM."""

import logging
from pathlib import Path

import numpy as np
import pytest

from spinefm.data.datasets.nhanes2 import Nhanes2Dataset
from spinefm.data.problems import DataError
from spinefm.geometry.masks import paste_mask
from spinefm.structures import View
from tests.layouts import nhanes2
from tests.layouts.quads import fill
from tests.layouts.spines import SIZE, spine


@pytest.fixture
def root(tmp_path):
    return nhanes2.write(tmp_path / "nhanes2")


def open_(root, **options):
    return Nhanes2Dataset(str(root), **options)


def films_of(dataset):
    return {inspection.film_id: inspection.film for inspection in dataset.inspect()}


def members(dataset):
    return {split: [film.film_id for film in dataset.split(split)] for split in ("train", "val", "test")}


@pytest.mark.parametrize(
    ("film_id", "number", "view", "levels"),
    [
        ("C00001", 0, View.LATERAL_CERVICAL, ["C2", "C3", "C4", "C5", "C6", "C7", "T1"]),
        ("L00004", 3, View.LATERAL_LUMBAR, ["T12", "L1", "L2", "L3", "L4", "L5", "S1"]),
    ],
)
def test_a_film_with_its_vertebrae(root, film_id, number, view, levels):
    film = films_of(open_(root))[film_id]
    assert (film.film_id, film.patient_id, film.view, film.size, film.landmarks) == (film_id, film_id[1:], view, SIZE, ())
    assert [vertebra.level for vertebra in film.vertebrae] == levels
    for vertebra, corners in zip(film.vertebrae, spine(number, 7), strict=True):
        np.testing.assert_array_equal(paste_mask(vertebra, SIZE), fill(corners, SIZE))


def test_twelve_bits_become_display_values(root):
    film = films_of(open_(root))["C00003"]
    assert (root / "imgs" / "C00003.tiff").is_file()
    bone = np.any([paste_mask(vertebra, SIZE) for vertebra in film.vertebrae], axis=0)
    assert film.pixels.dtype == np.uint8
    assert film.pixels[bone].mean() > 210 and film.pixels[~bone].mean() < 40


def test_spacing_is_that_of_the_scanner_unless_it_is_given(root):
    assert {film.spacing_mm for film in films_of(open_(root)).values()} == {0.174}
    assert {film.spacing_mm for film in films_of(open_(root, spacing_mm=0.2)).values()} == {0.2}


@pytest.mark.parametrize("suffix", ["", ".jpg", ".tiff"])
def test_films_are_divided_as_published(root, suffix):
    nhanes2.write_lists(root, {"train": [f"C00005{suffix}", f"L00002{suffix}"], "val": [f"C00001{suffix}"], "test": [f"L00006{suffix}"]})
    dataset = open_(root)
    assert members(dataset) == {"train": ["C00005", "L00002"], "val": ["C00001"], "test": ["L00006"]}
    (problem,) = dataset.problems
    assert not problem.fatal and problem.found == "2 films without one, which are left out"
    assert [each.film_id for each in dataset.inspect() if each.split is None] == ["C00003", "L00004"]


def test_published_lists_may_divide_a_subject_with_a_warning(tmp_path, caplog):
    root = nhanes2.write(tmp_path / "nhanes2", ids=("C00001", "L00002", "L00001", "C00004"))
    dataset = open_(root)
    assert members(dataset) == {"train": ["C00001", "L00002"], "val": ["L00001"], "test": ["C00004"]}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "films of patient '00001' in both train and val" in record.message


@pytest.mark.parametrize("seed", range(3))
def test_without_lists_both_films_of_a_subject_share_a_split(tmp_path, seed):
    subjects = [f"{number:05d}" for number in range(10, 20)]
    root = nhanes2.write(tmp_path / "nhanes2", lists=False, ids=tuple(letter + subject for subject in subjects for letter in "CL"))
    dataset = open_(root, seed=seed)
    splits = {subject: {dataset.split_of(source) for source in dataset.sources if source.patient_id == subject} for subject in subjects}
    assert [len(each) for each in splits.values()] == [1] * len(subjects)
    assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [14, 2, 4]
    assert dataset.problems == ()


def test_lists_name_films_that_are_there(root):
    nhanes2.write_lists(root, {"train": ["C00001", "C99999"]})
    with pytest.raises(DataError, match=r"train\.txt.*'C99999', of which there is no annotated film.*Complete the data set or the list"):
        open_(root).split("train")


def test_masks_without_a_film_are_fatal(root, caplog):
    (root / "imgs" / "C00001.jpg").unlink()
    nhanes2.write_lists(root, {"train": ["L00002"], "val": ["C00003"], "test": ["L00004"]})
    dataset = open_(root)
    with pytest.raises(DataError, match=r"C00001_C2\.npy.*one film in imgs.*none called C00001.*Complete the data set"):
        dataset.split("test")
    assert len(films_of(dataset)) == len(dataset) == 5
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_films_without_masks_are_passed_over(root):
    for path in (root / "gts").glob("C00001_*"):
        path.unlink()
    nhanes2.write_lists(root, {"train": ["L00002"]})
    assert "C00001" not in films_of(open_(root))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C00001", r"called <film id>_<level>.*the level 'C00001'.*Rename it"),
        ("C00001_C8", r"called <film id>_<level>.*the level 'C8'.*Rename it"),
        ("X00001_C2", r"one film in imgs.*none called X00001.*Complete the data set"),
    ],
)
def test_names_tell_film_and_level(root, name, expected):
    (root / "gts" / "C00001_C2.npy").rename(root / "gts" / f"{name}.npy")
    with pytest.raises(DataError, match=rf"{name}\.npy.*{expected}"):
        open_(root).split("train")


def test_names_tell_the_view(root):
    for path in [root / "imgs" / "C00001.jpg", *(root / "gts").glob("C00001_*")]:
        path.rename(path.with_name(path.name.replace("C", "X", 1)))
    nhanes2.write_lists(root, {"train": ["L00002"]})
    with pytest.raises(
        DataError, match=r"X00001\.jpg` to be called C or L and a number, but found 'X00001'\. Rename the film and its masks"
    ):
        open_(root).split("train")
    assert len(open_(root, exclude=["X00001"]).split("train")) == 1


def test_files_that_an_archive_of_macos_brings_along_are_skipped(root):
    (root / "gts" / "._C00001_C2.npy").write_bytes(b"\0\5\26\7")
    assert open_(root).problems == ()


def test_a_damaged_mask_costs_its_film_only(root):
    np.save(root / "gts" / "C00001_C4.npy", np.ones((10, 10), dtype=bool))
    inspected = {inspection.film_id: inspection for inspection in open_(root).inspect()}
    assert [film_id for film_id, inspection in inspected.items() if inspection.film is None] == ["C00001"]
    (problem,) = inspected["C00001"].problems
    assert problem.path.name == "C00001_C4.npy" and problem.fatal and "(180, 120)" in problem.expected and "(10, 10)" in problem.found


@pytest.mark.parametrize("folder", ["gts", ""])
def test_missing_folders_are_named(root, folder):
    (root / folder).rename(root.parent / "elsewhere")
    with pytest.raises(DataError, match=r"nhanes2.*nothing at this path.*dataset\.root=<folder>"):
        open_(root)


def test_what_a_film_depends_on_changes_its_key(root):
    def keys(**options):
        dataset = open_(root, **options)
        return {source.film_id: dataset.key(source) for source in dataset.sources}

    def changed(path: Path):
        before = keys()
        path.write_bytes(path.read_bytes() + b"\0")
        return [film_id for film_id, key in keys().items() if before[film_id] != key]

    assert keys() == keys(seed=5)
    assert not set(keys().values()) & set(keys(spacing_mm=0.2).values())
    assert changed(root / "imgs" / "C00003.tiff") == ["C00003"]
    assert changed(root / "gts" / "L00002_L5.npy") == ["L00002"]
