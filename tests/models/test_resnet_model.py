"""The patch classifier's network against torchvision's."""

from contextlib import suppress
from urllib.error import URLError

import pytest
import torch
from torchvision.models import ResNet18_Weights, get_model

from spinefm.models.resnet import PatchResNet, pretrained_resnet


@pytest.fixture
def patches():
    return torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_state_is_torchvisions_with_another_last_layer(architecture):
    with torch.device("meta"):
        ours, theirs = PatchResNet(architecture, 5), get_model(architecture, weights=None, num_classes=5)
    expected = {f"network.{key}": value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in ours.state_dict().items()} == expected


def test_resnet10_has_one_block_per_stage():
    blocks = [len(stage) for name, stage in PatchResNet("resnet10", 5).network.named_children() if name.startswith("layer")]
    assert blocks == [1, 1, 1, 1]


@torch.no_grad()
def test_all_three_channels_see_the_patch_at_zero_mean_and_unit_variance(patches):
    model = PatchResNet("resnet18", 3).eval()
    standard = (patches - patches.mean((2, 3), keepdim=True)) / patches.std((2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(model(patches), model.network(standard.repeat(1, 3, 1, 1)), rtol=0, atol=1e-3)
    assert model(patches).shape == (4, 3)


@torch.no_grad()
def test_exposure_does_not_matter_and_the_picture_does(patches):
    model = PatchResNet("resnet18", 3).eval()
    logits = model(patches)
    torch.testing.assert_close(model(0.3 + 0.5 * patches), logits, rtol=0, atol=1e-2)
    assert (logits[0] - logits[1]).abs().max() > 1e-3


def test_pretrained_weights_replace_all_but_the_last_layer(monkeypatch):
    torch.manual_seed(0)
    pretrained = get_model("resnet18", weights=None)
    model = PatchResNet("resnet18", 3)
    last = model.network.fc.weight.clone()
    expected = pretrained.conv1.weight.clone()
    assert not torch.equal(model.network.conv1.weight, expected)
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda self, **options: pretrained.state_dict())
    model.load_pretrained("DEFAULT")
    assert torch.equal(model.network.conv1.weight, expected)
    assert torch.equal(model.network.fc.weight, last)


def test_weights_that_cannot_be_downloaded_are_named_with_the_remedy(monkeypatch):
    def offline(self, **options):
        raise URLError("no network")

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", offline)
    with pytest.raises(FileNotFoundError, match=r"DEFAULT of resnet18, but could not \(no network\)\. Train .*weights=null"):
        pretrained_resnet("resnet18", "DEFAULT")


def test_downloaded_weights_are_opened_as_tensors_alone(monkeypatch):
    """torchvision compares their hash only when it downloads them, not with what lies in its cache."""
    asked = []
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda self, **options: asked.append(options) or {})
    with suppress(RuntimeError):  # nothing fits
        pretrained_resnet("resnet18", "DEFAULT")
    assert asked == [{"check_hash": True, "weights_only": True}]


def test_unknown_weights_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match="IMAGENET1K_V1 or DEFAULT, but got `BEST`"):
        PatchResNet("resnet18", 3).load_pretrained("BEST")
