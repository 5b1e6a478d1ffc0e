"""Sweeps as tables and pictures: made by hand, and by real multiruns."""

import json
import re
import sys

import pandas as pd
import pytest
import yaml
from PIL import Image

from spinefm.evaluation import sweeps
from spinefm.evaluation.sweeps import Job, read_jobs, short_names, sweep_figure, varied
from spinefm.running.failures import run_script
from tests.scripts import FILMS, names, run

SEARCH = [
    (["component=resnet", "a.lr=0.1"], 0.5),
    (["component=resnet", "a.lr=0.01"], 0.9),
    (["component=resnet", "a.lr=1"], None),
    (["component=resnet", "a.lr=5"], "failed"),
]


def job(folder, number, overrides, **files):
    path = folder / str(number)
    (path / ".hydra").mkdir(parents=True)
    (path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    for name, content in files.items():
        (path / f"{name}.json").write_text(json.dumps(content))


def search(folder, mode):
    for number, (overrides, value) in enumerate(SEARCH):
        files = {} if value == "failed" else {"score": {"monitor": "val/x", "mode": mode, "value": value}}
        job(folder, number, overrides, **files)
    return folder


def cells(told, start):
    """The cells of the first line that begins like this."""
    line = next(line for line in told.splitlines() if line.startswith(start))
    return [each.strip() for each in re.split("[┃│]", line)[1:-1]]


def show(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "0")
        patch.setattr(sys, "argv", ["sweeps", str(folder)])
        run_script(sweeps.main)


@pytest.mark.parametrize(("mode", "order"), [("max", ["1", "0", "2", "3"]), ("min", ["0", "1", "2", "3"])])
def test_the_best_training_comes_first_and_failed_ones_last(tmp_path, mode, order):
    jobs = read_jobs(search(tmp_path, mode))
    assert [each.name for each in jobs] == order and not jobs[-1].values
    assert varied(jobs) == ["a.lr"]


def test_names_of_options_are_as_short_as_it_takes_to_tell_them_apart():
    keys = ["a.lr", "b.c.size", "d.c.size", "seed"]
    assert list(short_names(keys).values()) == ["lr", "b.c.size", "d.c.size", "seed"]


def test_table_and_picture(tmp_path, capsys):
    show(search(tmp_path, "max"))
    told = capsys.readouterr().out
    assert "val/x" in told and "0.900" in told and "no result" in told and "component" not in told
    rows = pd.read_csv(tmp_path / "sweep.csv")
    assert rows["val/x"].tolist()[:2] == [0.9, 0.5] and len(rows) == 4
    with Image.open(tmp_path / "sweep.png") as picture:
        assert picture.width > 300


@pytest.mark.parametrize(("values", "scale"), [(("0.001", "0.01", "0.1"), "log"), (("1", "2", "3"), "linear"), (("a", "b", "c"), "linear")])
def test_rates_are_drawn_by_decades(values, scale):
    jobs = [Job(value, {"lr": value}, {"val/x": 0.5}) for value in values]
    assert sweep_figure(["lr"], jobs).axes[0].get_xscale() == scale


def test_evaluations_stay_in_their_order(tmp_path, capsys):
    for number, dice in ((0, 0.9), (1, 0.7), (10, 0.8)):
        results = {"identification_rate": {"value": dice, "ci95": None}, "dice_all": {"value": dice}}
        job(tmp_path, number, [f"pipeline.oracle={number}"], results=results)
    assert [each.name for each in read_jobs(tmp_path)] == ["0", "1", "10"]
    show(tmp_path)
    assert "70.0 %" in capsys.readouterr().out


def test_results_stand_beside_the_options_that_gave_them_though_a_later_evaluation_failed(tmp_path):
    """That one replaced Hydra's note; who was given nothing has all the same a note of its own."""
    for number, given in enumerate((["seed=1"], [])):
        job(tmp_path, number, ["seed=2"], results={"dice_all": {"value": 0.5}}, run={"overrides": given})
    job(tmp_path, 2, ["seed=3"], results={"dice_all": {"value": 0.5}}, run={"run_id": "of an older version"})
    assert [each.options for each in read_jobs(tmp_path)] == [{"seed": "1"}, {}, {"seed": "3"}]


def test_evaluations_of_components_show_their_own_metrics(tmp_path, capsys):
    job(tmp_path, 0, ["component=resnet"], results={"accuracy": {"value": 0.9}, "loss": {"value": 0.25}})
    job(tmp_path, 1, ["component=point_predictor"], results={"step_error": {"value": 0.125}})
    job(tmp_path, 2, ["component=mask_rcnn"])
    show(tmp_path)
    told = capsys.readouterr().out
    assert cells(told, "┃ job") == ["job", "component", "accuracy", "loss", "step_error"]
    assert cells(told, "│ 1") == ["1", "point_predictor", "–", "–", "0.125"] and cells(told, "│ 2")[2] == "no result"


def test_lists_and_one_key_inside_another(tmp_path, capsys):
    for number, value in enumerate(("none", "[mask_rcnn,resnet]")):
        overrides = [f"pipeline.oracle={value}", f"seed={number}", f"dataset.seed={number}"]
        job(tmp_path, number, overrides, results={"dice_all": {"value": 0.5}})
    show(tmp_path)
    told = capsys.readouterr().out
    assert cells(told, "┃ job")[:4] == ["job", "oracle", "seed", "dataset.seed"]
    assert cells(told, "│ 1")[1] == "[mask_rcnn,resnet]"


def test_a_folder_without_jobs_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"Expected a sweep in `.*`, but it holds no job"):
        show(tmp_path)


def test_a_sweep_of_trainings_ends_with_its_table(tiny, tmp_path, capsys):
    run("train", tmp_path, "-m", *tiny("point_predictor"), "component.module.hidden_size=4,8")
    told = capsys.readouterr().out
    headings = next(line for line in told.splitlines() if line.startswith("┃ job"))
    assert [each.strip() for each in headings.strip("┃").split("┃")] == ["job", "hidden_size", "val/step_error"]
    (folder,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert {"sweep.csv", "sweep.png"} <= names(folder)
    scores = pd.read_csv(folder / "sweep.csv")["val/step_error"].tolist()
    assert len(scores) == 2 and scores == sorted(scores)


def test_a_sweep_of_evaluations_ends_with_its_table(workplace, tmp_path, capsys):
    run("evaluate", workplace, "-m", *FILMS, "pipeline=oracle", "pipeline.oracle=none,mask_rcnn", f"hydra.sweep.dir={tmp_path}")
    told = capsys.readouterr().out
    assert cells(told, "┃ job")[:2] == ["job", "oracle"] and cells(told, "│ 1")[:2] == ["1", "mask_rcnn"]
    costs = told.partition("Difference from job 0")[2]
    assert cells(costs, "┃ job") == ["job", "1"] and cells(costs, "┃ oracle") == ["oracle", "mask_rcnn"]
    assert all(re.match(r"[+-]\d\.\d{3}", cells(costs, f"│ {title}")[1]) for title in ("Identi", "Right"))
    rows = pd.read_csv(tmp_path / "sweep.csv")
    assert rows["pipeline.oracle"].tolist() == ["none", "mask_rcnn"] and "dice_all" in rows
