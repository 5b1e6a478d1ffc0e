"""The three scripts, from their command lines to their files, with tiny networks on tiny simulated films."""

import csv
import json
import logging
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from PIL import Image

import evaluate
import infer
import train
from spinefm.components import COMPONENTS
from spinefm.data.synthetic import SyntheticDataset
from spinefm.failures import run_script

ROOT = Path(train.__file__).resolve().parent
SCRIPTS = {"train": train.main, "evaluate": evaluate.main, "infer": infer.main}
FILMS = ["dataset=synthetic", *(f"dataset.num_films.{split}=3" for split in ("train", "val", "test")), "++dataset.scale=0.15"]
BRIEF = [
    "component.max_epochs=1",
    "component.loader.num_workers=0",
    "component.loader.batch_size=4",
    "trainer.enable_progress_bar=false",
    "++trainer.limit_train_batches=2",
    "++trainer.limit_val_batches=2",
]
PIPELINES = {
    "inductive": ["pipeline=inductive"],
    # Networks trained for two steps are sure of nothing.
    "detector_only": ["pipeline=detector_only", "pipeline.score_threshold=0"],
}

every_component = pytest.mark.parametrize("name", COMPONENTS)


def run(script, folder, *arguments):
    """Run a script in this process, as its command line would: a new process costs seconds."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HYDRA_FULL_ERROR", "0")
        # Hydra looks for the configs of an imported script among Python modules, unless it is told their folder.
        patch.setattr(sys, "argv", [f"{script}.py", "--config-path", str(ROOT / "conf"), *map(str, arguments)])
        try:
            run_script(SCRIPTS[script])
        finally:
            logger.handlers[:] = handlers
            logger.setLevel(level)


def fails(script, folder, *arguments):
    """Run a script that has to fail; gives what it says."""
    with pytest.raises(SystemExit) as caught:
        run(script, folder, *arguments)
    assert isinstance(caught.value.code, str) and caught.value.code.startswith("Error: ")
    return caught.value.code


def flattened(arguments, path):
    for key, value in arguments.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{path}.{key}")
        else:
            yield f"++{path}.{key}={json.dumps(value)}"


@pytest.fixture(scope="session")
def tiny(tiny_modules):
    """Overrides that make a component tiny and its training brief."""

    def overrides(name):
        arguments = {key: value for key, value in tiny_modules[name].items() if key != "optimizer"}
        return [f"component={name}", *FILMS, *BRIEF, *flattened(arguments, "component.module")]

    return overrides


def trained_in(folder, tiny):
    for name in COMPONENTS:
        run("train", folder, *tiny(name))
    return folder


@pytest.fixture(scope="module")
def workplace(tiny, tmp_path_factory):
    """A folder in which all four components were trained."""
    return trained_in(tmp_path_factory.mktemp("workplace"), tiny)


def run_folder(workplace, name, dataset="synthetic"):
    (folder,) = (workplace / "runs" / "train" / dataset / name).iterdir()
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


def read_json(path):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(path.read_text(), parse_constant=refuse)


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def same_weights(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


# train.py


@every_component
def test_the_run_folder_tells_what_was_done(workplace, name):
    folder = run_folder(workplace, name)
    assert {"config.yaml", "metrics.csv", "run.json", "best.ckpt", "last.ckpt"} <= names(folder)
    assert not any(path.name.startswith(".") and path.name != ".hydra" for path in folder.iterdir())
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert "${" not in (folder / "config.yaml").read_text()
    assert config["component"]["module"]["_target_"].endswith(COMPONENTS[name].__name__) and config["seed"] == 0
    record = read_json(folder / "run.json")
    assert set(record) == {"run_id", "git_commit", "config_hash", "data_fingerprint", "versions"}
    dataset = SyntheticDataset({"train": 3, "val": 3, "test": 3}, scale=0.15)
    assert record["data_fingerprint"] == dataset.fingerprint
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    scores = [float(row[COMPONENTS[name].monitor]) for row in rows if row[COMPONENTS[name].monitor]]
    assert len(scores) == 1 and math.isfinite(scores[0])


@every_component
def test_the_best_checkpoint_is_published(workplace, name):
    published = workplace / "checkpoints" / "synthetic" / f"{name}.ckpt"
    assert same_weights(weights(published), weights(run_folder(workplace, name) / "best.ckpt"))
    assert COMPONENTS[name].load(published).hparams["seed"] == 0
    assert published.stat().st_size < (run_folder(workplace, name) / "best.ckpt").stat().st_size
    assert names(published.parent) == {f"{each}.ckpt" for each in COMPONENTS}


def test_nothing_else_is_written_where_the_script_is_called(workplace):
    assert names(workplace) <= {"runs", "checkpoints"}


def test_classes_come_from_the_data_set(workplace):
    component = COMPONENTS["resnet"].load(workplace / "checkpoints" / "synthetic" / "resnet.ckpt")
    config = yaml.safe_load((ROOT / "conf" / "dataset" / "synthetic.yaml").read_text())
    assert component.classes == ("background", "vertebra", *config["landmarks"])
    assert component.terminals == tuple(config["terminals"])


def test_publish_null_publishes_nothing(tiny, tmp_path):
    run("train", tmp_path, *tiny("point_predictor"), "publish=null")
    assert names(tmp_path) == {"runs"}
    assert (run_folder(tmp_path, "point_predictor") / "best.ckpt").is_file()


def test_main_returns_the_monitored_value_for_sweepers(tiny, tmp_path):
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        output = f"hydra.runtime.output_dir={tmp_path}"
        choices = ["++hydra.runtime.choices.dataset=synthetic", "++hydra.runtime.choices.component=point_predictor", "++hydra.job.num=0"]
        config = compose("train", [*tiny("point_predictor"), output, *choices, "publish=null"], return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    score = train.main(config)
    with (tmp_path / "metrics.csv").open() as file:
        logged = [float(row["val/step_error"]) for row in csv.DictReader(file) if row["val/step_error"]]
    assert [score] == pytest.approx(logged, rel=1e-5)


def test_a_sweep_makes_a_folder_per_job_and_publishes_nothing(tiny, tmp_path):
    run("train", tmp_path, "-m", *tiny("point_predictor"), "component.module.hidden_size=16,50")
    assert names(tmp_path) == {"runs"}
    (sweep,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert {"0", "1"} <= names(sweep)
    for job, width in (("0", 16), ("1", 50)):
        assert {"config.yaml", "metrics.csv", "run.json", "best.ckpt", "last.ckpt"} <= names(sweep / job)
        assert len(weights(sweep / job / "best.ckpt")["model.fc1.bias"]) == width


@pytest.mark.parametrize("name", ["point_predictor", "resnet", "sam_adapter"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tiny, tmp_path, name):
    folders = {part: tmp_path / part for part in ("whole", "first", "second")}
    for part, more in {
        "whole": ["component.max_epochs=2"],
        "first": [],
        "second": ["component.max_epochs=2", f"resume={folders['first'] / 'run' / 'last.ckpt'}"],
    }.items():
        folders[part].mkdir()
        run("train", folders[part], *tiny(name), *more, f"hydra.run.dir={folders[part] / 'run'}")
    ends = {part: torch.load(folder / "run" / "last.ckpt", weights_only=True) for part, folder in folders.items()}
    assert ends["whole"]["epoch"] == ends["second"]["epoch"] == 1 and ends["first"]["epoch"] == 0
    assert same_weights(ends["whole"]["state_dict"], ends["second"]["state_dict"])
    assert not same_weights(ends["whole"]["state_dict"], ends["first"]["state_dict"])
    # The best epoch may be one of the first run.
    published = {part: weights(folder / "checkpoints" / "synthetic" / f"{name}.ckpt") for part, folder in folders.items()}
    assert same_weights(published["whole"], published["second"])


def test_last_is_the_last_epoch_and_best_the_best_one(tiny, tmp_path):
    """With a rate this high the second epoch is worse than the first."""
    run("train", tmp_path, *tiny("point_predictor"), "component.max_epochs=3", "component.module.optimizer.lr=10", "publish=null")
    folder = run_folder(tmp_path, "point_predictor")
    with (folder / "metrics.csv").open() as file:
        errors = [float(row["val/step_error"]) for row in csv.DictReader(file) if row["val/step_error"]]
    epochs = {name: torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert len(errors) == 3 and np.argmin(errors) < 2
    assert epochs == {"best": np.argmin(errors), "last": 2}


@pytest.mark.parametrize(("logger", "files"), [("none", set()), ("tensorboard", {"metrics.csv", "events"})])
def test_loggers_write_into_the_run_folder(tiny, tmp_path, logger, files):
    run("train", tmp_path, *tiny("point_predictor"), f"logger={logger}", "publish=null")
    folder = run_folder(tmp_path, "point_predictor")
    found = {"events" if name.startswith("events.") else name for name in names(folder)}
    assert found & {"metrics.csv", "events"} == files
    assert (folder / "best.ckpt").is_file()


def test_another_data_set_has_folders_of_its_own(aasce_layout, tiny, tmp_path):
    for serial in range(12):
        aasce_layout.add(serial)
    root = aasce_layout.write().root
    films = ["dataset=aasce", f"dataset.root={root}", f"++dataset.cache_dir={root / 'cache'}"]
    mine = [each for each in tiny("point_predictor") if each not in FILMS]
    run("train", tmp_path, *mine, *films)
    assert {"config.yaml", "metrics.csv", "best.ckpt"} <= names(run_folder(tmp_path, "point_predictor", "aasce"))
    assert (tmp_path / "checkpoints" / "aasce" / "point_predictor.ckpt").is_file()
    run("evaluate", tmp_path, *films, "component=point_predictor", "output=evaluated")
    assert set(read_json(tmp_path / "evaluated" / "results.json")) == {"step_error", "mse"}


# evaluate.py


@pytest.fixture(scope="module")
def evaluated(workplace):
    """The folder of each pipeline's evaluation."""
    folders = {}
    for pipeline, choice in PIPELINES.items():
        run("evaluate", workplace, *FILMS, *choice, f"output=evaluated/{pipeline}")
        folders[pipeline] = workplace / "evaluated" / pipeline
    return folders


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_pipeline_is_evaluated_on_every_film(evaluated, pipeline):
    folder = evaluated[pipeline]
    assert {"results.json", "vertebrae.csv", "report.html", "overlays", "run.json"} <= names(folder)
    results = read_json(folder / "results.json")
    truth = list(SyntheticDataset({"test": 3}, scale=0.15).split("test"))
    assert results["num_images"] == 3 and results["num_vertebrae"] == sum(len(film.vertebrae) for film in truth)
    rates = ["identification_rate", "labelled_identification_rate", "dice_identified", "dice_all", "false_positives_per_image"]
    assert all("value" in results[rate] for rate in rates) and "per_level" in results and "num_failures" in results
    assert names(folder / "overlays") == {f"{film.film_id}.png" for film in truth}
    rows = pd.read_csv(folder / "vertebrae.csv")
    assert len(rows) >= results["num_vertebrae"]


