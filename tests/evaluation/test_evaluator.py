"""The evaluator's files, from a small folder of films."""

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from spinefm.drawing.overlay import write_picture
from spinefm.evaluation.evaluator import Evaluator, remove_results, results_in
from spinefm.evaluation.report import flatten
from spinefm.evaluation.tables import results_table
from spinefm.structures import Direction, Failure, Radiograph, Spine, StopReason, Vertebra, View

CONTEXT = {"config": {"lr": 0.1, "betas": [0.9, 0.99], "groups": [{"a": 1}]}, "versions": {"torch": "2.15"}, "note": "<b>bold</b>"}


def square(y, level, confidence=1.0):
    return Vertebra(np.ones((10, 10), dtype=bool), (20, y), (25.0, y + 5.0), level, confidence)


def films():
    truth = (square(0, "C3"), square(20, "C4"), square(40, "C5"))
    stops = {Direction.UP: StopReason.LANDMARK, Direction.DOWN: StopReason.BACKGROUND}
    for index in range(14):
        film_id = f"film_{index:02d}"
        reader = {0: "dr_lee", 1: "unknown"}.get(index)
        radiograph = Radiograph(film_id, np.full((100, 60), 90, dtype=np.uint8), truth, View.LATERAL_CERVICAL, reader=reader)
        found = (square(index % 5, "C3", 0.9), square(20, "C5" if index == 3 else "C4", 0.8), square(80, "C7", 0.7))
        yield radiograph, Spine(film_id, (100, 60), found, None, stops)
    radiograph = Radiograph("failed_film", np.full((100, 60), 90, dtype=np.uint8), truth, View.AP_SPINE)
    yield radiograph, Spine("failed_film", (100, 60), failure=Failure.TOO_FEW_DETECTIONS)


def evaluate(folder, pairs, context=CONTEXT):
    evaluator = Evaluator(folder / "overlays")
    for radiograph, spine in pairs:
        evaluator.update(radiograph, spine)
    return evaluator.write(folder, context)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    evaluate(folder, films())
    return folder


