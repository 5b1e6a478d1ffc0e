"""What is shipped loads as a component, predicts the same, is refused where it does not fit, and gives way to one's own."""

import logging
import re
import shutil
from functools import partial
from types import SimpleNamespace

import pytest
import torch

import train
from spinefm.components import COMPONENTS
from spinefm.composition import load_components, load_pipeline
from spinefm.files.shipped_files import read_shipped_file, write_shipped_files
from spinefm.files.weight_files import sha256_of
from spinefm.geometry.masks import mask_iou
from spinefm.pipeline import DetectorOnlyPipeline, InductivePipeline
from spinefm.provenance import checkpoint_origins
from spinefm.training.checkpoints import resume_from
from tests.predictions import predictions
from tests.scripts import PIPELINES, ROOT, THE_FOUR, every_component, fails, names, rounded, run
from tests.weight_store import flip_a_byte


@pytest.fixture
def copied(shipped, tmp_path):
    return shutil.copytree(shipped, tmp_path / "copied")


def changed(path, change):
    """Ship other content under the same name, listed as it should be."""
    content = read_shipped_file(path, "checkpoint", "")
    change(content)
    write_shipped_files(path.parent, {path.stem: content})
    return path


# What is loaded.


@every_component
def test_predictions_stay_the_same_but_for_rounding(published, shipped, make_film, name):
    own, loaded = (COMPONENTS[name].load(path) for path in (published / f"{name}.ckpt", shipped / f"{name}.safetensors"))
    films = [make_film("one"), make_film("two", size=(150, 120))]
    found, expected = predictions(loaded, films), predictions(own, films)
    assert sum(each.numel() for each in found) > 0
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.01, atol=0.01)


@every_component
def test_weights_are_in_single_precision_again_and_counters_exact(published, shipped, name):
    own, loaded = (COMPONENTS[name].load(path) for path in (published / f"{name}.ckpt", shipped / f"{name}.safetensors"))
    state = loaded.state_dict()
    assert loaded.hparams == own.hparams and not loaded.training and loaded.device.type == "cpu"
    for key, value in own.state_dict().items():
        assert state[key].dtype == value.dtype != torch.float16
        assert torch.equal(state[key], rounded(value))


def test_the_baseline_finds_the_same_vertebrae(published, shipped, make_film):
    own, loaded = (load_pipeline(partial(DetectorOnlyPipeline, score_threshold=0), folder) for folder in (published, shipped))
    check_same(own([make_film()]), loaded([make_film()]))


def test_walks_find_the_same_vertebrae(published, shipped, make_film):
    """Masks of untrained networks overlap."""
    kind = partial(InductivePipeline, max_overlap=1.0, mask_threshold=0.45, max_steps=4)
    own, loaded = (load_pipeline(kind, folder) for folder in (published, shipped))
    check_same(own([make_film()]), loaded([make_film()]))


def check_same(expected, found):
    ((theirs,), (mine,)) = (list(spines) for spines in (expected, found))
    assert len(mine.vertebrae) == len(theirs.vertebrae) > 5 and mine.stops == theirs.stops
    for one, other in zip(mine.vertebrae, theirs.vertebrae, strict=True):
        assert one.level == other.level and mask_iou(one, other) > 0.99
        assert one.centroid == pytest.approx(other.centroid, abs=0.05) and one.confidence == pytest.approx(other.confidence, abs=0.01)


def test_infer_needs_nothing_else(shipped, tmp_path):
    film = shutil.copy(ROOT / "docs" / "pipeline_output.jpg", tmp_path / "film.jpg")
    run("infer", tmp_path, f"input={film}", f"checkpoints={shipped}", "output=out", *PIPELINES["detector_only"])
    assert names(tmp_path / "out") == {"film_labels.png", "film.json", "film_overlay.jpg", "measurements.csv", "run.yaml", "summary.csv"}


# What does not fit.


@every_component
def test_a_damaged_file_is_refused_by_its_digest(copied, name):
    path = copied / f"{name}.safetensors"
    flip_a_byte(path)
    with pytest.raises(ValueError, match=rf"Expected `{re.escape(str(path))}` to have the SHA-256 .*but found .*git checkout -- "):
        load_components(copied, [name])


