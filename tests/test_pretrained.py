"""`pretrained=`: a training that begins with the network of a checkpoint."""

import shutil
from pathlib import Path

import pytest
import torch

from spinefm.components import COMPONENTS
from spinefm.files.weight_files import sha256_of
from tests.scripts import every_component, fails, read_json, run, run_folder

# A rate of 0 keeps what a training begins with; running means go on.
UNCHANGED = ("component.module.optimizer.lr=0", "seed=5")


def parameters(path, name):
    return dict(COMPONENTS[name].load(path).named_parameters())


@every_component
def test_a_training_begins_with_its_network_and_says_so(workplace, tiny, tmp_path, name):
    path, published = (place / "checkpoints" / "synthetic" / f"{name}.ckpt" for place in (workplace, tmp_path))
    run("train", tmp_path, *tiny(name), *UNCHANGED, f"pretrained={path}")
    found, expected = parameters(published, name), parameters(path, name)
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[key]) for key, value in found.items())
    assert read_json(run_folder(tmp_path, name) / "run.json")["pretrained_sha256"] == sha256_of(path)
    assert COMPONENTS[name].load(published).run["pretrained_sha256"] == sha256_of(path)


def test_what_a_network_to_begin_with_replaces_need_not_be_there(workplace, tiny, tmp_path):
    """torchvision's weights would have to be downloaded, which tests refuse."""
    run(
        "train", tmp_path, *tiny("mask_rcnn"), "component.module.coco_weights=true", f"pretrained={workplace / 'checkpoints' / 'synthetic'}"
    )


def test_a_run_that_goes_on_needs_and_forgets_nothing_that_it_began_with(workplace, tiny, tmp_path):
    arguments = [*tiny("mask_rcnn"), "component.module.coco_weights=true"]
    path = shutil.copy(workplace / "checkpoints" / "synthetic" / "mask_rcnn.ckpt", tmp_path / "begin.ckpt")
    sha256 = sha256_of(path)
    run("train", tmp_path, *arguments, f"pretrained={path}", "output=first", "publish=null")
    Path(path).unlink()
    run("train", tmp_path, *arguments, "component.max_epochs=2", "resume=first/last.ckpt", "output=second")
    assert read_json(tmp_path / "second" / "run.json")["pretrained_sha256"] == sha256
    assert COMPONENTS["mask_rcnn"].load(tmp_path / "second" / "last.ckpt").run["pretrained_sha256"] == sha256


def test_a_shipped_network_is_one_to_begin_with(shipped, tiny, tmp_path):
    run("train", tmp_path, *tiny("point_predictor"), *UNCHANGED, f"pretrained={shipped}")
    found = parameters(tmp_path / "checkpoints" / "synthetic" / "point_predictor.ckpt", "point_predictor")
    expected = parameters(shipped / "point_predictor.safetensors", "point_predictor")
    assert all(torch.equal(value, expected[key]) for key, value in found.items())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pretrained=absent.ckpt"], ["point_predictor checkpoint", "absent.ckpt"]),
        (["pretrained=7"], ["point_predictor checkpoint", "`7`"]),
        (["resume=7"], ["point_predictor checkpoint", "`7`"]),
        (["pretrained={folder}/resnet.ckpt"], ["a point_predictor checkpoint", "it is of resnet"]),
        (["pretrained={folder}", "component.module.hidden_size=77"], ["`pretrained` to hold the same network", "Repeat the settings"]),
        (["pretrained={folder}", "resume={folder}/point_predictor.ckpt"], ["`resume` or `pretrained`, but got both"]),
    ],
)
def test_what_no_training_can_begin_with(workplace, tiny, tmp_path, arguments, said):
    folder = workplace / "checkpoints" / "synthetic"
    told = fails("train", tmp_path, *tiny("point_predictor"), *(argument.format(folder=folder) for argument in arguments))
    assert all(word in told for word in said), told
    assert not list(tmp_path.rglob("*.ckpt"))
