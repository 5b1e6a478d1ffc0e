"""`python -m spinefm.ship`: what is shipped loads as a component, predicts the same, and knows where it comes from."""

import json
import re
import shutil

import pytest
import torch
from safetensors import safe_open

from spinefm.components import COMPONENTS
from spinefm.composition import load_components
from spinefm.files.shipped_files import read_shipped_file
from spinefm.files.weight_files import sha256_of
from spinefm.models.sam import Sam, SamSize
from spinefm.provenance import checkpoint_origins
from tests.predictions import predictions
from tests.sams import randomise
from tests.scripts import THE_FOUR, every_component, fails, names, run

ALL = {f"{name}.safetensors" for name in COMPONENTS}
EVERY = f"components=[{','.join(COMPONENTS)}]"


# What is in the files.


@every_component
def test_a_file_says_what_it_is_and_where_it_comes_from(published, shipped, name):
    own = torch.load(published / f"{name}.ckpt", weights_only=True)
    with safe_open(shipped / f"{name}.safetensors", "pt") as opened:
        kinds = {opened.get_tensor(key).dtype for key in opened.keys()}  # noqa: SIM118 - it is no dict
        assert set(opened.keys()) == own["state_dict"].keys() and kinds <= {torch.float16, torch.float32, torch.int64}
        text = json.loads(opened.metadata()["spinefm"])
    told = {"component": name, "run": own["run"], "checkpoint_sha256": sha256_of(published / f"{name}.ckpt")}
    assert text == told | {"hyper_parameters": own["hyper_parameters"]}


def test_half_the_size_and_nothing_else_in_the_folder(published, shipped):
    assert names(shipped) == ALL | {"SHA256SUMS"}
    sizes = [sum(path.stat().st_size for path in folder.iterdir()) for folder in (published, shipped)]
    assert sizes[1] < 0.52 * sizes[0]


def test_evaluations_name_the_training_and_the_shipped_file(published, shipped):
    own, origins = (checkpoint_origins(folder, COMPONENTS) for folder in (published, shipped))
    assert origins == {name: own[name] | {"sha256": sha256_of(shipped / f"{name}.safetensors")} for name in COMPONENTS}
    assert {origin["run_id"] for origin in origins.values()} == {"1f"}


def test_what_is_shipped_can_be_shipped_again_and_is_the_same(shipped, tmp_path):
    copied = shutil.copytree(shipped, tmp_path / "copied")
    run("ship", copied, f"checkpoints={copied}", f"output={copied}", EVERY)
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == {path.name: path.read_bytes() for path in shipped.iterdir()}


# Shipping.


def test_it_says_what_it_wrote_and_what_hides_it(published, tmp_path, capsys):
    folder = shutil.copytree(published, tmp_path / "aasce")
    (folder / "sam_adapter.ckpt").unlink()
    run("ship", tmp_path, "checkpoints=aasce", "output=aasce")
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"resnet: {folder}/resnet\.safetensors, 9\.\d MB \(in this folder, resnet\.ckpt goes before it\)", said[1])
    assert len(said) == 4 and re.fullmatch(rf"Together: 19\.\d MB; SHA-256 in {folder}/SHA256SUMS", said[-1])
    assert names(folder) == names(published) - {"sam_adapter.ckpt"} | ALL - {"sam_adapter.safetensors", "unet.safetensors"} | {"SHA256SUMS"}


def test_another_component_is_shipped_by_its_name(published, tmp_path):
    run("ship", tmp_path, f"checkpoints={published}", "output=out")
    assert names(tmp_path / "out") == {f"{name}.safetensors" for name in THE_FOUR} | {"SHA256SUMS"}
    run("ship", tmp_path, f"checkpoints={published}", "output=other", "components=[unet]")
    assert names(tmp_path / "other") == {"unet.safetensors", "SHA256SUMS"}


