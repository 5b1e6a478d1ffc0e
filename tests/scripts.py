"""Running the scripts as their command lines would, with tiny networks on tiny simulated films."""

import importlib.util
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import evaluate
import infer
import train
from spinefm import ship
from spinefm import weights as weights_script
from spinefm.components import COMPONENTS
from spinefm.data import check, convert
from spinefm.pipeline import InductivePipeline
from spinefm.running.failures import run_script

ROOT = Path(train.__file__).resolve().parent
SCRIPTS = {
    "train": train.main,
    "evaluate": evaluate.main,
    "infer": infer.main,
    "check": check.main,
    "convert": convert.main,
    "ship": ship.main,
}
FILMS = ["dataset=synthetic", *(f"dataset.num_films.{split}=3" for split in ("train", "val", "test")), "++dataset.scale=0.15"]
BRIEF = [
    "component.max_epochs=1",
    "component.loader.num_workers=0",
    "component.loader.batch_size=4",
    "trainer.enable_progress_bar=false",
    "trainer.log_every_n_steps=1",
    "++trainer.limit_train_batches=2",
    "++trainer.limit_val_batches=2",
]
PIPELINES = {
    "inductive": ["pipeline=inductive"],
    "original": ["pipeline=original"],
    # Networks trained for two steps are sure of nothing.
    "detector_only": ["pipeline=detector_only", "pipeline.score_threshold=0"],
    "unet": ["pipeline=unet"],
}

WALKING = ["pipeline.max_overlap=1.0", "pipeline.mask_threshold=0.45", "pipeline.max_steps=4"]
"""With these, networks that were never trained find vertebrae, one over the other."""
ORACLES = ["pipeline=oracle", "pipeline.oracle=[mask_rcnn,resnet,point_predictor,sam_adapter]"]


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


def run_weights(*arguments):
    """Run `python -m spinefm.weights` in this process, as its command line would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "0")
        patch.setattr(sys, "argv", ["weights.py", *map(str, arguments)])
        run_script(weights_script.main)


def load_experiment(name):
    """A script of experiments/ as a module, such as "wandb/dashboard"; nothing in it runs."""
    path = (ROOT / "experiments" / name).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    sys.modules[path.stem] = module = importlib.util.module_from_spec(spec)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def error_of(call, *arguments):
    """What a script that has to fail says; Python prints it on the error stream and makes the exit code 1."""
    with pytest.raises(SystemExit) as caught:
        call(*arguments)
    assert isinstance(caught.value.code, str) and caught.value.code.startswith("Error: ")
    return caught.value.code


def fails(script, folder, *arguments):
    """Run a script that has to fail; gives what it says."""
    return error_of(run, script, folder, *arguments)


def process(script, folder, *arguments, launcher=(), **variables):
    """Run a script in a process of its own, or in those that a launcher starts; None takes a variable out of its environment."""
    environment = {key: value for key, value in (os.environ | {"OMP_NUM_THREADS": "1"} | variables).items() if value is not None}
    environment.pop("HYDRA_FULL_ERROR", None)
    command = [sys.executable, *launcher, str(ROOT / f"{script}.py"), *map(str, arguments)]
    nobody = subprocess.DEVNULL  # who could answer a question
    return subprocess.run(command, cwd=folder, env=environment, stdin=nobody, capture_output=True, text=True, check=False)


def flattened(arguments, path):
    for key, value in arguments.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{path}.{key}")
        else:
            yield f"++{path}.{key}={json.dumps(value)}"


def trained_in(folder, tiny):
    """Train all components in a folder, and return it."""
    for name in COMPONENTS:
        run("train", folder, *tiny(name))
    return folder


def run_folder(workplace, name, dataset="synthetic"):
    (folder,) = (workplace / "runs" / "train" / dataset / name).iterdir()
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


def products(*film_ids):
    """What infer.py writes."""
    files = {f"{film_id}{suffix}" for film_id in film_ids for suffix in ("_labels.png", ".json", "_overlay.jpg")}
    return files | {"measurements.csv", "run.yaml", "summary.csv"}


def read_json(path):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(path.read_text(), parse_constant=refuse)


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def same_weights(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


def rounded(tensor):
    """What a shipped file makes of a tensor."""
    if not tensor.is_floating_point():
        return tensor
    return tensor.half().float() if tensor.ndim > 1 else tensor.float()


every_component = pytest.mark.parametrize("name", COMPONENTS)
THE_FOUR = InductivePipeline.components
each_of_the_four = pytest.mark.parametrize("name", THE_FOUR)
