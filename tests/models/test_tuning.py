"""Ways to tune a SAM: what each trains, that nothing else changes, and that each begins at the foundation."""

import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from spinefm.models.sam import Sam, SamSize
from spinefm.models.tuning import apply_tuning, foundation_key, is_added
from tests.sams import TINY, WINDOWED, images_of, prompts_of, randomise

SIZE = SamSize(**WINDOWED)
METHODS = {
    "adapter": {"method": "adapter"},
    "adapter, original": {"method": "adapter", "initialisation": "original"},
    "adapter, decoder": {"method": "adapter", "decoder": True},
    "lora": {"method": "lora", "rank": 3, "alpha": 12.0},
    "decoder_only": {"method": "decoder_only"},
    "full": {"method": "full"},
}
every_method = pytest.mark.parametrize("method", METHODS)
both_prompts = pytest.mark.parametrize("prompt", ["point", "box"])
UNUSED = ("mask_decoder.iou_prediction_head.", *(f"mask_decoder.output_hypernetworks_mlps.{i}." for i in (1, 2, 3)))
UNUSED_PROMPTS = {
    "point": ("prompt_encoder.mask_downscaling.", "prompt_encoder.point_embeddings.2.", "prompt_encoder.point_embeddings.3."),
    "box": (
        "prompt_encoder.mask_downscaling.",
        "prompt_encoder.not_a_point_embed.",
        "prompt_encoder.point_embeddings.0.",
        "prompt_encoder.point_embeddings.1.",
    ),
}


def tuned(method, prompt="point", size=SIZE):
    torch.manual_seed(0)
    sam = randomise(Sam(size))
    apply_tuning(sam, prompt == "box", **METHODS[method])
    return sam


def trained_names(sam):
    return {name for name, parameter in sam.named_parameters() if parameter.requires_grad}


def expected_names(sam, method, prompt):
    """What the documentation promises."""
    names = {name for name, _ in sam.named_parameters()}
    decoder = {name for name in names if name.startswith("mask_decoder.") and not name.startswith(UNUSED)}
    return {
        "decoder_only": decoder,
        "lora": decoder | {name for name in names if ".lora_A." in name or ".lora_B." in name},
        "full": {name for name in names if not name.startswith(UNUSED + UNUSED_PROMPTS[prompt])},
    }.get(method, decoder | {name for name in names if ".adapter." in name})


@every_method
@both_prompts
def test_what_is_trained_and_nothing_else(method, prompt):
    sam = tuned(method, prompt)
    assert trained_names(sam) == expected_names(sam, method, prompt)


@pytest.mark.parametrize(
    ("method", "encoder", "decoder"),
    [("adapter", 3 * 2 * 4, 0), ("adapter, decoder", 3 * 2 * 4, 2 * 2 * 4), ("lora", 3 * 2, 0), ("decoder_only", 0, 0), ("full", 0, 0)],
)
def test_how_much_is_added(method, encoder, decoder):
    added = [name for name, _ in tuned(method).named_parameters() if is_added(name)]
    assert sum(name.startswith("image_encoder.blocks.") for name in added) == encoder
    assert sum(name.startswith("mask_decoder.transformer.layers.") for name in added) == decoder
    assert len(added) == encoder + decoder


@every_method
def test_without_what_was_added_the_names_are_the_foundations(method):
    sam, foundation = tuned(method), Sam(SIZE)
    shapes = {foundation_key(key): value.shape for key, value in sam.state_dict().items() if not is_added(key)}
    assert shapes == {key: value.shape for key, value in foundation.state_dict().items()}


@every_method
@both_prompts
def test_a_few_steps_change_what_is_trained_and_nothing_else(method, prompt):
    sam = tuned(method, prompt)
    before = {key: value.clone() for key, value in sam.state_dict().items()}
    trained = trained_names(sam)
    optimizer = torch.optim.Adam([parameter for parameter in sam.parameters() if parameter.requires_grad], lr=0.01)
    sam.train()
    for step in range(3):
        optimizer.zero_grad()
        loss = (sam(images_of(2, 48, seed=step), prompts_of(prompt, 2, 48, seed=step)) - 1).square().mean()
        loss.backward()
        waiting = [name for name in trained if sam.get_parameter(name).grad is None]
        assert waiting == []
        optimizer.step()
    changed = {key for key, value in sam.state_dict().items() if not torch.equal(value, before[key])}
    assert changed <= trained
    # A point that does not belong to the object is never asked for; its gradient is zero.
    assert trained - changed <= {"prompt_encoder.point_embeddings.0.weight"}


