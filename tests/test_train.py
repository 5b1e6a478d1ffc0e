"""train.py, from its command line to its files."""

import csv
import math
import shutil

import numpy as np
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

import train
from spinefm.components import COMPONENTS
from spinefm.data.synthetic import SyntheticDataset
from spinefm.files.weight_files import catalogue, read_weights, sha256_of
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tuning import foundation_key
from tests.scripts import (
    BRIEF,
    FILMS,
    ROOT,
    every_component,
    fails,
    names,
    process,
    read_json,
    run,
    run_folder,
    same_weights,
    weights,
)


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


def test_a_training_does_not_warn_of_its_own_folder(tiny, tmp_path, recwarn):
    run("train", tmp_path, *tiny("point_predictor"))
    assert not [str(each.message) for each in recwarn if "is not empty" in str(each.message) or "LeafSpec" in str(each.message)]


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
    for number, width in ((0, 16), (1, 50)):
        (job,) = sweep.glob(f"{number}-*")
        assert {"config.yaml", "metrics.csv", "run.json", "best.ckpt", "last.ckpt"} <= names(job)
        assert len(weights(job / "best.ckpt")["model.fc1.bias"]) == width
        assert yaml.safe_load((job / "config.yaml").read_text())["output"] == str(job)


@every_component
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


@pytest.fixture
def never_better(tiny):
    """Overrides of a training whose first epoch stays the best."""
    return [*tiny("point_predictor"), "component.module.optimizer.lr=0"]


def test_a_training_goes_on_from_a_run_whose_folder_was_moved(never_better, tmp_path):
    run("train", tmp_path, *never_better, "publish=null", "output=first")
    (tmp_path / "first").rename(tmp_path / "moved")
    run("train", tmp_path, *never_better, "component.max_epochs=2", "resume=moved/last.ckpt", "output=second")
    assert "best.ckpt" not in names(tmp_path / "second")
    published = weights(tmp_path / "checkpoints" / "synthetic" / "point_predictor.ckpt")
    assert same_weights(published, weights(tmp_path / "moved" / "best.ckpt"))


def test_the_config_of_a_component_may_have_any_name(tiny, tmp_path):
    """It has its experiments, goes on from its runs and is evaluated."""
    (tmp_path / "own" / "component").mkdir(parents=True)
    shutil.copy(ROOT / "conf" / "component" / "point_predictor.yaml", tmp_path / "own" / "component" / "my_point.yaml")
    own = ["--config-dir", tmp_path / "own", *tiny("point_predictor"), "component=my_point", "experiment=demo/point_predictor"]
    own += ["scheduler@component.module.scheduler=constant"]  # a planned rate would not go on for longer
    run("train", tmp_path, *own, "output=first")
    run("train", tmp_path, *own, "component.max_epochs=2", "resume=first/last.ckpt", "output=second")
    run("evaluate", tmp_path, *own[:2], *FILMS, "component=my_point", "output=alone")
    assert "step_error" in read_json(tmp_path / "alone" / "results.json")


def test_a_training_does_not_begin_where_another_has_been(never_better, tmp_path):
    """Not even one that goes on from there: its metrics would replace the others."""
    run("train", tmp_path, *never_better, "publish=null", "output=first")
    before = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir() if path.suffix in (".ckpt", ".json", ".csv")}
    for more in ([], ["component.max_epochs=2", "resume=first/last.ckpt"]):
        told = fails("train", tmp_path, *never_better, *more, "output=first")
        assert "holds best.ckpt, last.ckpt, score.json. Name another one" in told and "first/last.ckpt" in told
    assert {name: (tmp_path / "first" / name).read_bytes() for name in before} == before and len(before) == 5


@pytest.mark.parametrize(
    ("component", "change"),
    [
        ("point_predictor", "component.module.optimizer.lr=0.1"),
        ("point_predictor", "component.max_epochs=3"),
        ("sam_adapter", "component.max_epochs=3"),
    ],
)
def test_a_run_whose_rate_was_planned_does_not_resume_otherwise(tiny, tmp_path, component, change):
    planned = [*tiny(component), "scheduler@component.module.scheduler=one_cycle", "publish=null"]
    run("train", tmp_path, *planned, "component.max_epochs=2", f"hydra.run.dir={tmp_path / 'first'}")
    told = fails("train", tmp_path, *planned, "component.max_epochs=2", change, f"resume={tmp_path / 'first' / 'last.ckpt'}")
    assert "Expected" in told and "Repeat" in told and "Traceback" not in told


def test_an_epoch_that_is_not_validated_is_kept_but_must_not_be_the_last(tiny, tmp_path):
    rarely = [*tiny("point_predictor"), "trainer.check_val_every_n_epoch=2", "publish=null"]
    fails("train", tmp_path, *rarely, "component.max_epochs=2", "+trainer.max_steps=1", f"hydra.run.dir={tmp_path / 'run'}")
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["epoch"] == 0
    assert "`component.max_epochs` to be a multiple" in fails("train", tmp_path, *rarely, "component.max_epochs=3")


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


