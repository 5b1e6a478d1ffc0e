"""The contract of all components: train, store, rebuild from the checkpoint alone, refuse what is not theirs."""

import inspect
import math
import re
import shutil
from functools import partial

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from spinefm.components import COMPONENTS, Component
from spinefm.components.base import one_cycle, read_checkpoint
from spinefm.training.films import FilmDataModule
from tests.predictions import predictions

every_component = pytest.mark.parametrize("name", COMPONENTS)


@every_component
def test_the_checkpoint_alone_rebuilds_it(fitted, make_film, name):
    component, _, path = fitted(name)
    films = [make_film("one"), make_film("two", size=(150, 120))]
    loaded = COMPONENTS[name].load(path)
    assert type(loaded) is COMPONENTS[name] and not loaded.training and loaded.device.type == "cpu"
    assert loaded.hparams == component.hparams
    assert all(torch.equal(value, component.state_dict()[key]) for key, value in loaded.state_dict().items())
    found, expected = predictions(loaded, films), predictions(component.eval(), films)
    assert sum(each.numel() for each in found) > 0
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


@every_component
def test_every_argument_is_kept_for_the_checkpoint(build, name):
    assert set(build(name).hparams) == set(inspect.signature(COMPONENTS[name]).parameters)


@every_component
def test_training_changes_the_model_and_logs_the_monitored_metric(build, fitted, name):
    component, trainer, _ = fitted(name)
    fresh = build(name)
    changed = [key for key, value in component.model.named_parameters() if not torch.equal(value, fresh.model.state_dict()[key])]
    assert changed
    assert component.monitor.startswith("val/") and component.mode in ("min", "max")
    assert math.isfinite(trainer.callback_metrics[component.monitor])
    assert trainer.callback_metrics["train/loss"] > 0


@every_component
@pytest.mark.parametrize("tuning", ["full", "adapter"])
def test_every_trained_parameter_gets_a_gradient(build, tiny_dataset, monkeypatch, name, tuning):
    """One that does not would stop training on several devices."""
    component = build(name, **{"tuning": {"method": tuning}} if name == "sam_adapter" else {})
    monkeypatch.setattr(component, "log", lambda *args, **options: None)
    monkeypatch.setattr(component, "log_dict", lambda *args, **options: None)
    (batch, *_) = FilmDataModule(tiny_dataset, component, batch_size=4).train_dataloader()
    component.training_step(batch, 0).backward()
    trained = {id(parameter) for parameter in component.trained_parameters()}
    waiting = [key for key, parameter in component.named_parameters() if id(parameter) in trained and parameter.grad is None]
    assert trained and waiting == []


@every_component
def test_outputs_are_on_the_cpu_and_carry_no_gradient(fitted, make_film, name):
    component, _, _ = fitted(name)
    for tensor in predictions(component.eval(), [make_film()]):
        assert tensor.device.type == "cpu" and not tensor.requires_grad and torch.isfinite(tensor).all()