@both_prompts
@pytest.mark.parametrize(("method", "same"), [(method, method != "adapter, original") for method in METHODS])
@torch.no_grad()
def test_tuning_begins_at_the_foundation_unless_told_otherwise(method, same, prompt):
    torch.manual_seed(0)
    foundation = randomise(Sam(SIZE))
    images, prompts = images_of(2, 48), prompts_of(prompt, 2, 48)
    difference = (tuned(method, prompt)(images, prompts) - foundation(images, prompts)).abs().max()
    assert difference == 0 if same else difference > 1e-3


def test_the_initialisation_reaches_the_decoders_adapters():
    sam = Sam(SIZE)
    apply_tuning(sam, False, "adapter", initialisation="original", decoder=True)
    assert all(value.abs().sum() > 0 for name, value in sam.named_parameters() if name.endswith(".adapter.up.weight"))


@torch.no_grad()
def test_loras_rank_and_alpha_are_what_was_asked_for():
    sam = tuned("lora")
    layer = sam.image_encoder.blocks[1].attn.qkv
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert down.shape == (3, 32) and up.shape == (3 * 32, 3) and not up.any()
    up.normal_()
    x = torch.randn(2, 5, 32)
    update = nn.functional.linear(nn.functional.linear(x, down), up)
    torch.testing.assert_close(layer(x), layer.base_layer(x) + 12.0 / 3 * update, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("method", "added"), [("adapter", 10 * 2 * 4), ("lora", 10 * 2)])
def test_tiny_vit_is_tuned_in_its_transformer_blocks(method, added):
    size = SamSize(image_size=16, encoder={"name": "tiny_vit"})
    torch.manual_seed(0)
    sam = Sam(size)
    apply_tuning(sam, True, **METHODS[method])
    names = {name for name in trained_names(sam) if name.startswith("image_encoder.")}
    assert len(names) == added
    assert {".".join(name.split(".")[1:3]) for name in names} == {"layers.1", "layers.2", "layers.3"}
    sam(images_of(1, 16), prompts_of("box", 1, 16)).sum().backward()
    assert [name for name in trained_names(sam) if sam.get_parameter(name).grad is None] == []


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"`tuning\.method` to be one of adapter, lora, decoder_only, full, but got `prefix`"):
        apply_tuning(Sam(SIZE), False, "prefix")


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(ValueError, match="but got `ones`"):
        apply_tuning(Sam(SIZE), False, "adapter", initialisation="ones")


def test_lora_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"Expected peft for `tuning=lora`.*pip install -e '\.\[lora\]'"):
        apply_tuning(Sam(SIZE), False, "lora")


def test_an_option_of_another_method_is_refused():
    sam = Sam(SamSize(**TINY))
    with pytest.raises(ValueError, match=r"`tuning=lora` the options rank, alpha, but got initialisation"):
        apply_tuning(sam, False, "lora", initialisation="original")
    with pytest.raises(ValueError, match=r"`tuning=full` the options none, but got rank"):
        apply_tuning(sam, False, "full", rank=2)
    with pytest.raises(ValueError, match=r"`tuning\.rank` to be at least 1, but got 0"):
        apply_tuning(sam, False, "lora", rank=0)


@every_method
def test_detail_is_trained_however_the_rest_is_tuned(method):
    sam = tuned(method, size=SamSize(**WINDOWED, detail=8))
    assert all(parameter.requires_grad for parameter in sam.detail.parameters())
    assert all(is_added(f"detail.{key}") for key in sam.detail.state_dict())


@every_method
def test_the_mask_tokens_of_all_readers_are_trained(method):
    sam = Sam(replace(SIZE, num_multimask_outputs=3), readers=3)
    apply_tuning(sam, box_prompts=False, **METHODS[method])
    trained = trained_names(sam)
    assert [f"mask_decoder.output_hypernetworks_mlps.{i}.layers.0.weight" in trained for i in range(4)] == [True, True, True, False]
