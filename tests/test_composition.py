"""Trained components put into a pipeline."""

from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import pytest

from spinefm.composition import known_reader, load_pipeline, placement
from spinefm.pipeline import DetectorOnlyPipeline, EitherPolarity, InductivePipeline, OraclePipeline, OriginalPipeline, WholeFilmPipeline
from tests.scripts import each_of_the_four


@pytest.fixture
def copied(untrained, tmp_path):
    for path in untrained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_the_inductive_pipeline_has_all_four(untrained):
    loaded = load_pipeline(partial(InductivePipeline, max_steps=7), untrained)
    assert isinstance(loaded, EitherPolarity) and isinstance(loaded.pipeline.pipeline, InductivePipeline)
    pipeline = loaded.pipeline.pipeline
    crew = pipeline.crew
    assert [pipeline.detector.name, pipeline.classifier.name, crew.predictor.name] == ["mask_rcnn", "resnet", "point_predictor"]
    assert pipeline.rules.max_steps == 7 and not pipeline.detector.training
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
    assert isinstance(loaded, EitherPolarity) and loaded.pipeline.pipeline.segmenter.name == "unet"


def test_a_swapped_checkpoint_is_refused(copied):
    (copied / "sam_adapter.ckpt").write_bytes((copied / "mask_rcnn.ckpt").read_bytes())
    with pytest.raises(ValueError, match=r"Expected a sam_adapter checkpoint.*it is of mask_rcnn"):
        load_pipeline(partial(InductivePipeline), copied)


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_networks_are_compiled_and_laid_out_as_asked(untrained, compiled, channels_last):
    where = placement(SimpleNamespace(device="cpu", autocast=nullcontext), "32-true", "aot_eager", channels_last)
    load_pipeline(partial(DetectorOnlyPipeline), untrained, where)
    assert compiled == [("aot_eager", channels_last)] * 2


@pytest.mark.parametrize("kind", [InductivePipeline, DetectorOnlyPipeline, OraclePipeline, OriginalPipeline, WholeFilmPipeline])
def test_a_setting_that_no_pipeline_has_is_named(untrained, kind):
    with pytest.raises(ValueError, match=r"Expected options of \w+ to be some of .*, but got `foo`\."):
        load_pipeline(partial(kind, foo=1), untrained)


@pytest.mark.parametrize("kind", [InductivePipeline, OraclePipeline])
@pytest.mark.parametrize(
    ("name", "value"),
    [("max_steps", None), ("films_at_once", "many"), ("refinements", 1.5), ("lookahead", 1.5), ("base_attempts", 2.5), ("patience", 0.5)],
)
def test_a_setting_of_another_type_is_refused_before_films_are_seen(untrained, kind, name, value):
    with pytest.raises(ValueError, match=rf"Expected `{name}` to be a whole number, but got `{value or 'null'}`\."):
        load_pipeline(partial(kind, **{name: value}), untrained)


def test_a_decision_of_another_type_is_refused(untrained):
    with pytest.raises(ValueError, match=r"Expected `max_steps` to be a whole number, but got `2\.5`\."):
        load_pipeline(partial(OriginalPipeline, max_steps=2.5), untrained)


def test_the_original_pipeline_does_not_turn_films_over(untrained):
    assert isinstance(load_pipeline(partial(OriginalPipeline), untrained), OriginalPipeline)


def test_only_readers_who_were_learnt_can_be_asked_for():
    components = [SimpleNamespace(readers=()), SimpleNamespace(readers=("anna", "2"))]
    assert [known_reader(known, components) for known in (None, "anna", "2", 2)] == [None, "anna", "2", "2"]
    with pytest.raises(ValueError, match=r"`reader` to be one of anna, 2, but got `carl`\. See `dataset\.readers` of"):
        known_reader("carl", components)
    with pytest.raises(ValueError, match=r"`reader` to be left out, as these networks tell no readers apart, but got `anna`"):
        known_reader("anna", components[:1])
