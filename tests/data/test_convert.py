"""Conversion: what is written in another format reads the same, mask by mask."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spinefm.data.convert import labelme_content, write_coco, write_labelme
from spinefm.data.datasets.coco import CocoDataset
from spinefm.data.datasets.labelme import LabelmeDataset
from spinefm.data.reading.film_table import FilmRow, write_film_table
from spinefm.data.synthetic import SyntheticDataset
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.structures import Landmark, View
from tests.layouts import nhanes2
from tests.scripts import FILMS, fails, names, run

FORMATS = {"labelme": (write_labelme, LabelmeDataset), "coco": (write_coco, CocoDataset)}
every_format = pytest.mark.parametrize("form", FORMATS)
MARKS = (Landmark("C2", "centroid", (20.5, 8.25)), Landmark("C2", "bottom left", (15.0, 12.0)))


@pytest.fixture(scope="module")
def films(make_film):
    simulated = list(SyntheticDataset({"train": 3}, scale=0.3).split("train"))
    marked = make_film("marked", levels=("C3", "C4", "C5", "C6", "C7"))
    unnamed = make_film("unnamed", levels=(None, None, None))
    return [*simulated, replace(marked, landmarks=MARKS, view=View.LATERAL_CERVICAL), unnamed]


def round_trip(folder, films, form):
    write, read = FORMATS[form]
    folder.mkdir(exist_ok=True)
    write(folder, films)
    write_film_table(folder / "films.csv", {film.film_id: FilmRow(film.patient_id, film.view, film.spacing_mm, "train") for film in films})
    return {film.film_id: film for film in read(str(folder)).split("train")}


@every_format
def test_films_come_back_as_they_were(tmp_path, films, form):
    found = round_trip(tmp_path, films, form)
    assert set(found) == {film.film_id for film in films}
    for film in films:
        again = found[film.film_id]
        np.testing.assert_array_equal(again.pixels, film.pixels)
        assert (again.view, again.patient_id, again.spacing_mm) == (film.view, film.patient_id, film.spacing_mm)
        assert [vertebra.level for vertebra in again.vertebrae] == [vertebra.level for vertebra in film.vertebrae]
        assert set(again.landmarks) == set(film.landmarks)


@every_format
def test_masks_come_back_exactly(tmp_path, films, form):
    found = round_trip(tmp_path, films, form)
    pairs = [pair for film in films for pair in zip(film.vertebrae, found[film.film_id].vertebrae, strict=True)]
    whole = [(before, after) for before, after in pairs if len(pieces(before.mask)) == 1]
    assert len(whole) > 0.9 * len(pairs)
    for before, after in whole if form == "labelme" else pairs:
        np.testing.assert_array_equal(paste_mask(after, (2000, 2000)), paste_mask(before, (2000, 2000)))


@every_format
def test_films_that_are_called_like_files_keep_their_patients(tmp_path, make_film, form):
    films = [replace(make_film(film_id), patient_id="anna") for film_id in ("case1.dcm", "case2.dcm")]
    assert {film_id: film.patient_id for film_id, film in round_trip(tmp_path, films, form).items()} == {
        "case1.dcm": "anna",
        "case2.dcm": "anna",
    }


def pieces(mask):
    """Outer contours and holes, as somebody else counts them."""
    import cv2

    contours, _ = cv2.findContours(np.pad(mask, 1).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return contours


def in_two_parts(make_film):
    film = make_film("split", levels=("L1", "L2", "L3"))
    mask = paste_mask(film.vertebrae[1], film.size)
    mask[5:8, 5:8] = True
    return replace(film, vertebrae=(film.vertebrae[0], mask_to_vertebra(mask, level="L2"), film.vertebrae[2]))


def test_a_mask_in_two_parts_survives_in_coco(tmp_path, make_film):
    film = in_two_parts(make_film)
    again = round_trip(tmp_path, [film], "coco")["split"]
    np.testing.assert_array_equal(paste_mask(again.vertebrae[1], film.size), paste_mask(film.vertebrae[1], film.size))


def test_labelme_takes_the_larger_part_and_says_so(tmp_path, make_film, caplog):
    again = round_trip(tmp_path, [in_two_parts(make_film)], "labelme")["split"]
    assert again.vertebrae[1].mask.sum() == make_film("split", levels=("L1", "L2", "L3")).vertebrae[1].mask.sum()
    assert "split: L2 has several parts" in caplog.text


def test_labelme_files_are_what_labelme_writes(films):
    content = labelme_content(films[3])
    assert {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"} == set(content)
    assert (content["imagePath"], content["imageData"]) == ("marked.png", None)
    assert [shape["label"] for shape in content["shapes"]][-2:] == ["C2 centroid", "C2 bottom left"]
    assert all(len(shape["points"]) == 1 for shape in content["shapes"] if shape["shape_type"] == "point")


def test_coco_files_are_what_pycocotools_reads(tmp_path, films, capsys):
    from pycocotools.coco import COCO

    write_coco(tmp_path, films)
    coco = COCO(str(tmp_path / "annotations.json"))
    capsys.readouterr()
    bodies = [shape for shape in coco.anns.values() if "segmentation" in shape]
    assert len(bodies) == sum(len(film.vertebrae) for film in films)
    for shape in bodies:
        # COCO's own filling of a polygon differs from ours by up to a pixel along the edge.
        assert coco.annToMask(shape).sum() == pytest.approx(shape["area"], rel=0.35)
        assert coco.cats[shape["category_id"]]["name"] in ("vertebra", *(vertebra.level for film in films for vertebra in film.vertebrae))


@every_format
def test_splits_come_along(tmp_path, form):
    run("convert", tmp_path, *FILMS, f"format={form}", "output=own")
    own = FORMATS[form][1](str(tmp_path / "own"))
    for split in ("train", "val", "test"):
        assert [film.film_id for film in own.split(split)] == [f"{split}_{i:04d}" for i in range(3)]


@every_format
def test_patients_whose_films_are_in_two_splits_are_divided_anew(tmp_path, form):
    root = nhanes2.write(tmp_path / "nhanes2", num_films=6, lists=False, ids=("C00001", "L00001", "C00002", "L00002", "C00003", "C00004"))
    nhanes2.write_lists(root, {"train": ["C00001", "C00002", "C00003"], "val": ["L00001", "L00002"], "test": ["C00004"]})
    run("convert", tmp_path, "dataset=nhanes2", f"dataset.root={root}", f"format={form}", "output=own")
    own = FORMATS[form][1](str(tmp_path / "own"))
    assert sum(len(own.split(split)) for split in ("train", "val", "test")) == 6


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("years of work")
    told = fails("convert", tmp_path, *FILMS, "output=own")
    assert "an empty or a new folder" in told
    assert names(tmp_path / "own") == {"thesis.txt"}


def test_a_format_that_does_not_exist_is_refused(tmp_path):
    assert "labelme, coco, but got 'yolo'" in fails("convert", tmp_path, *FILMS, "format=yolo", "output=own")


def test_what_cannot_be_used_is_left_out_and_listed(tmp_path, make_film):
    write_labelme(tmp_path, [make_film("good"), make_film("bad")])
    content = json.loads((tmp_path / "bad.json").read_text())
    content["shapes"][0]["label"] = "C9"
    (tmp_path / "bad.json").write_text(json.dumps(content))
    told = fails("convert", tmp_path, "dataset=labelme", f"dataset.root={tmp_path}", "format=coco", f"output={tmp_path / 'own'}")
    assert "1 errors" in told and "'C9'" in told and "bad.json" in told
    assert names(tmp_path / "own" / "images") == {"good.png"}