def test_hardly_trained_networks_find_something(evaluated):
    """Else the tests of repeatability below would compare nothing."""
    results = read_json(evaluated["detector_only"] / "results.json")
    assert results["num_failures"] < 3
    assert len(pd.read_csv(evaluated["detector_only"] / "vertebrae.csv")) > results["num_vertebrae"]


def test_the_same_commands_give_the_same_results(workplace, evaluated, tiny, tmp_path):
    trained_in(tmp_path, tiny)
    for pipeline, folder in evaluated.items():
        run("evaluate", tmp_path, *FILMS, *PIPELINES[pipeline], f"output={pipeline}")
        assert (tmp_path / pipeline / "results.json").read_bytes() == (folder / "results.json").read_bytes()
        assert (tmp_path / pipeline / "vertebrae.csv").read_bytes() == (folder / "vertebrae.csv").read_bytes()
    for name in COMPONENTS:
        first, second = (folder / "checkpoints" / "synthetic" / f"{name}.ckpt" for folder in (workplace, tmp_path))
        assert same_weights(weights(first), weights(second))


def test_another_seed_trains_another_component(workplace, tiny, tmp_path):
    run("train", tmp_path, *tiny("point_predictor"), "seed=1")
    first, second = (folder / "checkpoints" / "synthetic" / "point_predictor.ckpt" for folder in (workplace, tmp_path))
    assert not same_weights(weights(first), weights(second))