def test_all_files_are_there_and_no_temporary_ones(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["overlays", "report.html", "results.json", "vertebrae.csv"]
    assert len(list((folder / "overlays").glob("*.jpg"))) == len(list((folder / "overlays" / "films").glob("*.jpg"))) == 15


def test_of_an_interrupted_evaluation_no_drawn_film_stays(tmp_path, monkeypatch):
    """A bare one may: nobody can tell it from somebody's own."""
    pairs, written = list(films())[:2], []

    def interrupted(path, picture):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write_picture(path, picture)

    monkeypatch.setattr("spinefm.evaluation.evaluator.write_picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, pairs)
    remove_results(tmp_path, results_in(tmp_path))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")] == ["overlays/films/film_01.jpg"]


LOGGED = ("metrics.csv", "hparams.yaml", "events.out.tfevents.1.host.2.0")


@pytest.mark.parametrize(("beside", "stays"), [("wandb/run.wandb", set()), ("config.yaml", set(LOGGED))], ids=["evaluation", "training"])
def test_logged_numbers_go_with_the_results_unless_a_training_logged_them(tmp_path, beside, stays):
    evaluate(tmp_path, list(films())[:1])
    for name in (beside, *LOGGED):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    remove_results(tmp_path, results_in(tmp_path))
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {beside} | stays
    assert not (tmp_path / "overlays").exists()


def test_results_are_json_without_nan(folder):
    def refuse(constant):
        raise AssertionError(constant)

    results = json.loads((folder / "results.json").read_text(), parse_constant=refuse)
    assert results["num_images"] == 15
    assert results["per_view"]["ap_spine"]["dice_identified"]["value"] is None


def test_results_do_not_depend_on_run_order_or_context(folder, tmp_path):
    evaluate(tmp_path, reversed(list(films())), {"time": "another one"})
    assert (tmp_path / "results.json").read_bytes() == (folder / "results.json").read_bytes()
    assert (tmp_path / "vertebrae.csv").read_bytes() == (folder / "vertebrae.csv").read_bytes()


def test_one_row_per_true_or_predicted_vertebra(folder):
    table = pd.read_csv(folder / "vertebrae.csv")
    assert len(table) == 14 * 4 + 3
    assert table.identified.sum() == 14 * 2
    assert table.true_x.isna().sum() == 14
    first = table[table.film_id == "film_00"]
    assert first.true_level.fillna("").tolist() == ["C3", "C4", "C5", ""]
    assert first.predicted_level.fillna("").tolist() == ["C3", "C4", "", "C7"]
    assert first.iloc[0][["true_x", "true_y", "confidence", "stop_up", "stop_down"]].tolist() == [25, 5, 0.9, "landmark", "background"]
    assert set(table[table.film_id == "failed_film"].failure) == {"too_few_detections"}


def test_readers_are_told_apart_in_every_file(folder):
    table, results = pd.read_csv(folder / "vertebrae.csv"), json.loads((folder / "results.json").read_text())
    assert set(table.reader.dropna()) == set(results["per_reader"]) == {"dr_lee", "unknown"}
    assert set(table[table.reader == "dr_lee"].film_id) == {"film_00"} and results["per_reader"]["dr_lee"]["num_images"] == 1
    html = (folder / "report.html").read_text()
    assert "By reader" in html and "dr_lee" in html
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(results_table(results))
    assert "dr_lee" in console.export_text()


def test_the_report_stands_alone(folder):
    html = (folder / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!["']?data:)""", html)
    assert "http:" not in html and "https:" not in html and "url(" not in html
    assert html.count("data:image/jpeg") == 2 * 12


def test_the_report_shows_the_worst_and_best_films_failures_and_context(folder):
    html = (folder / "report.html").read_text()
    shown = re.findall(r"<strong>(\w+)</strong>", html)
    assert shown[0] == "failed_film"
    assert len(set(shown)) == len(shown) == 12
    assert shown[8] in {"film_00", "film_05", "film_10"}
    assert "too few detections" in html and "background" in html
    assert "config.groups.0.a" in html and "0.9, 0.99" in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html


def test_the_report_shows_intervals_and_mistaken_levels(folder):
    html = (folder / "report.html").read_text()
    low, high = json.loads((folder / "results.json").read_text())["dice_all"]["ci95"]
    assert f"<small>{low:.3f}–{high:.3f}</small>" in html
    assert "<tr><td>C4</td><td>C5</td><td>1</td></tr>" in html


def test_the_figures_show_what_was_measured(folder, tmp_path):
    """Numbers in SVG are outlines; what is drawn differs with them."""
    html = (folder / "report.html").read_text()
    evaluate(tmp_path, list(films())[:4])
    others = (tmp_path / "report.html").read_text()
    pictures, other_pictures = (re.findall(r'src="(data:image/svg[^"]+)"', page) for page in (html, others))
    assert len(pictures) == len(other_pictures) == 3 and not set(pictures) & set(other_pictures)


def test_films_that_cannot_be_used_are_named(tmp_path):
    evaluator = Evaluator()
    evaluator.update(*next(films()))
    results = evaluator.write(tmp_path, {}, ["Expected `a.png` <to be> a film."])
    assert results["num_unreadable"] == 1
    assert "<li>Expected `a.png` &lt;to be&gt; a film.</li>" in (tmp_path / "report.html").read_text()


def test_a_film_named_as_the_bare_one_of_another_keeps_its_picture(tmp_path):
    evaluator = Evaluator(tmp_path)
    for film_id, grey in (("a", 20), ("a_film", 220), ("films", 120)):
        film = Radiograph(film_id, np.full((100, 60), grey, dtype=np.uint8), (square(0, "C3"),))
        evaluator.update(film, Spine(film_id, (100, 60)))
    for film_id, grey in (("a", 20), ("a_film", 220), ("films", 120)):
        for path in (tmp_path / f"{film_id}.jpg", tmp_path / "films" / f"{film_id}.jpg"):
            with Image.open(path) as image:
                assert abs(float(np.asarray(image)[60:, 40:].mean()) - grey) < 5


def test_fewer_films_than_pictures_are_shown_once(tmp_path):
    evaluate(tmp_path, list(films())[:3])
    html = (tmp_path / "report.html").read_text()
    assert re.findall(r"<strong>(\w+)</strong>", html) == ["film_02", "film_01", "film_00"]
    assert "Worst films" in html and "Best films" in html


def test_without_overlays(tmp_path):
    evaluator = Evaluator()
    for radiograph, spine in films():
        evaluator.update(radiograph, spine)
    evaluator.write(tmp_path / "new", {})
    assert "data:image/jpeg" not in (tmp_path / "new" / "report.html").read_text()
    assert not (tmp_path / "new" / "overlays").exists()


def test_overlays_have_the_size_of_the_film(folder):
    with Image.open(folder / "overlays" / "film_00.jpg") as image:
        assert image.size == (60, 100)


def test_a_film_that_comes_twice_is_an_error():
    evaluator = Evaluator()
    radiograph, spine = next(films())
    evaluator.update(radiograph, spine)
    with pytest.raises(ValueError, match="`film_00` came twice"):
        evaluator.update(radiograph, spine)


def test_nothing_evaluated_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least one evaluated film"):
        Evaluator().write(tmp_path, {})


def test_the_terminal_table_fits_80_columns(folder):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(results_table(json.loads((folder / "results.json").read_text())))
    text = capture.get()
    assert "…" not in text
    assert "lateral_cervical" in text and "15 images (1 failed) of 15 patients" in text


def test_flatten():
    content = {"a": {"b": 1, "c": [1, 2]}, "d": [{"e": None}], "f": []}
    assert list(flatten(content)) == [("a.b", "1"), ("a.c", "1, 2"), ("d.0.e", "None"), ("f", "")]