@pytest.mark.parametrize("channels_last", [True, False])
def test_a_network_is_trained_compiled_and_laid_out_as_asked(tiny, tmp_path, compiled, channels_last):
    run("train", tmp_path, *tiny("resnet"), "compile=aot_eager", f"channels_last={channels_last}", "publish=null")
    assert compiled == [("aot_eager", channels_last)]


def test_another_seed_trains_another_component(workplace, tiny, tmp_path):
    run("train", tmp_path, *tiny("point_predictor"), "seed=1")
    first, second = (folder / "checkpoints" / "synthetic" / "point_predictor.ckpt" for folder in (workplace, tmp_path))
    assert not same_weights(weights(first), weights(second))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["component=point_predictor", "dataset=aasce", "dataset.root=absent"], ["`data` and `labels`", "dataset.root=<folder>"]),
        (["component=point_predictor", "dataset=aasce"], ["Expected a value for `dataset.root`"]),
        (["component=absent"], ["component/absent", "mask_rcnn", "point_predictor"]),
        ([], ["component", "mask_rcnn", "point_predictor"]),
        (["component=point_predictor", "dataset=absent"], ["dataset/absent", "aasce", "synthetic"]),
        (["component=point_predictor", "experiment=absent"], ["experiment/absent"]),
        (["component=resnet", "experiment=demo/point_predictor", *FILMS], ["for resnet", "`experiment=demo/point_predictor`"]),
        (
            ["component=unet", "optimizer@component.module.optimizer=adamw", "sweep=mask_rcnn/grid", *FILMS],
            ["for unet", "`sweep=mask_rcnn/grid` is for mask_rcnn"],
        ),
        (["component=point_predictor", "component.module.hiden_size=3"], ["hiden_size"]),
        (["component=point_predictor", "component.module.context=1"], ["at least 2 centroids, but got 1"]),
        (
            ["component=point_predictor", *FILMS, "dataset.num_films.train=0"],
            ["in the train split", "it has none of 6", "`dataset.num_films.train`"],
        ),
        (
            ["component=point_predictor", *FILMS, "dataset.num_films.val=0"],
            ["in the val split", "it has none of 6", "`dataset.num_films.val`"],
        ),
        (["component=point_predictor", "component.module._target_=torch.absent"], ["class of a component", "`torch.absent`"]),
        (["component=point_predictor", "component.module._target_=torch.nn.Linear"], ["class of a component", "`torch.nn.Linear`"]),
        (["component=point_predictor", "component.module._target_=pathlib.Path"], ["class of a component", "`pathlib.Path`"]),
        (["component=point_predictor", "resume=absent.ckpt"], ["point_predictor checkpoint", "absent.ckpt"]),
        (["component=sam_adapter", "foundation=sam_vit_tiny", *FILMS], ["`foundation.weights`", "tuning=full"]),
        (
            ["component=sam_adapter", "foundation=sam_vit_tiny", "foundation.weights=sam_vit_b", *FILMS],
            ["sam_vit_b_01ec64.pth", "https://", "python -m spinefm.weights fetch sam_vit_b"],
        ),
        (
            ["component=sam_adapter", "foundation=sam_vit_tiny", "foundation.weights=absent.pth", *FILMS],
            ["absent.pth", "sam_vit_b", "lite_medsam"],
        ),
        (["component=sam_adapter", "foundation=absent"], ["foundation/absent", "sam_vit_b", "lite_medsam"]),
        (["component=sam_adapter", "tuning=absent"], ["tuning/absent", "adapter", "lora"]),
        (["component=sam_adapter", "prompt=absent"], ["prompt/absent", "centre", "box"]),
        (["component=resnet", "component.module.architecture=resnet19"], ["resnet10", "resnet18", "but got `resnet19`"]),
        (["component=resnet", "component.module.architecture=convnext_tiny"], ["a ResNet", "but got `convnext_tiny`"]),
        (["component=resnet", "component.module.architecture=resnet10", "component.module.weights=DEFAULT"], ["resnet10 to be null"]),
        (["component=point_predictor", "component.module.coordinates=foo"], ["`coordinates`", "local_position", "but got `foo`"]),
        (["component=mask_rcnn", "+component.module.size.anchor_sizes=[8,16]"], ["5 `anchor_sizes`", "[8, 16]"]),
        (["component=resnet", "component.module.architecture=resnet18", "component.module.weights=BEST", *FILMS], ["BEST", "DEFAULT"]),
        (["component=point_predictor", "+component.loader.foo=1", *FILMS], ["FilmDataModule", "batch_size", "but got `foo`"]),
        (["component=point_predictor", "component.loader.batch_size=null", *FILMS], ["`batch_size` to be a whole number", "`null`"]),
        (["component=point_predictor", "component.max_epochs=two", *FILMS], ["`max_epochs` to be a whole number or null, but got `two`"]),
        (["component=point_predictor", "trainer.log_every_n_steps=x", *FILMS], ["`log_every_n_steps` to be a whole number", "`x`"]),
        (["component=point_predictor", "+trainer.foo=1", *FILMS], ["options of Trainer", "max_epochs", "but got `foo`"]),
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


