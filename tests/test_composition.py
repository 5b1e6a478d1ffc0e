"""Trained components put into a pipeline."""

from functools import partial

import pytest
import torch

from spinefm.components import COMPONENTS
from spinefm.composition import load_pipeline
from spinefm.pipeline import DetectorOnlyPipeline, EitherPolarity, InductivePipeline, OriginalPipeline, WholeFilmPipeline
from tests.scripts import each_of_the_four


@pytest.fixture(scope="module")
def checkpoints(tiny_modules, tiny_dataset, tmp_path_factory):
    """A folder with an untrained component of each kind, as published."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, arguments in tiny_modules.items():
        classes = {"landmarks": tiny_dataset.landmarks, "terminals": tiny_dataset.terminals} if name == "resnet" else {}
        torch.manual_seed(0)
        component = COMPONENTS[name](**arguments | classes)
        content = {"component": name, "hyper_parameters": dict(component.hparams), "state_dict": component.state_dict()}
        torch.save(content, folder / f"{name}.ckpt")
    return folder


@pytest.fixture
def copied(checkpoints, tmp_path):
    for path in checkpoints.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_the_inductive_pipeline_has_all_four(checkpoints):
    loaded = load_pipeline(partial(InductivePipeline, max_steps=7), checkpoints)
    assert isinstance(loaded, EitherPolarity) and isinstance(loaded.pipeline, InductivePipeline)
    pipeline = loaded.pipeline
    crew = pipeline.crew
    assert [crew.detector.name, pipeline.classifier.name, crew.predictor.name] == ["mask_rcnn", "resnet", "point_predictor"]
    assert pipeline.rules.max_steps == 7 and not crew.detector.training
    assert pipeline.classifier.classes == ("background", "vertebra", "T12", "L5")


def test_the_baseline_needs_detector_and_classifier_only(copied, make_film):
    (copied / "sam_adapter.ckpt").unlink()
    (copied / "point_predictor.ckpt").write_text("damaged")
    pipeline = load_pipeline(partial(DetectorOnlyPipeline), copied)
    (spine,) = pipeline([make_film()])
    assert spine.film_id == "film" and spine.size == (160, 96)


@each_of_the_four
def test_a_missing_checkpoint_is_named(copied, name):
    (copied / f"{name}.ckpt").unlink()
    with pytest.raises(FileNotFoundError, match=rf"No {name} checkpoint at `.*{name}\.ckpt`.*python train\.py component={name}"):
        load_pipeline(partial(InductivePipeline), copied)


def test_the_plainest_baseline_needs_one_component(copied):
    for path in copied.iterdir():
        if path.name != "unet.ckpt":
            path.unlink()
    loaded = load_pipeline(partial(WholeFilmPipeline), copied)
    assert isinstance(loaded, EitherPolarity) and loaded.pipeline.segmenter.name == "unet"


def test_a_swapped_checkpoint_is_refused(copied):
    (copied / "sam_adapter.ckpt").write_bytes((copied / "mask_rcnn.ckpt").read_bytes())
    with pytest.raises(ValueError, match=r"Expected a sam_adapter checkpoint.*it is of mask_rcnn"):
        load_pipeline(partial(InductivePipeline), copied)


def test_the_original_pipeline_does_not_turn_films_over(checkpoints):
    assert isinstance(load_pipeline(partial(OriginalPipeline), checkpoints), OriginalPipeline)
