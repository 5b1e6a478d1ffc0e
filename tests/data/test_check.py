"""The check before training: everything is read, every problem is told, errors end it with a failure."""

import csv
import json

import pytest
from PIL import Image

from spinefm.data.check import Sheet
from spinefm.data.convert import write_labelme
from spinefm.data.dataset import Inspection
from spinefm.data.problems import Problem
from tests.scripts import FILMS, fails, names, run


@pytest.fixture
def root(tmp_path, make_film):
    folder = tmp_path / "films"
    folder.mkdir()
    write_labelme(folder, [make_film(f"film_{i}", left=38 + 2 * i) for i in range(10)])
    return folder


def arguments(root, *more):
    return ["dataset=labelme", f"dataset.root={root}", f"output={root.parent / 'checked'}", *more]


def problems(root):
    with (root.parent / "checked" / "problems.csv").open() as file:
        return list(csv.DictReader(file))


def relabel(root, film_id, label):
    path = root / f"{film_id}.json"
    content = json.loads(path.read_text())
    content["shapes"][1]["label"] = label
    path.write_text(json.dumps(content))


def test_a_sound_data_set_is_counted(root, capsys):
    run("check", root.parent, *arguments(root))
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["films", "7", "1", "2", "10"] in rows and ["patients", "7", "1", "2", "10"] in rows
    assert ["T12", "7", "1", "2", "10"] in rows and ["unusable", "0", "0", "0", "0"] in rows
    assert problems(root) == [] and names(root.parent / "checked") == {"problems.csv", "contact_sheet.jpg"}


def test_every_error_is_told_and_the_others_are_still_counted(root, capsys):
    relabel(root, "film_1", "C9")
    relabel(root, "film_2", "L1")
    whole = (root / "film_3.png").read_bytes()
    (root / "film_3.png").write_bytes(whole[: len(whole) // 2])
    (root / "film_4.png").unlink()
    told = fails("check", root.parent, *arguments(root))
    assert "4 errors" in told and "problems.csv" in told
    shown = capsys.readouterr().out
    found = problems(root)
    assert [row["severity"] for row in found] == ["error"] * 4
    for row in found:
        assert row["path"] in shown and row["remedy"] in shown and all(row.values())
    assert {row["film_id"] for row in found} == {"film_1", "film_2", "film_3", "film_4"}
    assert "dataset.exclude=[<id>, ...]" in told
    run("check", root.parent, *arguments(root, f"dataset.exclude=[{','.join(row['film_id'] for row in found)}]"))
    assert problems(root) == []
    text = " ".join(str(row) for row in found)
    assert "'C9'" in text and "L1 twice" in text and "film_3.png" in text and "film_4.json" in text
    assert ["unusable"] in [line.replace("│", " ").split()[:1] for line in shown.splitlines()]


def test_what_was_mended_is_a_note_and_no_failure(root, capsys):
    with Image.open(root / "film_5.png") as film:
        inverted = film.point(lambda value: 255 - value)
    inverted.save(root / "film_5.png")
    run("check", root.parent, *arguments(root))
    (row,) = problems(root)
    assert row["severity"] == "note" and "dark bone" in row["found"] and "film_5" in row["path"]
    assert "turned over" in capsys.readouterr().out


def test_what_is_odd_is_a_note_about_its_film(root):
    relabel(root, "film_5", "vertebra")
    content = json.loads((root / "film_6.json").read_text())
    content["shapes"].pop(3)
    content["shapes"][0]["points"] = [[30, 14], [50, 14], [30, 26], [50, 26]]
    content["shapes"][1]["points"] = [[-9, 32], [50, 32], [50, 44], [-9, 44]]
    (root / "film_6.json").write_text(json.dumps(content))
    run("check", root.parent, *arguments(root))
    assert {(row["severity"], row["film_id"]) for row in problems(root)} == {("note", "film_6")}
    found = [row["expected"] + row["found"] for row in problems(root)]
    assert ["cross itself" in found[0], "9 pixels off" in found[1], "none of L2" in found[2]] == [True] * 3 == [True] * len(found)


def test_no_sheet_is_drawn_where_none_is_wanted(root):
    run("check", root.parent, *arguments(root, "sheet_films=0"))
    assert names(root.parent / "checked") == {"problems.csv"}


def test_simulated_films_can_be_checked(tmp_path, capsys):
    run("check", tmp_path, *FILMS, "output=checked")
    assert "lateral_cervical" in capsys.readouterr().out


def test_a_sheet_shows_films_evenly_and_those_with_problems(make_film):
    sheet, problem = Sheet(9, 3), Problem("film", "to be", "not", "Be.", fatal=False)
    drawn = []
    for i in range(9):
        before = len(sheet.cells)
        sheet.add(Inspection(f"film_{i}", "train", None if i == 3 else make_film(f"film_{i}"), (problem,) * (i in (2, 3))))
        drawn += [i] * (len(sheet.cells) - before)
    assert drawn == [0, 2, 4, 8]
