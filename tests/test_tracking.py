"""Loggers of both scripts: the same metrics for all of them, under documented names; W&B without network or account."""

import csv
import json
import re
import shutil
from base64 import b64encode
from hashlib import md5

import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from spinefm.evaluation.metrics import ANGLE_METRICS, FILM_METRICS, VERTEBRA_METRICS
from spinefm.files.weight_files import sha256_of
from tests.documented import is_documented, of_component, of_evaluation, of_training_media
from tests.scripts import FILMS, THE_FOUR, every_component, fails, names, process, read_json, run, run_folder, same_weights, weights
from tests.wandb_runs import artifacts, metrics, read_runs

MEDIA = {"test/vertebrae", "test/worst_films", "test/report"}
WANDB = ["logger=wandb", "logger.wandb.offline=true"]

VIEWS = ["ap_spine", "lateral_cervical", "lateral_lumbar"]


def csv_metrics(folder):
    """{name: values in their order} of metrics.csv."""
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    values = {name: [float(row[name]) for row in rows if row[name]] for name in rows[0] if name != "step"}
    return {name: each for name, each in values.items() if each}


def nobody(home):
    """The environment of somebody whom W&B does not know."""
    # The last two are of this process.
    unset = ("WANDB_API_KEY", "NETRC", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "WANDB_MODE", "WANDB_SERVICE")
    return {"HOME": str(home), **dict.fromkeys(unset)}


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """Where a segmenter was trained with W&B by somebody without an account: (folder, run folder, home)."""
    folder, home = tmp_path_factory.mktemp("trained"), tmp_path_factory.mktemp("home")
    ended = process("train", folder, *tiny("sam_adapter"), *WANDB, **nobody(home))
    assert ended.returncode == 0, ended.stderr
    return folder, run_folder(folder, "sam_adapter"), home


@pytest.fixture(scope="module")
def training(trained):
    (found,) = read_runs(trained[1])
    return found


def test_everything_lies_in_the_run_folder(trained):
    folder, _, home = trained
    assert names(folder) == {"runs", "checkpoints"}
    assert not [path for path in home.rglob("*") if "wandb" in path.name]


def test_a_training_is_named_and_grouped(training):
    assert (training.name, training.group, training.job_type) == ("sam_adapter-synthetic-seed0", "synthetic", "sam_adapter")
    assert training.exit_code == 0


def test_a_training_has_the_resolved_config_and_its_record(trained, training):
    config = yaml.safe_load((trained[1] / "config.yaml").read_text())
    expected = config | read_json(trained[1] / "run.json")
    assert {key: training.config[key] for key in expected} == expected
    assert set(training.config) - set(expected) <= {"_wandb"}


def test_wandb_gets_the_metrics_of_the_table(trained, training):
    expected = csv_metrics(trained[1])
    assert set(expected) == of_component("sam_adapter")
    found = metrics(training)
    assert set(found) == set(expected)
    assert all(found[name] == pytest.approx(values, rel=1e-6) for name, values in expected.items())