def test_a_named_component_has_to_be_known_and_there(tmp_path):
    told = fails("ship", tmp_path, "checkpoints=checkpoints", "output=out", "components=[unet,vnet]")
    assert "Expected `components` to be some of mask_rcnn, resnet, point_predictor, sam_adapter, unet, but got vnet." in told
    assert "No unet checkpoint at `checkpoints/unet.ckpt`" in fails(
        "ship", tmp_path, "checkpoints=checkpoints", "output=out", "components=[unet]"
    )


def test_a_folder_without_checkpoints_is_refused(tmp_path):
    told = fails("ship", tmp_path, "checkpoints=checkpoints", "output=out")
    assert "Expected mask_rcnn.ckpt, resnet.ckpt, point_predictor.ckpt, sam_adapter.ckpt in `checkpoints`, but found none" in told


@pytest.mark.parametrize("fault", ["does not load", "weight too large"])
def test_nothing_is_shipped_if_one_of_them_cannot_be(published, tmp_path, fault):
    folder = shutil.copytree(published, tmp_path / "in")
    content = torch.load(folder / "sam_adapter.ckpt", weights_only=True)
    key = "model.mask_decoder.iou_token.weight"
    content["state_dict"][key] = torch.zeros(3) if fault == "does not load" else content["state_dict"][key] + 1e6
    torch.save(content, folder / "sam_adapter.ckpt")
    told = fails("ship", tmp_path, "checkpoints=in", "output=out")
    assert key in told and "sam_adapter" in told
    assert names(tmp_path / "out") == set()


# A tuned foundation.


@pytest.fixture
def tuned(tiny_modules, tmp_path):
    """(component, foundation) in folders of their own, the component's checkpoint as a training publishes it."""
    folders = [tmp_path / name for name in ("tuned", "foundations")]
    for folder in folders:
        folder.mkdir()
    arguments = tiny_modules["sam_adapter"]
    foundation = folders[1] / "sam.pth"
    torch.manual_seed(5)
    torch.save(randomise(Sam(SamSize(**arguments["sam"]))).state_dict(), foundation)
    component = COMPONENTS["sam_adapter"](**arguments | {"tuning": {"method": "adapter"}, "weights": str(foundation)})
    component.setup("fit")
    checkpoint = {"hyper_parameters": dict(component.hparams), "state_dict": component.state_dict()}
    component.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folders[0] / "sam_adapter.ckpt")
    return component.eval(), foundation


def test_a_tuned_foundation_is_shipped_as_what_was_trained_and_what_it_belongs_to(tuned, tmp_path, monkeypatch):
    component, foundation = tuned
    run("ship", tmp_path, "checkpoints=tuned", "output=out")
    content = read_shipped_file(tmp_path / "out" / "sam_adapter.safetensors", "checkpoint", "")
    assert content["state_dict"].keys() == component.trained_keys() and content["foundation_sha256"] == sha256_of(foundation)
    assert content["hyper_parameters"]["weights"] == "sam.pth" and str(tmp_path) not in json.dumps(content, default=str)
    with pytest.raises(FileNotFoundError, match=rf"tunes the foundation weights with SHA-256 {sha256_of(foundation)}; put them beside it"):
        load_components(tmp_path / "out", ["sam_adapter"])
    shutil.copy(foundation, tmp_path / "out")
    loaded = load_components(tmp_path / "out", ["sam_adapter"])["sam_adapter"]
    (found,), (expected,) = (predictions(each, []) for each in (loaded, component))
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0.01)


def test_on_another_foundation_it_is_refused(tuned, tmp_path):
    _, foundation = tuned
    run("ship", tmp_path, "checkpoints=tuned", "output=out")
    weights = torch.load(foundation, weights_only=True)
    weights["image_encoder.blocks.0.norm1.weight"][3] += 1e-4
    torch.save(weights, tmp_path / "out" / "sam.pth")
    with pytest.raises(ValueError, match=rf"Expected the foundation weights with SHA-256 {sha256_of(foundation)}"):
        load_components(tmp_path / "out", ["sam_adapter"])