def test_results_do_not_depend_on_the_batch(workplace, evaluated, tmp_path):
    run("evaluate", workplace, *FILMS, "batch_size=1", f"output={tmp_path / 'single'}")
    assert (tmp_path / "single" / "vertebrae.csv").read_bytes() == (evaluated["inductive"] / "vertebrae.csv").read_bytes()


def test_the_table_is_on_the_terminal(workplace, tmp_path, capsys):
    run("evaluate", workplace, *FILMS, *PIPELINES["detector_only"], f"output={tmp_path / 'out'}")
    told = capsys.readouterr().out
    assert "Evaluation" in told and "Dice" in told and "0.000" in told
    assert "Results" in told and "out" in told


@every_component
def test_a_component_is_evaluated_alone(workplace, tmp_path, name, capsys):
    run("evaluate", workplace, *FILMS, f"component={name}", f"output={tmp_path / 'out'}")
    results = read_json(tmp_path / "out" / "results.json")
    monitored = COMPONENTS[name].monitor.removeprefix("val/")
    assert math.isfinite(results[monitored]["value"])
    assert monitored in capsys.readouterr().out
    assert (tmp_path / "out" / "run.json").is_file()


def test_another_split_can_be_evaluated(workplace, tmp_path):
    run("evaluate", workplace, *FILMS, "split=val", *PIPELINES["detector_only"], f"output={tmp_path}")
    assert {name.split("_")[0] for name in names(tmp_path / "overlays")} == {"val"}


