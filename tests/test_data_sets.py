"""Every data set in its publisher's layout, from its files through the five scripts."""

import pytest

from spinefm.components import COMPONENTS
from spinefm.data.film_source import safe_id
from tests.layouts import WRITERS
from tests.scripts import fails, names, read_json, run, run_folder

NUM_FILMS = 10
"""Enough for each split to get some."""


@pytest.fixture(scope="module", params=WRITERS)
def place(request, tmp_path_factory):
    """Name of a data set, its root, and a folder to work in."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    return name, WRITERS[name](folder / "data", NUM_FILMS), folder


def films_of(name, root):
    return [f"dataset={name}", f"dataset.root={root}"]


@pytest.fixture(scope="module")
def trained(place, tiny):
    """The same, once all components are trained on it."""
    name, root, folder = place
    for component in COMPONENTS:
        run("train", folder, *tiny(component, films_of(name, root)))
    return place


def test_check_finds_nothing_fatal(place, tmp_path, capsys):
    name, root, folder = place
    run("check", folder, *films_of(name, root), f"output={tmp_path}")
    told = capsys.readouterr().out
    assert f"dataset={name}" in told and "patients" in told and "error" not in told
    assert names(tmp_path) == {"contact_sheet.jpg", "problems.csv"}


def test_a_trial_run_publishes_nothing(place, tiny, tmp_path):
    name, root, _ = place
    run("train", tmp_path, *tiny("point_predictor", films_of(name, root)), "trainer.fast_dev_run=true")
    assert names(tmp_path) == {"runs"} and not list(tmp_path.rglob("*.ckpt"))
    assert {"config.yaml", "run.json"} <= names(run_folder(tmp_path, "point_predictor", name))


def test_all_components_are_trained_and_published(trained):
    name, _, folder = trained
    assert names(folder / "checkpoints" / name) == {f"{component}.ckpt" for component in COMPONENTS}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_evaluated(trained, tmp_path, component):
    name, root, folder = trained
    run("evaluate", folder, *films_of(name, root), f"component={component}", f"output={tmp_path}")
    assert COMPONENTS[component].monitor.removeprefix("val/") in read_json(tmp_path / "results.json")


def test_the_pipeline_is_evaluated_and_infers(trained, tmp_path):
    name, root, folder = trained
    run("evaluate", folder, *films_of(name, root), f"output={tmp_path / 'evaluated'}")
    results = read_json(tmp_path / "evaluated" / "results.json")
    assert results["num_images"] >= 1 and results["num_vertebrae"] >= 5
    assert results.get("num_cobb_images") == (results["num_images"] if name == "aasce" else None)
    assert (tmp_path / "evaluated" / "angles.csv").exists() == (name == "aasce")
    film = next(path for path in sorted(root.rglob("*")) if path.suffix in (".png", ".jpg"))
    # Networks trained for two steps may find no base case; the film still gets its files.
    try:
        run("infer", folder, f"input={film}", f"checkpoints=checkpoints/{name}", f"output={tmp_path / 'found'}")
    except SystemExit as ended:
        assert "1 of 1 films failed" in str(ended.code)
    written = {f"{safe_id(film.stem)}{suffix}" for suffix in ("_labels.png", ".json", "_overlay.jpg")}
    assert names(tmp_path / "found") == written | {"measurements.csv", "run.yaml", "summary.csv"}


@pytest.mark.parametrize("form", ["labelme", "coco"])
def test_what_is_converted_has_no_problems(place, tmp_path, form):
    name, root, folder = place
    run("convert", folder, *films_of(name, root), f"format={form}", f"output={tmp_path / 'own'}")
    run("check", folder, *films_of(form, tmp_path / "own"), f"output={tmp_path / 'checked'}")
    assert (tmp_path / "checked" / "problems.csv").read_text().count("\n") == 1


def test_a_missing_root_is_one_sentence(place, tmp_path):
    name, _, _ = place
    told = fails("check", tmp_path, f"dataset={name}", f"dataset.root={tmp_path / 'absent'}", f"output={tmp_path / 'out'}")
    assert "absent" in told and "dataset.root=<folder>" in told and "\n" not in told