@pytest.fixture(scope="module")
def foundation(tiny_modules, tmp_path_factory):
    """Weights of a tiny SAM."""
    path = tmp_path_factory.mktemp("foundation") / "sam.pth"
    torch.manual_seed(5)
    torch.save(Sam(SamSize(**tiny_modules["sam_adapter"]["sam"])).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def tuned(tiny):
    """Overrides that tune a tiny foundation briefly."""

    def overrides(weights, *choices):
        return [*(each for each in tiny("sam_adapter") if not each.startswith("tuning=")), f"foundation.weights={weights}", *choices]

    return overrides


@pytest.mark.parametrize(
    "choices", [["tuning=adapter", "prompt=jittered"], ["tuning=lora", "tuning.rank=2"], ["tuning=decoder_only", "prompt=box"]]
)
def test_a_tuned_foundation_is_published_and_works_in_the_pipeline(workplace, tuned, foundation, tmp_path, choices, capsys):
    run("train", tmp_path, *tuned(foundation, *choices))
    told = capsys.readouterr().out
    checkpoints = tmp_path / "checkpoints" / "synthetic"
    component = COMPONENTS["sam_adapter"].load(checkpoints / "sam_adapter.ckpt")
    trained = {key for key, parameter in component.named_parameters() if parameter.requires_grad}
    (whole,) = (line for line in told.splitlines() if "together" in line)
    counts = [sum(each.numel() for key, each in component.named_parameters() if key in keys) for keys in (trained, component.state_dict())]
    assert "Parameters" in told and [cell.strip() for cell in whole.split("│")[2:4]] == [f"{count:,}" for count in counts]
    published = torch.load(checkpoints / "sam_adapter.ckpt", weights_only=True)
    assert set(published["state_dict"]) == trained and published["foundation_sha256"] == sha256_of(foundation)
    before, after = torch.load(foundation, weights_only=True), component.model.state_dict()
    frozen = {key for key in after if f"model.{key}" not in trained}
    assert all(torch.equal(after[key], before[foundation_key(key)]) for key in frozen)
    for name in ("mask_rcnn", "resnet", "point_predictor"):
        shutil.copy(workplace / "checkpoints" / "synthetic" / f"{name}.ckpt", checkpoints)
    run("evaluate", tmp_path, *FILMS, "output=pipeline")
    run("evaluate", tmp_path, *FILMS, "component=sam_adapter", "output=alone")
    assert read_json(tmp_path / "pipeline" / "results.json")["num_images"] == 3
    assert 0 <= read_json(tmp_path / "alone" / "results.json")["dice"]["value"] <= 1


def test_lite_medsam_is_tuned_with_its_real_weights(tmp_path):
    """At 32 px, where it sees little but is fast."""
    choices = ["component=sam_adapter", "foundation=lite_medsam", "foundation.sam.image_size=32", "prompt=box"]
    run("train", tmp_path, *choices, *FILMS, *BRIEF)
    path = tmp_path / "checkpoints" / "synthetic" / "sam_adapter.ckpt"
    component = COMPONENTS["sam_adapter"].load(path)
    (weights_file,) = (file for file in catalogue().values() if file.name == "lite_medsam")
    assert component.foundation_sha256 == weights_file.sha256 and component.prompt.is_box
    assert path.stat().st_size < weights_file.size
    before, after = read_weights("lite_medsam")[0], component.model.state_dict()
    frozen = after.keys() - {name for name, parameter in component.model.named_parameters() if parameter.requires_grad}
    assert all(torch.equal(after[key], before[foundation_key(key)]) for key in frozen)


@pytest.mark.parametrize("tuning", ["adapter", "lora"])
def test_a_resumed_tuning_ends_where_an_uninterrupted_one_does(tuned, foundation, tmp_path, tuning):
    arguments = [*tuned(foundation, f"tuning={tuning}"), "publish=null"]
    for part, more in {
        "whole": ["component.max_epochs=2"],
        "first": [],
        "second": ["component.max_epochs=2", f"resume={tmp_path / 'first' / 'last.ckpt'}"],
    }.items():
        run("train", tmp_path, *arguments, *more, f"hydra.run.dir={tmp_path / part}")
    ends = {part: weights(tmp_path / part / "last.ckpt") for part in ("whole", "first", "second")}
    assert same_weights(ends["whole"], ends["second"])
    assert not same_weights(ends["whole"], ends["first"])


def test_a_tuning_does_not_resume_on_another_foundation(tuned, foundation, tmp_path):
    content = torch.load(foundation, weights_only=True)
    content["image_encoder.blocks.0.norm1.weight"][3] += 1e-4
    torch.save(content, tmp_path / "other.pth")
    run("train", tmp_path, *tuned(foundation, "tuning=adapter"), "publish=null", f"hydra.run.dir={tmp_path / 'first'}")
    again = [*tuned(tmp_path / "other.pth", "tuning=adapter"), "component.max_epochs=2", f"resume={tmp_path / 'first' / 'last.ckpt'}"]
    told = fails("train", tmp_path, *again)
    assert sha256_of(foundation) in told and sha256_of(tmp_path / "other.pth") in told
    assert not (tmp_path / "checkpoints").exists()


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