def test_a_damaged_file_ends_a_script_in_one_sentence(copied, tmp_path):
    (copied / "sam_adapter.safetensors").write_bytes(b"")
    (tmp_path / "film.png").write_bytes((ROOT / "docs" / "pipeline_output.jpg").read_bytes())
    told = fails("infer", tmp_path, f"input={tmp_path / 'film.png'}", f"checkpoints={copied}", "output=out")
    assert "sam_adapter.safetensors` to have the SHA-256" in told and "\n" not in told


@every_component
def test_another_components_file_is_refused(copied, name):
    other = "resnet" if name != "resnet" else "point_predictor"
    (copied / "SHA256SUMS").unlink()
    shutil.copy(copied / f"{other}.safetensors", copied / f"{name}.safetensors")
    expected = rf"Expected a {name} checkpoint at `.*{name}\.safetensors`, but it is of {other}\. Train one with `python train.py"
    with pytest.raises(ValueError, match=expected):
        load_components(copied, [name])


@pytest.mark.parametrize("fault", ["missing", "unexpected", "of another shape", "unknown argument", "no arguments"])
def test_what_does_not_fit_this_version_is_named(copied, fault):
    key = "model.fc9.bias" if fault == "unexpected" else "model.fc2.bias"

    def change(content):
        if fault == "missing":
            del content["state_dict"][key]
        elif fault == "unknown argument":
            content["hyper_parameters"]["momentum_of_old"] = 1
        elif fault == "no arguments":
            del content["hyper_parameters"]
        else:
            content["state_dict"][key] = torch.zeros(5)

    path = changed(copied / "point_predictor.safetensors", change)
    named = {"unknown argument": "momentum_of_old", "no arguments": "hyper_parameters"}.get(fault, re.escape(key))
    with pytest.raises(ValueError, match=rf"(?s)Expected a point_predictor checkpoint at `.*\.safetensors`.*{named}.*Train one"):
        COMPONENTS["point_predictor"].load(path)


def test_no_training_goes_on_from_what_is_shipped(shipped, tiny_dataset):
    path = shipped / "point_predictor.safetensors"
    with pytest.raises(ValueError, match="Expected `resume` to hold the state of a training"):
        resume_from(path, COMPONENTS["point_predictor"].load(path), tiny_dataset)


# One's own training beside what is shipped.


def test_ones_own_component_goes_before_the_shipped_one_and_the_log_says_so(copied, published, caplog):
    shutil.copy(published / "resnet.ckpt", copied)
    loaded = load_components(copied, THE_FOUR)
    weight = torch.load(published / "resnet.ckpt", weights_only=True)["state_dict"]["model.network.conv1.weight"]
    assert torch.equal(loaded["resnet"].state_dict()["model.network.conv1.weight"], weight) and not torch.equal(
        weight, weight.half().float()
    )
    (record,) = caplog.records
    shipped = "mask_rcnn.safetensors, point_predictor.safetensors, sam_adapter.safetensors."
    told = f"From `{copied}` come resnet.ckpt of your own training, which goes before what is shipped, and as shipped {shipped}"
    assert record.getMessage() == told and record.levelno == logging.WARNING
    assert checkpoint_origins(copied, ["resnet"])["resnet"]["sha256"] == sha256_of(copied / "resnet.ckpt")


def test_nothing_is_said_where_nothing_is_mixed(published, shipped, copied, caplog):
    for folder in (published, shipped):
        load_components(folder, COMPONENTS)
    shutil.copy(published / "resnet.ckpt", copied)
    load_components(copied, ["point_predictor"])
    assert not caplog.records
    load_components(copied, ["resnet"])
    assert caplog.messages[0].endswith("and as shipped nothing.")


def test_a_damaged_one_of_ones_own_is_not_passed_over(copied):
    (copied / "resnet.ckpt").write_text("half a file")
    with pytest.raises(ValueError, match=r"Expected a resnet checkpoint at `.*resnet\.ckpt`, but could not read it"):
        load_components(copied, ["resnet"])


def test_publishing_says_what_it_goes_before(copied, published, caplog):
    caplog.set_level(logging.INFO)
    best = SimpleNamespace(best_model_path=published / "resnet.ckpt")
    train.publish(str(copied), COMPONENTS["resnet"], best, None)
    told = f"It goes before {copied / 'resnet.safetensors'}, which was shipped, for as long as it is there."
    assert caplog.messages == [f"Published {copied / 'resnet.ckpt'}", told]
