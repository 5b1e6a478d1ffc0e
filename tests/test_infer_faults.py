"""infer.py, where films, checkpoints or folders are at fault."""

import errno
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import infer
from spinefm.structures import Failure
from tests.scripts import FILMS, PIPELINES, fails, names, products, read_json, run


def test_a_film_that_fails_now_keeps_no_results_of_an_earlier_run(workplace, films, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a_film", "c_film"):
        shutil.copy(films / f"{name}.png", tmp_path / "in")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={tmp_path / 'in'}", *arguments)
    assert names(tmp_path / "out") == products("a_film", "c_film")
    shutil.copy(films / "b_cut.png", tmp_path / "in" / "a_film.png")
    fails("infer", workplace, f"input={tmp_path / 'in'}", *arguments)
    assert names(tmp_path / "out") == products("c_film")


def test_an_interruption_keeps_what_is_finished_and_what_an_earlier_run_wrote(workplace, films, tmp_path, monkeypatch):
    """The tables are of this run."""
    (tmp_path / "in").mkdir()
    for name in ("a_film", "c_film"):
        shutil.copy(films / "a_film.png", tmp_path / "in" / f"{name}.png")
    out = tmp_path / "out"
    arguments = [f"input={tmp_path / 'in'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={out}"]
    run("infer", workplace, *arguments)
    earlier = {name: (out / f"{name}.json").read_bytes() for name in ("a_film", "c_film")}

    def spines(pipeline, films, of=infer.film_spines):
        found = of(pipeline, films)
        yield next(found)
        raise KeyboardInterrupt  # before the first is known to be written

    monkeypatch.setattr("infer.film_spines", spines)
    with pytest.raises(SystemExit) as caught:
        run("infer", workplace, *arguments)
    assert caught.value.code == 130 and names(out) == products("a_film", "c_film")
    assert (out / "a_film.json").read_bytes() != earlier["a_film"] and (out / "c_film.json").read_bytes() == earlier["c_film"]
    assert pd.read_csv(out / "summary.csv").film_id.tolist() == ["a_film"]


def test_a_strip_does_not_stop_the_others(workplace, films, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(films / "c_film.png", tmp_path / "in")
    Image.fromarray(np.zeros((2, 3000), np.uint8)).save(tmp_path / "in" / "a_strip.png")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    told = fails("infer", workplace, f"input={tmp_path / 'in'}", *arguments)
    assert "1 of 2 films failed" in told and "at most 20 times as long as wide, but found a strip of 3000 x 2 pixels" in told
    assert names(tmp_path / "out") == products("c_film")


def test_a_film_of_the_longest_name_has_results(workplace, films, tmp_path):
    (tmp_path / "in").mkdir()
    for last in "ab":
        shutil.copy(films / "a_film.png", tmp_path / "in" / f"{'x' * 250}{last}.png")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={tmp_path / 'in'}", *arguments)
    assert len(list((tmp_path / "out").glob("x*_overlay.jpg"))) == 2


def test_a_film_whose_results_cannot_be_written_does_not_stop_the_others(workplace, films, tmp_path):
    (tmp_path / "a_film_overlay.jpg").mkdir()
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path}"]
    told = fails("infer", workplace, f"input={films}", *arguments)
    assert "2 of 3 films failed" in told and "a_film: Expected to write its results" in told and "a_film_overlay.jpg" in told
    assert names(tmp_path) == products("c_film") | {"a_film_overlay.jpg"}
    assert pd.read_csv(tmp_path / "summary.csv").film_id.tolist() == ["a_film", "b_cut", "c_film"]


def test_a_full_disk_ends_the_run_and_leaves_what_is_finished(workplace, films, tmp_path, monkeypatch):
    def replace(source, target, of=os.replace):
        if "c_film_overlay" in str(target):
            raise OSError(errno.ENOSPC, "No space left on device")
        of(source, target)

    monkeypatch.setattr("os.replace", replace)
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path}"]
    told = fails("infer", workplace, f"input={films}", *arguments)
    assert "c_film_overlay.jpg`, but found none (No space left on device). Make room" in told and "\n" not in told
    assert names(tmp_path) == products("a_film") - {"summary.csv", "measurements.csv"}
    assert read_json(tmp_path / "a_film.json")["run_id"] == yaml.safe_load((tmp_path / "run.yaml").read_text())["run_id"]


@pytest.fixture
def checkpoints(workplace, tmp_path):
    return shutil.copytree(workplace / "checkpoints" / "synthetic", tmp_path / "checkpoints")


@pytest.mark.parametrize("script", ["evaluate", "infer"])
@pytest.mark.parametrize("fault", ["missing", "another component", "truncated", "garbage"])
def test_checkpoints_that_cannot_be_used_are_named(checkpoints, films, tmp_path, script, fault):
    path = checkpoints / "sam_adapter.ckpt"
    if fault == "missing":
        path.unlink()
    elif fault == "another component":
        shutil.copy(checkpoints / "resnet.ckpt", path)
    else:
        path.write_bytes(path.read_bytes()[:5000] if fault == "truncated" else b"garbage")
    arguments = FILMS if script == "evaluate" else [f"input={films}"]
    told = fails(script, tmp_path, *arguments, f"checkpoints={checkpoints}", f"output={tmp_path / 'out'}")
    assert "sam_adapter.ckpt" in told and "python train.py component=sam_adapter" in told and "\n" not in told
    assert names(tmp_path / "out") <= {".hydra", f"{script}.log"}


@pytest.mark.parametrize("place", ["absent", "empty", "no_films", "note.txt"])
def test_infer_says_what_is_wrong_with_its_input(workplace, tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "no_films").mkdir()
    for note in (tmp_path / "note.txt", tmp_path / "no_films" / "note.txt"):
        note.write_text("not a film")
    told = fails("infer", workplace, f"input={tmp_path / place}", "checkpoints=checkpoints/synthetic", f"output={tmp_path / 'out'}")
    assert place in told and "Expected" in told and "but found" in told and "\n" not in told
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == set()


def test_films_on_which_nothing_was_found_are_told_in_words(workplace, films, tmp_path):
    """Files have the code."""
    arguments = ["checkpoints=checkpoints/synthetic", "pipeline=detector_only", "pipeline.score_threshold=1", f"output={tmp_path}"]
    told = fails("infer", workplace, f"input={films / 'a_film.png'}", *arguments)
    assert "a_film: No spine was found: too few vertebrae were detected to begin with." in told
    assert read_json(tmp_path / "a_film.json")["failure"] == "too_few_detections"
    assert pd.read_csv(tmp_path / "summary.csv").failure.tolist() == ["too_few_detections"]


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_words(failure):
    assert failure.sentence.startswith("No spine was found: ") and "_" not in failure.sentence


def test_infer_asks_for_its_input(workplace):
    assert "input" in fails("infer", workplace, "checkpoints=checkpoints/synthetic")


def test_an_annotation_in_the_output_folder_is_not_replaced(workplace, films, tmp_path):
    (tmp_path / "a_film.json").write_text('{"mine": 1}')
    arguments = [f"input={films / 'a_film.png'}", "checkpoints=checkpoints/synthetic", f"output={tmp_path}"]
    assert "a_film.json` without label map. Name another folder." in fails("infer", workplace, *arguments)
    assert (tmp_path / "a_film.json").read_text() == '{"mine": 1}' and not (tmp_path / "summary.csv").exists()