def test_tensorboard_gets_the_metrics_of_the_table(tiny, tmp_path):
    run("train", tmp_path, *tiny("point_predictor"), "logger=tensorboard", "component.max_epochs=2", f"hydra.run.dir={tmp_path / 'run'}")
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    found = {name: [event.value for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    expected = csv_metrics(tmp_path / "run")
    # The table has the epoch in every row, TensorBoard once for each step.
    assert set(found.pop("epoch")) == set(expected.pop("epoch")) == {0, 1}
    assert set(found) == set(expected) and len(expected["val/mse"]) == 2
    assert all(found[name] == pytest.approx(values, rel=1e-6) for name, values in expected.items())
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    given = yaml.safe_load((tmp_path / "run" / "hparams.yaml").read_text())
    assert {key: given[key] for key in config} == config and given["run_id"] == read_json(tmp_path / "run" / "run.json")["run_id"]


@every_component
def test_a_component_logs_what_is_documented(workplace, tmp_path, name):
    assert set(csv_metrics(run_folder(workplace, name))) == of_component(name)
    run("evaluate", workplace, *FILMS, f"component={name}", "logger=csv", f"output={tmp_path}")
    validated = {metric.replace("val/", "test/") for metric in of_component(name) if metric.startswith("val/")}
    assert set(csv_metrics(tmp_path)) == validated | {"epoch"}
    assert {f"test/{metric}" for metric in read_json(tmp_path / "results.json")} == validated
    (origin,) = read_json(tmp_path / "run.json")["components"].values()
    assert origin["run_id"] == read_json(run_folder(workplace, name) / "run.json")["run_id"]


def test_samples_are_shown_with_masks_and_in_a_table(training):
    (pictures,) = (row for row in training.history if "val/samples._type" in row)
    assert pictures["val/samples.count"] == 8 and all("dice" in caption for caption in pictures["val/samples.captions"])
    masks = pictures["val/samples.all_masks"]
    assert all(set(each) == {"found", "true"} for each in masks)
    files = [training.folder / "files" / name for name in pictures["val/samples.filenames"]]
    sizes = {Image.open(file).size for file in files} | {Image.open(training.folder / "files" / masks[0]["true"]["path"]).size}
    assert sizes == {(32, 32)}
    (table,) = (row["val/samples_table.path"] for row in training.history if "val/samples_table.path" in row)
    content = read_json(training.folder / "files" / table)
    assert content["columns"] == ["film", "dice"] and len(content["data"]) == 8
    assert {film for film, _ in content["data"]} == {"val_0000", "val_0001", "val_0002"}
    assert {"val/samples", "val/samples_table", "trainer/global_step"} == of_training_media()


def test_looking_at_samples_changes_no_training(workplace, trained):
    with_wandb, without = (folder / "checkpoints" / "synthetic" / "sam_adapter.ckpt" for folder in (trained[0], workplace))
    assert same_weights(weights(with_wandb), weights(without))


def test_the_published_checkpoint_is_logged_as_a_reference(trained, training):
    published = trained[0] / "checkpoints" / "synthetic" / "sam_adapter.ckpt"
    models = artifacts(training, "model")
    assert set(models) == {"synthetic-sam_adapter"}
    model = models["synthetic-sam_adapter"]
    (entry,) = model.manifest.contents
    assert entry.ref == published.as_uri() and entry.digest == b64encode(md5(published.read_bytes()).digest()).decode()
    assert json.loads(model.metadata) == torch.load(published, weights_only=True)["run"]
    assert not model.use_after_commit


def test_a_checkpoint_names_its_training(trained, training):
    record = read_json(trained[1] / "run.json")
    for path in (trained[0] / "checkpoints" / "synthetic" / "sam_adapter.ckpt", trained[1] / "best.ckpt", trained[1] / "last.ckpt"):
        named = torch.load(path, weights_only=True)["run"]
        expected = {"run_id": record["run_id"], "git_commit": record["git_commit"], "dataset": "synthetic", "wandb_id": training.id}
        assert named == expected | {"views": VIEWS}


@pytest.fixture(scope="module")
def evaluated(workplace, trained, tmp_path_factory):
    """The folder of an evaluation with W&B, of four components of which one was trained with W&B; and that of their checkpoints."""
    checkpoints, folder = tmp_path_factory.mktemp("checkpoints"), tmp_path_factory.mktemp("evaluated")
    for name in THE_FOUR:
        source = trained[0] if name == "sam_adapter" else workplace
        shutil.copy(source / "checkpoints" / "synthetic" / f"{name}.ckpt", checkpoints)
    choices = ["pipeline=oracle", "pipeline.oracle=[mask_rcnn,point_predictor]", f"checkpoints={checkpoints}", f"output={folder}"]
    run("evaluate", workplace, *FILMS, *choices, *WANDB)
    return folder, checkpoints


@pytest.fixture(scope="module")
def evaluation(evaluated):
    (found,) = read_runs(evaluated[0])
    return found


def test_an_evaluation_is_named_and_grouped(evaluation):
    assert (evaluation.name, evaluation.group, evaluation.job_type) == ("oracle-synthetic-test", "synthetic", "evaluation")
    assert evaluation.exit_code == 0


def test_an_evaluation_names_its_four_trainings(workplace, trained, training, evaluated, evaluation):
    folder, checkpoints = evaluated
    record = read_json(folder / "run.json")
    runs = {name: run_folder(workplace, name) for name in THE_FOUR} | {"sam_adapter": trained[1]}
    for name, origin in record["components"].items():
        trained_by = read_json(runs[name] / "run.json")
        assert origin == {
            "run_id": trained_by["run_id"],
            "git_commit": trained_by["git_commit"],
            "dataset": "synthetic",
            "wandb_id": training.id if name == "sam_adapter" else None,
            "views": VIEWS,
            "sha256": sha256_of(checkpoints / f"{name}.ckpt"),
        }
    assert list(record["components"]) == list(THE_FOUR)
    assert evaluation.config["components"] == record["components"]
    report = (folder / "report.html").read_text()
    assert all(text in report for origin in record["components"].values() for text in (origin["run_id"], origin["sha256"]))


def test_an_evaluation_uses_the_models_that_the_trainings_logged(training, evaluation):
    used = artifacts(evaluation, "model")
    assert set(used) == {f"synthetic-{name}" for name in THE_FOUR}
    assert all(model.use_after_commit for model in used.values())
    # Of the same name and content W&B makes one version.
    assert used["synthetic-sam_adapter"].digest == artifacts(training, "model")["synthetic-sam_adapter"].digest


def in_results(results, name):
    """What results.json says of a logged metric."""
    path, end = re.fullmatch(r"test/(.*?)(_low|_high)?", name).groups()
    for key in path.split("/"):
        results = results[key]
    if not isinstance(results, dict):
        return results
    low, high = results.get("ci95") or (None, None)
    return {None: results["value"], "_low": low, "_high": high}[end]


def test_an_evaluation_logs_every_metric_under_documented_names(evaluated, evaluation):
    results, found = read_json(evaluated[0] / "results.json"), csv_metrics(evaluated[0])
    assert metrics(evaluation) == {name: pytest.approx(values, rel=1e-6) for name, values in found.items()}
    documented = {name for name in of_evaluation() if "<" not in name} - MEDIA
    whole = {name for name in documented if "cobb_" not in name}  # of simulated films no angles are known
    assert {f"test/{name}" for name in ANGLE_METRICS} <= documented - whole
    parts = {name for name in found if "/per_" in name}
    expected = {name: value for name in whole | parts if (value := in_results(results, name)) is not None}
    assert found == {name: [pytest.approx(value)] for name, value in expected.items()}
    assert {name.removeprefix("test/") for name in whole} >= {*VERTEBRA_METRICS, *FILM_METRICS} and parts
    assert is_documented("test/per_reader/anna/dice_all")
    assert all(map(is_documented, found)) and not any(map(is_documented, ("test/per_view/ap_spine/dice", "test/dice", "val/dice_all")))
    for part, entries in ((part, results[part]) for part in ("per_view", "per_level")):
        assert {name.split("/")[2] for name in parts if part in name} == set(entries)
        assert f"test/{part}/*" in evaluation.hidden


def test_an_evaluation_shows_table_films_and_report(evaluated, evaluation):
    rows = {name: value for row in evaluation.history for name, value in row.items()}
    vertebrae = pd.read_csv(evaluated[0] / "vertebrae.csv")
    table = read_json(evaluation.folder / "files" / rows["test/vertebrae.path"])
    assert table["columns"] == list(vertebrae.columns) and len(table["data"]) == len(vertebrae)
    assert rows["test/worst_films.count"] == 3 and all("Dice" in caption for caption in rows["test/worst_films.captions"])
    assert (evaluation.folder / "files" / rows["test/report.path"]).read_text() == (evaluated[0] / "report.html").read_text()
    (artifact,) = artifacts(evaluation, "evaluation").values()
    assert artifact.name == "synthetic-evaluation"
    contents = {entry.path: entry.digest for entry in artifact.manifest.contents}
    digest = {name: b64encode(md5((evaluated[0] / name).read_bytes()).digest()).decode() for name in contents}
    assert contents == digest and set(digest) == {"results.json", "vertebrae.csv", "report.html"}


def test_each_job_of_a_sweep_is_a_run_of_its_own(tiny, tmp_path):
    run(
        "train",
        tmp_path,
        "-m",
        *tiny("point_predictor"),
        *WANDB,
        "seed=1,2",
        "component.module.jitter=0.01",
        f"hydra.sweep.dir={tmp_path / 'sweep'}",
    )
    for seed, job in enumerate(sorted((tmp_path / "sweep").glob("*-*")), start=1):
        (found,) = read_runs(job)
        assert found.name == f"point_predictor-synthetic-seed{seed}-{job.name}" and found.exit_code == 0
        assert metrics(found)["val/mse"] == pytest.approx(csv_metrics(job)["val/mse"])
        assert artifacts(found, "model") == {}


def test_an_evaluation_that_fails_is_known_as_failed(workplace, tmp_path, monkeypatch):
    monkeypatch.setattr("spinefm.pipeline.DetectorOnlyPipeline.stream", raise_fault)
    assert fails("evaluate", workplace, *FILMS, "pipeline=detector_only", *WANDB, f"output={tmp_path}") == "Error: no room"
    (found,) = read_runs(tmp_path)
    assert found.exit_code == 1 and found.history == []


def raise_fault(*_):
    raise OSError("no room")


def test_a_trial_of_one_batch_is_not_tracked(tiny, tmp_path):
    run("train", tmp_path, *tiny("point_predictor"), *WANDB, "trainer.fast_dev_run=true", f"hydra.run.dir={tmp_path / 'run'}")
    assert read_runs(tmp_path / "run") == []


def test_without_an_account_one_sentence_says_what_to_do(tiny, tmp_path):
    ended = process("train", tmp_path, *tiny("point_predictor"), "logger=wandb", **nobody(tmp_path / "home"))
    told = ended.stderr.splitlines()[-1]
    assert ended.returncode == 1 and told.startswith("Error: Expected Weights & Biases to take this run, but got: No API key configured.")
    assert "`wandb login`" in told and "`logger.wandb.offline=true`" in told
    assert not (tmp_path / "checkpoints").exists()