# infer.py


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two films and one that was cut off while it was copied, between them in order."""
    folder = tmp_path_factory.mktemp("films")
    for name, film in zip(("a_film", "c_film"), SyntheticDataset({"test": 3}, scale=0.15).split("test")[:2], strict=True):
        Image.fromarray(film.pixels).save(folder / f"{name}.png")
    whole = (folder / "a_film.png").read_bytes()
    (folder / "b_cut.png").write_bytes(whole[: len(whole) // 2])
    return folder


def products(*film_ids):
    return {f"{film_id}{suffix}" for film_id in film_ids for suffix in ("_labels.png", ".json", "_overlay.png")}


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_cut_off_film_does_not_stop_the_others(workplace, films, tmp_path, batch_size):
    output = tmp_path / "out"
    arguments = [f"input={films}", "checkpoints=checkpoints/synthetic", f"output={output}", f"batch_size={batch_size}"]
    told = fails("infer", workplace, *arguments)
    assert "of 3 films failed" in told and "b_cut.png" in told and "Traceback" not in told
    assert names(output) == products("a_film", "c_film")
    for film_id in ("a_film", "c_film"):
        with Image.open(films / f"{film_id}.png") as film, Image.open(output / f"{film_id}_labels.png") as labels:
            assert labels.size == film.size and labels.mode == "I;16"
            found = set(np.unique(np.array(labels)).tolist()) - {0}
        told = read_json(output / f"{film_id}.json")
        assert told["film_id"] == film_id
        assert found <= {vertebra["label"] for vertebra in told["vertebrae"]}
        for vertebra in told["vertebrae"]:
            assert {"level", "centroid", "polygon", "confidence"} <= set(vertebra)


def test_a_single_film_with_the_baseline(workplace, films, tmp_path):
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={films / 'a_film.png'}", *arguments)
    assert names(tmp_path / "out") == products("a_film")
    assert len(read_json(tmp_path / "out" / "a_film.json")["vertebrae"]) > 0


def test_films_of_one_name_in_two_formats_keep_apart(workplace, films, tmp_path):
    (tmp_path / "in").mkdir()
    with Image.open(films / "a_film.png") as film:
        for suffix in ("png", "jpg"):
            film.save(tmp_path / "in" / f"same.{suffix}")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={tmp_path / 'in'}", *arguments)
    assert names(tmp_path / "out") == products("same.png", "same.jpg")


def test_nothing_but_pixels_is_known_of_a_film(workplace, films, tmp_path):
    shutil.copy(films / "c_film.png", tmp_path / "c_film.png")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={tmp_path / 'c_film.png'}", *arguments)
    told = read_json(tmp_path / "out" / "c_film.json")
    assert told["view"] == "unknown" and told["spacing_mm"] is None


# What is wrong with the input is said in one sentence.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["component=point_predictor", "dataset=aasce", "dataset.root=absent"], ["`data` and `labels`", "dataset.root=<folder>"]),
        (["component=point_predictor", "dataset=aasce"], ["Expected a value for `dataset.root`"]),
        (["component=unet"], ["component/unet", "mask_rcnn", "point_predictor"]),
        ([], ["component", "mask_rcnn", "point_predictor"]),
        (["component=point_predictor", "dataset=absent"], ["dataset/absent", "aasce", "synthetic"]),
        (["component=point_predictor", "experiment=absent"], ["experiment/absent"]),
        (["component=point_predictor", "component.module.hiden_size=3"], ["hiden_size"]),
        (["component=point_predictor", "component.module.context=1"], ["at least 2 centroids, but got 1"]),
        (["component=point_predictor", "dataset.num_films={train: 0}"], ["at least one film", "empty"]),
        (["component=point_predictor", "resume=absent.ckpt"], ["point_predictor checkpoint", "absent.ckpt"]),
        (["component=sam_adapter", "++component.module.sam.image_size=32", "++component.module.sam.depth=1", *FILMS], ["weights"]),
        (["component=resnet", "component.module.architecture=resnet19"], ["resnet19"]),
        (["component=resnet", "component.module.architecture=resnet18", "component.module.weights=BEST", *FILMS], ["BEST", "DEFAULT"]),
        (["component=point_predictor", "trainer=gpu", *FILMS], ["gpu"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_train_says_what_is_wrong_and_publishes_nothing(tmp_path, arguments, said):
    if "trainer=gpu" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    told = fails("train", tmp_path, *arguments)
    assert all(word in told for word in said), told
    assert not (tmp_path / "checkpoints").exists()
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize("fault", ["another component", "truncated", "another shape"])
def test_a_run_does_not_resume_from_what_is_not_its_own(workplace, tiny, tmp_path, fault):
    source = run_folder(workplace, "resnet" if fault == "another component" else "point_predictor") / "last.ckpt"
    content = source.read_bytes()
    (tmp_path / "last.ckpt").write_bytes(content[: len(content) // 2] if fault == "truncated" else content)
    more = ["component.module.hidden_size=9"] if fault == "another shape" else []
    told = fails("train", tmp_path, *tiny("point_predictor"), f"resume={tmp_path / 'last.ckpt'}", *more)
    assert "last.ckpt" in told and "Expected" in told
    assert not (tmp_path / "checkpoints").exists()


def test_default_coco_weights_do_not_fit_another_shape(tmp_path, monkeypatch):
    coco = {"backbone.body.conv1.weight": torch.zeros(64, 3, 7, 7)}
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **options: coco)
    told = fails("train", tmp_path, "component=mask_rcnn", "+component.module.size.backbone=resnet18", *FILMS)
    assert "COCO" in told and "coco_weights=false" in told


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["component=unet"], ["component/unet", "mask_rcnn", "resnet", "point_predictor", "sam_adapter"]),
        (["pipeline=absent"], ["pipeline/absent", "inductive"]),
        (["split=testing"], ["split", "testing"]),
        (["dataset.num_films.test=0"], ["Expected at least one"]),
        (["device=cuda:77"], ["cuda:77", "device=cpu"]),
        (["component=resnet", "device=cuda:77"], ["cuda:77", "device=cpu"]),
        (["component=resnet", "split=testing"], ["split", "testing"]),
    ],
    ids=" ".join,
)
def test_evaluate_says_what_is_wrong(workplace, tmp_path, arguments, said):
    told = fails("evaluate", workplace, *FILMS, *arguments, f"output={tmp_path / 'out'}")
    assert all(word in told for word in said), told
    assert not (tmp_path / "out" / "results.json").exists() and not (tmp_path / "out" / "run.json").exists()


@pytest.mark.parametrize("place", ["absent", "empty", "no_films", "note.txt"])
def test_infer_says_what_is_wrong_with_its_input(workplace, tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "no_films").mkdir()
    for note in (tmp_path / "note.txt", tmp_path / "no_films" / "note.txt"):
        note.write_text("not a film")
    told = fails("infer", workplace, f"input={tmp_path / place}", "checkpoints=checkpoints/synthetic", f"output={tmp_path / 'out'}")
    assert place in told and "Expected" in told and "but found" in told and "\n" not in told
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == set()


def test_infer_asks_for_its_input(workplace):
    assert "input" in fails("infer", workplace, "checkpoints=checkpoints/synthetic")


def process(script, folder, *arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("HYDRA_FULL_ERROR", None)
    command = [sys.executable, str(ROOT / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_failing_process_ends_with_its_sentence_and_code_1(tmp_path):
    ended = process("train", tmp_path, "component=point_predictor", "dataset=aasce", "dataset.root=absent")
    assert ended.returncode == 1
    # Hydra repeats the overrides first.
    *before, line = ended.stderr.strip().splitlines()
    assert len(before) <= 1 and "Traceback" not in ended.stderr + ended.stdout
    assert line.startswith("Error: Expected `absent` to be the folder") and "dataset.root=<folder>" in line


def test_two_processes_train_one_component(tiny, tmp_path):
    """From another folder than the repository's, as a user would, on two devices that are processors here."""
    ended = process("train", tmp_path, *tiny("sam_adapter"), "trainer=ddp", "trainer.accelerator=cpu")
    assert ended.returncode == 0, ended.stderr
    assert (ended.stdout + ended.stderr).count("Published") == 1
    assert names(tmp_path) == {"runs", "checkpoints"}
    assert names(tmp_path / "checkpoints" / "synthetic") == {"sam_adapter.ckpt"}
    assert {"config.yaml", "metrics.csv", "run.json", "best.ckpt", "last.ckpt"} <= names(run_folder(tmp_path, "sam_adapter"))
