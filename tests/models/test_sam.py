"""Our SAM against segment_anything's own, on shared random weights."""

import pytest
import torch
from segment_anything import sam_model_registry
from torch.nn.functional import interpolate

from spinefm.models.sam import Sam, SamSize
from tests.sams import TINY, WINDOWED, WINDOWED_VIT, images_of, original_masks, original_sam, prompts_of, randomise

SIZES = {
    "global": TINY,
    "windowed": WINDOWED,
    "two mask tokens": WINDOWED | {"num_multimask_outputs": 1},
    "windows of 14 at 256 px": TINY | {"image_size": 256, "encoder": WINDOWED_VIT | {"patch_size": 16, "window_size": 14}},
}
both_prompts = pytest.mark.parametrize("prompt", ["point", "box"])


@pytest.fixture
def build():
    """Makes a SAM whose every parameter is random."""

    def make(size, readers=1):
        torch.manual_seed(0)
        return randomise(Sam(SamSize(**size), readers))

    return make


@both_prompts
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@torch.no_grad()
def test_same_masks_as_segment_anything(build, size, prompt):
    ours, original, side = build(size), original_sam(SamSize(**size)), size["image_size"]
    original.load_state_dict(ours.state_dict(), strict=True)
    images, prompts = images_of(3, side), prompts_of(prompt, 3, side)
    masks = ours(images, prompts)
    assert masks.shape == (3, side, side)
    assert masks.std() > 0.01
    torch.testing.assert_close(masks, original_masks(original, images, prompts), rtol=0, atol=1e-5)


@both_prompts
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@torch.no_grad()
def test_same_embeddings_and_tokens_as_segment_anything(build, size, prompt):
    ours, original, side = build(size), original_sam(SamSize(**size)), size["image_size"]
    original.load_state_dict(ours.state_dict(), strict=True)
    seen = {}
    for name, sam in (("ours", ours), ("original", original)):
        sam.image_encoder.register_forward_hook(lambda module, inputs, output, name=name: seen.update({(name, "encoder"): output}))
        sam.mask_decoder.transformer.register_forward_pre_hook(lambda module, inputs, name=name: seen.update({(name, "decoder"): inputs}))
    images, prompts = images_of(1, side), prompts_of(prompt, 1, side)
    ours(images, prompts)
    original_masks(original, images, prompts)
    grid = side // size["encoder"]["patch_size"]
    assert seen["ours", "encoder"].shape == (1, 32, grid, grid)
    torch.testing.assert_close(seen["ours", "encoder"], seen["original", "encoder"], rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.encode(images), seen["ours", "encoder"], rtol=0, atol=0)
    # Image embedding with that of no mask, positions, and tokens with the prompt's.
    for mine, theirs in zip(seen["ours", "decoder"], seen["original", "decoder"], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)


