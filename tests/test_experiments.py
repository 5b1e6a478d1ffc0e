"""Every file of conf/experiment: the command in its header composes and trains for one step, on tiny films, with tiny networks."""

import shlex
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from spinefm.models.sam import Sam, SamSize
from tests.layouts import WRITERS
from tests.scripts import FILMS, ROOT, flattened, names, run, run_folder

FOLDER = ROOT / "conf" / "experiment"
EXPERIMENTS = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.yaml"))
every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS)
NUM_FILMS = 10
"""Enough for each split to get some."""


def command_of(experiment):
    """The arguments of the one command in a header."""
    lines = (FOLDER / f"{experiment}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    (command,) = (line.removeprefix("# ") for line in lines if line.startswith("# python "))
    python, script, *arguments = shlex.split(command)
    assert (python, script) == ("python", "train.py")
    return arguments


def dataset_of(experiment):
    (name,) = (each.removeprefix("dataset=") for each in command_of(experiment) if each.startswith("dataset="))
    return name


def foundation_of(arguments):
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        return OmegaConf.to_container(compose("train", arguments).foundation)


@pytest.fixture(scope="module")
def root_of(tmp_path_factory):
    """The folder of a data set, written when first asked for."""
    written = {}

    def get(name):
        if name not in written:
            written[name] = WRITERS[name](tmp_path_factory.mktemp(name) / "data", NUM_FILMS)
        return written[name]

    return get


@pytest.fixture
def tiny_sizes(tiny_modules, tmp_path):
    """Overrides of what makes a component large; all else that an experiment decides stays."""

    def segmenter(arguments):
        foundation = foundation_of(arguments)
        sam = foundation["sam"]
        if sam["encoder"]["name"] == "tiny_vit":  # of one size only; it has its real weights
            return ["foundation.sam.image_size=32"]
        tiny = {key: value for key, value in tiny_modules["sam_adapter"]["sam"].items() if key != "num_multimask_outputs"}
        tiny["encoder"] = tiny["encoder"] | {key: sam["encoder"][key] for key in ("name", "stem")}
        weights = tmp_path / "sam.pth"
        torch.save(Sam(SamSize(**sam | tiny | {"num_multimask_outputs": 3})).state_dict(), weights)
        return [*flattened(tiny, "foundation.sam"), *([f"foundation.weights={weights}"] if foundation["weights"] else [])]

    size = tiny_modules["mask_rcnn"]["size"]
    return {
        "mask_rcnn": lambda arguments: [*flattened(size, "component.module.size"), "component.module.coco_weights=false"],
        "resnet": lambda arguments: ["component.module.architecture=resnet18", "component.module.input_size=32"],
        "point_predictor": lambda arguments: [],
        "sam_adapter": segmenter,
    }


@every_experiment
def test_a_header_names_its_own_file(experiment):
    arguments = command_of(experiment)
    assert f"component={Path(experiment).name}" in arguments and f"experiment={experiment}" in arguments
    assert (dataset_of(experiment) == "synthetic") != ("dataset.root=<folder>" in arguments)


@every_experiment
def test_an_experiment_trains_for_a_step(experiment, root_of, tiny_sizes, tmp_path):
    name, dataset = Path(experiment).name, dataset_of(experiment)
    films = FILMS[1:] if dataset == "synthetic" else []
    arguments = [each.replace("<folder>", str(root_of(dataset))) if "<folder>" in each else each for each in command_of(experiment)]
    brief = ["trainer.fast_dev_run=true", "trainer.enable_progress_bar=false", "component.loader.num_workers=0"]
    run("train", tmp_path, *arguments, *films, *brief, *tiny_sizes[name](arguments))
    assert {"config.yaml", "run.json"} <= names(run_folder(tmp_path, name, dataset))
