"""Every file of conf/experiment: the command in its header composes and trains for one step, on tiny films, with tiny networks."""

import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from tests.layouts import WRITERS
from tests.scripts import FILMS, ROOT, names, run, run_folder

FOLDER = ROOT / "conf" / "experiment"
EXPERIMENTS = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.yaml"))
every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS)
NUM_FILMS = 10
"""Enough for each split to get some."""


def command_of(experiment, folder="<folder>"):
    """The arguments of the one command in a header, with the folder of a data set in its place."""
    lines = (FOLDER / f"{experiment}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    (command,) = (line.removeprefix("# ") for line in lines if line.startswith("# python "))
    python, script, *arguments = shlex.split(command)
    assert (python, script) == ("python", "train.py")
    return [each.replace("<folder>", str(folder)) for each in arguments]


def dataset_of(experiment):
    (name,) = (each.removeprefix("dataset=") for each in command_of(experiment) if each.startswith("dataset="))
    return name


@pytest.fixture(scope="module")
def root_of(tmp_path_factory):
    """The folder of a data set, written when first asked for."""
    written = {}

    def get(name):
        if name not in written:
            written[name] = WRITERS[name](tmp_path_factory.mktemp(name) / "data", NUM_FILMS)
        return written[name]

    return get


@every_experiment
def test_a_header_names_its_own_file(experiment):
    arguments = command_of(experiment)
    assert f"component={Path(experiment).name}" in arguments and f"experiment={experiment}" in arguments
    assert (dataset_of(experiment) == "synthetic") != ("dataset.root=<folder>" in arguments)


@every_experiment
def test_an_experiment_decides_only_what_there_is(experiment):
    """Sections that nobody reads would go unnoticed."""

    def sections(arguments):
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            config = compose("train", arguments)
        return [sorted(part) for part in (config, config.component, config.get("foundation", {}))]

    arguments = command_of(experiment, "somewhere")
    assert sections(arguments) == sections([each for each in arguments if not each.startswith("experiment=")])


@every_experiment
def test_an_experiment_trains_for_a_step(experiment, root_of, tiny_sizes, tmp_path):
    name, dataset = Path(experiment).name, dataset_of(experiment)
    films, folder = (FILMS[1:], None) if dataset == "synthetic" else ([], root_of(dataset))
    arguments = command_of(experiment, folder)
    brief = ["trainer.fast_dev_run=true", "trainer.enable_progress_bar=false", "component.loader.num_workers=0"]
    run("train", tmp_path, *arguments, *films, *brief, *tiny_sizes[name](arguments))
    assert {"config.yaml", "run.json"} <= names(run_folder(tmp_path, name, dataset))