def is_primitive(value):
    if isinstance(value, dict):
        return type(value) is dict and all(isinstance(key, str) and is_primitive(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(is_primitive, value))
    return value is None or type(value) in (bool, int, float, str)


@every_component
def test_hyperparameters_are_primitives(fitted, name):
    stored = torch.load(fitted(name)[2], weights_only=True)
    assert stored["component"] == name
    parameters = stored["hyper_parameters"]
    assert "optimizer" in parameters and "seed" in parameters
    assert {key for key, value in parameters.items() if not is_primitive(value)} == set()


@every_component
def test_another_components_checkpoint_is_refused(fitted, tmp_path, name):
    other = "resnet" if name != "resnet" else "point_predictor"
    path = shutil.copy(fitted(other)[2], tmp_path / f"{name}.ckpt")
    expected = rf"Expected a {name} checkpoint at `.*{name}\.ckpt`, but it is of {other}\. Train one with `python train.py component={name}"
    with pytest.raises(ValueError, match=expected):
        COMPONENTS[name].load(path)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def malicious(path, whole):
    touched = path.with_name("touched")
    torch.save({"component": "point_predictor", "state_dict": {}, "hyper_parameters": {"optimizer": Touch(touched)}}, path)
    # The trap works where it is not guarded against.
    torch.load(path, weights_only=False)
    touched.unlink()


def truncated(path, whole):
    path.write_bytes(whole[: len(whole) // 2])


def damaged(path, whole):
    path.write_bytes(whole[:200] + bytes(200) + whole[400:])


def empty(path, whole):
    path.write_bytes(b"")


def text(path, whole):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


def only_a_list(path, whole):
    torch.save([1, 2, 3], path)


@pytest.mark.parametrize("make", [malicious, truncated, damaged, empty, text, only_a_list])
@pytest.mark.parametrize("read", [COMPONENTS["point_predictor"].load, lambda path: read_checkpoint(path, "point_predictor")])
def test_what_is_no_checkpoint_is_refused_in_one_sentence_and_not_executed(fitted, tmp_path, make, read):
    path = tmp_path / "point_predictor.ckpt"
    make(path, fitted("point_predictor")[2].read_bytes())
    with pytest.raises(ValueError, match=r"Expected a point_predictor checkpoint at `.*`, but could not read it.*Train one with") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save({"state_dict": {}, "hyper_parameters": {}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="it is of no SpineFM component"):
        COMPONENTS["resnet"].load(tmp_path / "other.ckpt")


def test_a_missing_checkpoint_names_path_and_command(tmp_path):
    for path in (tmp_path, tmp_path / "resnet.ckpt"):
        with pytest.raises(FileNotFoundError, match=rf"No resnet checkpoint at `{re.escape(str(path))}`.*python train.py component=resnet"):
            COMPONENTS["resnet"].load(path)


@pytest.mark.parametrize("changed", ["argument", "weight", "shape"])
def test_a_checkpoint_of_another_version_is_refused_by_name(fitted, tmp_path, changed):
    stored = torch.load(fitted("point_predictor")[2], weights_only=True)
    if changed == "argument":
        stored["hyper_parameters"]["momentum_of_old"] = 1
    elif changed == "weight":
        del stored["state_dict"]["model.fc2.bias"]
    else:
        stored["state_dict"]["model.fc2.bias"] = torch.zeros(5)
    torch.save(stored, tmp_path / "old.ckpt")
    named = "momentum_of_old" if changed == "argument" else r"model\.fc2\.bias"
    with pytest.raises(ValueError, match=rf"(?s)Expected a point_predictor checkpoint at `.*old\.ckpt`.*{named}.*Train one"):
        COMPONENTS["point_predictor"].load(tmp_path / "old.ckpt")


def test_the_registry_knows_each_component_by_its_name():
    assert list(COMPONENTS) == ["mask_rcnn", "resnet", "point_predictor", "sam_adapter", "unet"]
    assert all(issubclass(component, Component) and component.name == name for name, component in COMPONENTS.items())


def schedule(build, fit, scheduler, steps):
    component = build("point_predictor", scheduler=scheduler)
    rates = []
    component.on_train_batch_start = lambda batch, batch_idx: rates.append(component.optimizers().param_groups[0]["lr"])
    fit(component, steps)
    return rates, component.optimizers().param_groups[0]["lr"]


def test_no_scheduler_keeps_the_rate(build, fit):
    rates, last = schedule(build, fit, None, 3)
    assert rates == [0.001] * 3 and last == 0.001


def test_schedulers_go_on_per_epoch(build, fit):
    rates, last = schedule(build, fit, {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 1, "gamma": 0.1}, 3)
    assert rates == [0.001] * 3 and last == pytest.approx(0.0001)


def test_one_cycle_goes_on_per_step_and_ends_with_training(build, fit):
    rates, _ = schedule(build, fit, {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.004}, 5)
    assert len(rates) == 5
    assert rates[0] == pytest.approx(0.004 / 25)
    assert max(rates) == pytest.approx(0.004, rel=0.1)
    assert rates[-1] < rates[0] / 100


def one_cycle_rates(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.004)
    scheduler, rates = make(optimizer, steps), []
    for _ in range(steps):
        rates += scheduler.get_last_lr()
        optimizer.step()
        if len(rates) < steps:
            scheduler.step()
    return rates


@pytest.mark.parametrize(("settings", "peaks_at_once"), [({"pct_start": 0.2}, 5), ({"pct_start": 0.1}, 10), ({"pct_start": 0.5}, 2)])
def test_one_cycle_of_any_length_is_torchs_own_or_begins_at_its_peak(settings, peaks_at_once):
    """torch divides by zero where the warm-up ends on the first step."""
    config = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.004} | settings
    for steps in sorted({*range(1, 21), 240} - {peaks_at_once}):
        theirs = one_cycle_rates(lambda optimizer, total: OneCycleLR(optimizer, 0.004, total, **settings), steps)
        assert one_cycle_rates(partial(one_cycle, config), steps) == theirs
    rates = one_cycle_rates(partial(one_cycle, config), peaks_at_once)
    assert rates[0] == pytest.approx(0.004) and rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("name", COMPONENTS)
def test_augmentation_can_be_switched_off(build, tiny_dataset, name):
    films = tiny_dataset.split("val")
    assert build(name).view(films, training=True).augments and not build(name).view(films, training=False).augments
    assert not build(name, augment=False).view(films, training=True).augments


@pytest.mark.parametrize("landmarks", [["C7", "T1", "S1"], ["C7", "S1"]])
def test_layers_of_other_classes_begin_anew(untrained, build, caplog, landmarks):
    path = untrained / "resnet.ckpt"
    component = build("resnet", landmarks=landmarks, terminals=["S1"])
    before, trained = {key: value.clone() for key, value in component.state_dict().items()}, COMPONENTS["resnet"].load(path).state_dict()
    component.start_from(path)
    for key, value in component.state_dict().items():
        assert torch.equal(value, (before if key.startswith("model.network.fc") else trained)[key])
    assert "mean something else there, and begin anew: model.network.fc.bias, model.network.fc.weight." in caplog.text


@pytest.mark.parametrize("architectures", [("resnet18", "resnet10"), ("resnet10", "resnet18")])
def test_no_training_begins_with_a_part_of_another_network(build, tmp_path, architectures):
    theirs, mine = (build("resnet", architecture=architecture) for architecture in architectures)
    content = {"component": "resnet", "hyper_parameters": dict(theirs.hparams), "state_dict": theirs.state_dict()}
    torch.save(content, tmp_path / "resnet.ckpt")
    before = {key: value.clone() for key, value in mine.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"`pretrained` to hold the same network, but of \d+ weights in `.*` \d+ have a place .*Repeat the"
    ):
        mine.start_from(tmp_path)
    assert all(torch.equal(value, before[key]) for key, value in mine.state_dict().items())