@both_prompts
@torch.no_grad()
def test_logits_are_those_of_the_decoder_enlarged(build, prompt):
    sam = build(WINDOWED)
    images, prompts = images_of(2, 48), prompts_of(prompt, 2, 48)
    low = sam.low_resolution(images, prompts)
    assert low.shape == (2, 24, 24)
    enlarged = interpolate(low[:, None], (48, 48), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(sam(images, prompts), enlarged, rtol=0, atol=0)


@both_prompts
@pytest.mark.parametrize("stem", ["patch", "conv"])
@torch.no_grad()
def test_a_batch_equals_its_images_one_by_one(build, stem, prompt):
    sam = build(WINDOWED | {"encoder": WINDOWED_VIT | {"stem": stem}})
    images, prompts = images_of(3, 48), prompts_of(prompt, 3, 48)
    one_by_one = torch.cat([sam(images[i : i + 1], prompts[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(sam(images, prompts), one_by_one, rtol=0, atol=1e-5)


@both_prompts
@torch.no_grad()
def test_image_and_prompt_both_matter(build, prompt):
    sam = build(WINDOWED)
    images, prompts = images_of(3, 48), prompts_of(prompt, 3, 48)
    masks = sam(images, prompts)
    assert (sam(images.flip(0), prompts) - masks)[0].abs().max() > 1e-4
    assert (sam(images, prompts.flip(0)) - masks)[0].abs().max() > 1e-4


@torch.no_grad()
def test_pixels_reach_the_encoder_as_they_are_or_stretched_image_by_image(build):
    unit, stretched = build(TINY), build(TINY | {"pixels": "min_max"})
    images = images_of(2, 48)
    least, most = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    whole = (images - least) / (most - least)
    grey = torch.stack([0.2 + 0.5 * whole[0], 0.9 - 0.3 * whole[1]])
    torch.testing.assert_close(stretched.encode(grey), unit.encode(torch.stack([whole[0], 1 - whole[1]])), rtol=0, atol=1e-5)
    assert (unit.encode(grey) - unit.encode(whole)).abs().max() > 1e-2


@pytest.mark.parametrize("value", [0.0, 0.7, 1.0])
@torch.no_grad()
def test_an_image_of_one_grey_value_can_be_stretched(build, value):
    sam = build(TINY | {"pixels": "min_max"})
    images = torch.full((2, 1, 48, 48), value)
    images[1] = images_of(1, 48)[0]
    embeddings = sam.encode(images)
    assert embeddings.isfinite().all()
    torch.testing.assert_close(embeddings[:1], sam.encode(torch.zeros(1, 1, 48, 48)), rtol=0, atol=1e-5)


def test_unknown_pixels_are_refused():
    with pytest.raises(ValueError, match=r"`pixels` to be unit or min_max, but got `imagenet`"):
        SamSize(pixels="imagenet")


def test_the_default_is_vit_b():
    with torch.device("meta"):
        sam, original = Sam(SamSize()), sam_model_registry["vit_b"]()
    assert [(key, value.shape) for key, value in sam.state_dict().items()] == [(k, v.shape) for k, v in original.state_dict().items()]
    # The published sam_vit_b_01ec64.pth has 93 735 472 parameters.
    assert sum(parameter.numel() for parameter in sam.parameters()) == 93_735_472


@both_prompts
@pytest.mark.parametrize("patch_size", [4, 8, 16])
@torch.no_grad()
def test_detail_begins_with_the_same_masks_and_adds_to_them(build, patch_size, prompt):
    size = TINY | {"image_size": 64, "encoder": TINY["encoder"] | {"patch_size": patch_size}}
    plain, detailed = build(size), Sam(SamSize(**size, detail=8))
    detailed.load_state_dict(plain.state_dict() | detailed.detail.state_dict(prefix="detail."), strict=True)
    images, prompts = images_of(2, 64), prompts_of(prompt, 2, 64)
    torch.testing.assert_close(detailed.low_resolution(images, prompts), plain.low_resolution(images, prompts), rtol=0, atol=0)
    randomise(detailed.detail)
    fine = detailed.low_resolution(images, prompts)
    assert fine.shape == (2, 256 // patch_size, 256 // patch_size)
    assert (fine - plain.low_resolution(images, prompts)).abs().max() > 1e-4


@torch.no_grad()
def test_detail_is_seen_between_the_tokens(build):
    sam = Sam(SamSize(**TINY | {"image_size": 64, "encoder": TINY["encoder"] | {"patch_size": 16}}, detail=8)).eval()
    randomise(sam.detail)
    features = torch.zeros(1, sam.size.prompt_dim // 8, 16, 16)
    image = images_of(1, 64)
    changed = image.clone()
    changed[0, 0, 20:24, 20:24] = 1 - changed[0, 0, 20:24, 20:24]
    moved = (sam.detail(features, changed) - sam.detail(features, image)).abs().amax((0, 1))
    assert moved[5, 5] > 10 * moved[12, 12]


@torch.no_grad()
def test_each_reader_has_a_mask_token(build):
    sam = build(TINY | {"num_multimask_outputs": 1}, readers=2)
    images, prompts = images_of(4, 48), prompts_of("point", 4, 48)
    first, second = (sam(images, prompts, torch.full((4,), reader)) for reader in range(2))
    assert (first - second).abs().max() > 1e-4
    mixed = sam(images, prompts, torch.tensor([1, 0, -1, 0]))
    for mine, theirs in zip(mixed, (second[0], first[1], (first + second)[2] / 2, first[3]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)
    torch.testing.assert_close(sam(images, prompts), (first + second) / 2, rtol=0, atol=1e-5)
    # The first one's is SAM's own.
    alone = Sam(SamSize(**TINY | {"num_multimask_outputs": 1}))
    alone.load_state_dict(sam.state_dict())
    torch.testing.assert_close(alone.eval()(images, prompts), first, rtol=0, atol=1e-5)


def test_there_is_a_mask_token_for_every_reader():
    with pytest.raises(ValueError, match=r"at most 2 readers, .* but got 3. Set `foundation\.sam\.num_multimask_outputs=2`"):
        Sam(SamSize(**TINY | {"num_multimask_outputs": 1}), readers=3)
