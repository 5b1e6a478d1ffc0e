"""experiments/wandb: the sweep and the dashboard, as far as they can be checked without W&B."""

import json
import socket

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from spinefm.components import COMPONENTS
from tests.documented import is_documented, of_component
from tests.scripts import ROOT, load_experiment

FOLDER = ROOT / "experiments" / "wandb"
SWEEP = yaml.safe_load((FOLDER / "sweep.yaml").read_text())
FIXED = [argument for argument in SWEEP["command"] if "=" in argument]


def values(parameter):
    """Every value of a parameter, or the ends of its range."""
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def composed(*overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        return compose("train", [*FIXED, *overrides])


@pytest.mark.parametrize("key", SWEEP["parameters"])
def test_every_value_of_the_sweep_is_an_option_and_makes_a_component(key):
    for value in values(SWEEP["parameters"][key]):
        config = composed(f"{key}={json.dumps(value)}")
        assert OmegaConf.select(config, key) == value
        component = instantiate(config.component.module, _recursive_=False, _convert_="all")
        assert component.name == "point_predictor" and component.trained_parameters()


def test_the_sweep_looks_for_what_training_monitors():
    component = COMPONENTS["point_predictor"]
    assert SWEEP["metric"] == {"name": component.monitor, "goal": f"{component.mode}imize"}
    assert component.monitor in of_component("point_predictor")


def test_the_sweep_runs_train_tracked_and_publishes_nothing():
    assert (ROOT / SWEEP["program"]).is_file()
    assert SWEEP["command"][:3] == ["${env}", "${interpreter}", "${program}"] and SWEEP["command"][-1] == "${args_no_hyphens}"
    config = composed()
    assert set(config.logger) == {"csv", "wandb"} and config.publish is None
    assert SWEEP["project"] == config.logger.wandb.project


@pytest.fixture
def dashboard(monkeypatch):
    """The script, where nothing reaches the network."""

    def refuse(*arguments):
        raise AssertionError(f"the dashboard asked the network for {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return load_experiment("wandb/dashboard")


def named(panel):
    """Metrics and media that a panel shows."""
    lists = (getattr(panel, name, []) for name in ("y", "metrics", "media_keys"))
    return [name for names in lists for name in names] + [name for name in [getattr(panel, "table_name", None)] if name]


def test_the_dashboard_shows_what_is_logged(dashboard):
    workspace = dashboard.dashboard("somebody", "spinefm")
    shown = {section.name: [name for panel in section.panels for name in named(panel)] for section in workspace.sections}
    assert list(shown) == ["evaluation", *COMPONENTS, "training"]
    assert all(names and all(map(is_documented, names)) for names in shown.values())
    for name, component in COMPONENTS.items():
        assert set(shown[name]) == {metric for metric in of_component(name) if metric.startswith("val/")}
        assert shown[name][0] == component.monitor
    # What would be sent.
    sent = workspace._to_model().model_dump_json()
    assert all(name in sent for names in shown.values() for name in names)


def test_the_dashboard_wants_entity_and_project(dashboard, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dashboard.py", "spinefm"])
    with pytest.raises(SystemExit):
        dashboard.main()
    assert "Expected <entity>/<project>, but got `spinefm`" in capsys.readouterr().err
