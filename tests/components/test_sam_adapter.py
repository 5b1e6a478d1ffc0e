"""The segmenter's loss, metric, and what of it is trained."""

import pytest
import torch
from torch import nn

from spinefm.components.sam_adapter import soft_dice_loss
from spinefm.models.sam import Sam, SamSize
from spinefm.structures import PatchBox, Patches

SURE = 50.0


def test_soft_dice_loss_of_hand_made_maps():
    half = torch.zeros(1, 4, 4)
    half[:, :2] = 1
    everything, nothing = torch.ones(1, 4, 4), torch.zeros(1, 4, 4)
    cases = [
        (SURE * (2 * half - 1), half, 0.0),
        (SURE * (1 - 2 * half), half, 1 - 1 / 17),  # 8 pixels each, none shared.
        (SURE * (2 * everything - 1), half, 1 - 17 / 25),
        (nothing, half, 1 - (2 * 4 + 1) / (8 + 8 + 1)),  # Probability 0.5 everywhere.
        (-SURE * everything, nothing, 0.0),  # Nothing found where nothing is.
    ]
    for logits, mask, loss in cases:
        assert soft_dice_loss(logits, mask).item() == pytest.approx(loss, abs=1e-6)
    logits, truth, losses = (torch.cat([case[0] for case in cases]), torch.cat([case[1] for case in cases]), [case[2] for case in cases])
    assert soft_dice_loss(logits, truth).item() == pytest.approx(sum(losses) / len(losses), abs=1e-6)


class Fixed(nn.Module):
    """Gives the logits it was made with."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images, points):
        return self.logits


@pytest.fixture
def component(build, monkeypatch):
    component = build("sam_adapter", positive_weight=3.0)
    component.logged = {}
    monkeypatch.setattr(component, "log", lambda name, value, **options: component.logged.update({name: value}))
    return component


def test_dice_is_the_mean_over_vertebrae(component):
    masks = torch.zeros(3, 4, 4)
    masks[0, :2], masks[1, :2] = 1, 1
    masks[2, 0, 0] = 0.4  # Less than half covered: not the vertebra's.
    logits = -torch.ones(3, 4, 4)
    logits[0, 0] = 1  # 4 of 8 pixels: Dice 2 * 4 / 12.
    logits[1, 3] = 1  # Beside it: 0.
    component.model = Fixed(logits)
    component.validation_step((None, None, masks), 0)
    assert component.logged["val/dice"].compute().item() == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_loss_is_weighted_cross_entropy_plus_dice(component):
    logits = torch.tensor([[[1.0, -2.0], [0.5, 0.0]]])
    masks = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    component.model = Fixed(logits)
    p = logits.sigmoid()
    entropy = -(3.0 * masks * p.log() + (1 - masks) * (1 - p).log()).mean()
    torch.testing.assert_close(component.training_step((None, None, masks), 0), entropy + soft_dice_loss(logits, masks))


def test_the_prompt_is_the_centre_of_the_patch(component):
    seen = []
    component.model = Fixed(torch.zeros(2, 32, 32))
    component.model.register_forward_hook(lambda module, inputs, output: seen.append(inputs[1]))
    component.segment(Patches(torch.zeros(2, 1, 32, 32), (PatchBox(0, 0, 32),) * 2, ("a", "b")))
    assert seen[0].tolist() == [[16.0, 16.0]] * 2


@pytest.fixture
def weights(tiny_modules, tmp_path):
    torch.manual_seed(5)
    path = tmp_path / "sam.pth"
    torch.save(Sam(SamSize(**tiny_modules["sam_adapter"]["sam"])).state_dict(), path)
    return str(path)


def test_adapter_tuning_trains_adapters_and_decoder_and_nothing_else(build, fit, weights):
    component = build("sam_adapter", tuning="adapter", weights=weights)
    trainable = {name for name, parameter in component.model.named_parameters() if parameter.requires_grad}
    parameters = [name for name, _ in component.model.named_parameters()]
    unused = ("mask_decoder.iou_prediction_head.", "mask_decoder.output_hypernetworks_mlps.1.")
    decoder = {name for name in parameters if name.startswith("mask_decoder.") and not name.startswith(unused)}
    expected = decoder | {name for name in parameters if ".adapter." in name}
    assert trainable == expected and len([name for name in trainable if ".adapter." in name]) == 2 * 2 * 4
    assert {id(parameter) for parameter in component.trained_parameters()} == {
        id(parameter) for name, parameter in component.model.named_parameters() if name in expected
    }
    fit(component)
    foundation = torch.load(weights, weights_only=True)
    trained = component.model.state_dict()
    # Running statistics of the convolutional stem are no parameters.
    frozen = {name for name, _ in component.model.named_parameters()} - expected
    original = {name: name.replace(".attn.attention.", ".attn.").replace(".mlp.mlp.", ".mlp.") for name in frozen}
    assert all(torch.equal(trained[name], foundation[original[name]]) for name in frozen)
    changed = {name for name in expected if name in foundation and not torch.equal(trained[name], foundation[name])}
    assert any(name.startswith("mask_decoder.transformer") for name in changed)
    assert all(trained[name].abs().sum() > 0 for name in expected if ".adapter.up." in name)


def test_full_tuning_trains_everything_that_can_be(build):
    component = build("sam_adapter")
    fixed = {name for name, parameter in component.model.named_parameters() if not parameter.requires_grad}
    assert not any(".adapter." in name for name in component.model.state_dict())
    assert not any(name.startswith(("image_encoder.blocks", "mask_decoder.transformer")) for name in fixed)


def test_adapters_without_a_trained_sam_are_refused(build):
    component = build("sam_adapter", tuning="adapter")
    component.setup("test")
    with pytest.raises(ValueError, match=r"`component\.module\.weights`.*but got none.*tuning=full"):
        component.setup("fit")


def test_an_unknown_tuning_is_refused(build):
    with pytest.raises(ValueError, match="lora"):
        build("sam_adapter", tuning="lora")


def test_foundation_weights_are_loaded_before_training_only(build, weights):
    component = build("sam_adapter", weights=weights)
    foundation = torch.load(weights, weights_only=True)
    key = "image_encoder.neck.0.weight"
    component.setup("test")
    assert not torch.equal(component.model.state_dict()[key], foundation[key])
    component.setup("fit")
    assert torch.equal(component.model.state_dict()[key], foundation[key])


def test_a_mask_does_not_depend_on_the_batch(fitted):
    component = fitted("sam_adapter")[0].eval()
    pixels = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    boxes = (PatchBox(0, 0, 32),) * 3
    together = component.segment(Patches(pixels, boxes, ("a", "b", "c")))
    assert together.shape == (3, 32, 32)
    torch.testing.assert_close(together[2:], component.segment(Patches(pixels[2:], boxes[2:], ("c",))), rtol=0, atol=1e-4)
