"""Loading a foundation: strictly, into a SAM that is tuned in any way, and into other input sizes."""

import logging
import re

import pytest
import torch

from spinefm.models.foundation import load_foundation, resample_positions, resample_relative_positions
from spinefm.models.fused_attention import FusedAttention
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tuning import apply_tuning, foundation_key, is_added
from tests.sams import TINY, WINDOWED, images_of, original_masks, original_sam, prompts_of, randomise

METHODS = {
    "untuned": None,
    "adapter": {"method": "adapter"},
    "adapters in the decoder": {"method": "adapter", "decoder": True, "initialisation": "original"},
    "lora": {"method": "lora", "rank": 2},
    "decoder_only": {"method": "decoder_only"},
    "full": {"method": "full"},
}
every_method = pytest.mark.parametrize("method", METHODS)


def sam_of(size, method="untuned"):
    sam = Sam(SamSize(**size))
    if METHODS[method]:
        apply_tuning(sam, False, **METHODS[method])
    return sam.eval()


@pytest.fixture
def original():
    torch.manual_seed(3)
    return randomise(original_sam(SamSize(**WINDOWED)))


def state_of(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[key]) for key, value in first.items())


@every_method
@torch.no_grad()
def test_every_tensor_arrives_bit_for_bit_however_the_sam_is_tuned(original, method):
    sam, weights = sam_of(WINDOWED, method), original.state_dict()
    added = {key: value.clone() for key, value in sam.state_dict().items() if is_added(key)}
    load_foundation(sam, weights, "own")
    state = sam.state_dict()
    assert same({foundation_key(key): value for key, value in state.items() if not is_added(key)}, weights)
    assert all(torch.equal(state[key], value) for key, value in added.items())
    if method != "adapters in the decoder":
        images, points = images_of(2, 48), prompts_of("point", 2, 48)
        torch.testing.assert_close(sam(images, points), original_masks(original, images, points), rtol=0, atol=1e-5)


def test_what_is_trained_stays_what_is_trained(original):
    sam = sam_of(WINDOWED, "adapter")
    trained = {name for name, parameter in sam.named_parameters() if parameter.requires_grad}
    load_foundation(sam, original.state_dict(), "own")
    assert {name for name, parameter in sam.named_parameters() if parameter.requires_grad} == trained
    assert all(parameter.is_leaf for parameter in sam.parameters())


def test_pixel_statistics_are_no_fault(original):
    sam = sam_of(WINDOWED)
    statistics = {"pixel_mean": torch.zeros(3, 1, 1), "pixel_std": torch.ones(3, 1, 1)}
    load_foundation(sam, original.state_dict() | statistics, "own")
    assert same(sam.state_dict(), original.state_dict())


@every_method
def test_every_key_that_does_not_fit_is_named_and_nothing_is_loaded(original, method):
    weights = state_of(original)
    del weights["mask_decoder.iou_token.weight"], weights["image_encoder.blocks.0.mlp.lin1.bias"]
    weights["image_encoder.blocks.7.norm1.weight"] = torch.zeros(32)
    weights["module.neck"] = torch.zeros(1)
    weights["image_encoder.blocks.1.attn.qkv.weight"] = torch.zeros(7, 32)
    weights["mask_decoder.iou_prediction_head.layers.0.weight"] = torch.zeros(2, 32)
    sam = sam_of(WINDOWED, method)
    before = state_of(sam)
    said = (
        "The weights `own.pth` do not fit this SAM: "
        "missing ['image_encoder.blocks.0.mlp.lin1.bias', 'mask_decoder.iou_token.weight'], "
        "unexpected ['image_encoder.blocks.7.norm1.weight', 'module.neck'], "
    )
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        load_foundation(sam, weights, "`own.pth`")
    told = str(caught.value)
    assert "image_encoder.blocks.1.attn.qkv.weight 7x32 for 96x32" in told
    assert "mask_decoder.iou_prediction_head.layers.0.weight 2x32 for 256x32" in told
    assert told.endswith("Choose the `foundation` they were made for.")
    assert same(sam.state_dict(), before)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_encoder.pos_embed", torch.zeros(1, 6, 6, 48)),
        ("image_encoder.pos_embed", torch.zeros(1, 36, 32)),
        ("image_encoder.pos_embed", torch.zeros(2, 7, 7, 32)),
        ("image_encoder.pos_embed", torch.tensor(1.0)),
        ("image_encoder.blocks.1.attn.rel_pos_h", torch.zeros(11, 4)),
        ("image_encoder.blocks.1.attn.rel_pos_h", torch.zeros(11)),
        ("image_encoder.blocks.1.attn.rel_pos_w", torch.tensor(1.0)),
        ("mask_decoder.iou_token.weight", torch.zeros(2, 32)),
        ("mask_decoder.mask_tokens.weight", torch.zeros(3, 32)),
    ],
    ids=lambda value: value if isinstance(value, str) else "x".join(map(str, value.shape)),
)
def test_only_tables_of_positions_are_resampled_and_only_along_positions(original, key, value):
    sam = sam_of(WINDOWED)
    before = state_of(sam)
    with pytest.raises(ValueError, match=rf"missing \[\], unexpected \[\], of another shape \['{re.escape(key)} [\dx]* for [\dx]*'\]"):
        load_foundation(sam, original.state_dict() | {key: value}, "own")
    assert same(sam.state_dict(), before)


def test_a_deeper_or_wider_foundation_is_refused(original):
    for change in ({"depth": 4}, {"embed_dim": 64}):
        sam = sam_of(WINDOWED | {"encoder": WINDOWED["encoder"] | change})
        with pytest.raises(ValueError, match="do not fit this SAM"):
            load_foundation(sam, original.state_dict(), "own")


def test_keys_that_come_from_elsewhere_are_kept(original):
    sam = sam_of(WINDOWED, "adapter")
    kept = [
        "mask_decoder.iou_token.weight",
        "image_encoder.blocks.0.attn.base_layer.proj.bias",
        "image_encoder.blocks.0.attn.adapter.up.bias",
    ]
    before = state_of(sam)
    weights = state_of(original)
    # Kept keys may be in the weights, of whatever shape, or not.
    del weights["mask_decoder.iou_token.weight"]
    weights["image_encoder.blocks.0.attn.proj.bias"] = torch.zeros(3)
    load_foundation(sam, weights, "own", kept)
    state = sam.state_dict()
    assert all(torch.equal(state[key], before[key]) for key in kept)
    others = {foundation_key(key): value for key, value in state.items() if not is_added(key) and key not in kept}
    assert same(others, {key: value for key, value in weights.items() if key in others}) and len(others) == len(original.state_dict()) - 2


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, logger="spinefm")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "spinefm.models.foundation"]


@pytest.mark.parametrize("method", ["untuned", "adapter"])
@torch.no_grad()
def test_a_sam_with_fewer_mask_tokens_takes_the_first_ones_and_says_so(original, logged, method):
    """The token that is used is the first; arXiv:2411.00326 has two of them, SAM four."""
    sam = sam_of(WINDOWED | {"num_multimask_outputs": 1}, method)
    weights = original.state_dict()
    load_foundation(sam, weights, "own")
    assert logged() == ["Took the first 2 of 4 mask tokens."]
    state = {foundation_key(key): value for key, value in sam.state_dict().items() if not is_added(key)}
    cut = {key for key, value in state.items() if value.shape != weights[key].shape}
    scores = "mask_decoder.iou_prediction_head.layers.2."
    assert cut == {"mask_decoder.mask_tokens.weight", f"{scores}weight", f"{scores}bias"}
    assert all(torch.equal(value, weights[key][:2] if key in cut else weights[key]) for key, value in state.items())
    assert weights.keys() - state.keys() == {key for key in weights if re.match(r"mask_decoder\.output_hypernetworks_mlps\.[23]\.", key)}


@pytest.mark.parametrize("side", [32, 64])
@every_method
@torch.no_grad()
def test_another_input_size_resamples_positions_and_says_so(original, logged, side, method):
    sam, weights, grid = sam_of(WINDOWED | {"image_size": side}, method), original.state_dict(), side // 8
    load_foundation(sam, weights, "own")
    state = {foundation_key(key): value for key, value in sam.state_dict().items() if not is_added(key)}
    globally = [f"image_encoder.blocks.1.attn.rel_pos_{axis}" for axis in "hw"]
    resampled = {"image_encoder.pos_embed", *globally}
    assert {key for key, value in state.items() if not torch.equal(value, weights[key])} == resampled
    assert state["image_encoder.pos_embed"].shape == (1, grid, grid, 32) and state[globally[0]].shape == (2 * grid - 1, 8)
    assert sorted(logged()) == sorted(
        [f"Resampled image_encoder.pos_embed from 1x6x6x32 to 1x{grid}x{grid}x32 for this input size."]
        + [f"Resampled {key} from 11x8 to {2 * grid - 1}x8 for this input size." for key in globally]
    )
    assert sam(images_of(1, side), prompts_of("point", 1, side)).isfinite().all()


def test_the_same_size_is_not_resampled(original, logged):
    load_foundation(sam_of(WINDOWED), original.state_dict(), "own")
    assert logged() == []


@pytest.mark.parametrize(("before", "after"), [(64, 16), (64, 48), (16, 64), (14, 20)])
def test_a_token_keeps_the_embedding_of_its_place(before, after):
    def table(grid):
        """Smooth functions of the place (x, y) of a token's centre, in 0..1."""
        centres = (torch.arange(grid) + 0.5) / grid
        x, y = centres.expand(grid, grid), centres[:, None].expand(grid, grid)
        return torch.stack([x, y, torch.sin(3 * x + 1) * torch.cos(2 * y)], dim=-1)[None]

    resampled = resample_positions(table(before), after)
    assert resampled.shape == (1, after, after, 3)
    # At the border the outermost embedding goes on.
    inside = slice(after // 8, after - after // 8)
    torch.testing.assert_close(resampled[:, inside, inside], table(after)[:, inside, inside], rtol=0, atol=0.01)
    torch.testing.assert_close(resampled, table(after), rtol=0, atol=0.06)


def test_positions_of_the_same_grid_are_the_same():
    table = torch.randn(1, 9, 9, 4)
    torch.testing.assert_close(resample_positions(table, 9), table, rtol=0, atol=1e-6)
    relative = torch.randn(17, 4)
    torch.testing.assert_close(resample_relative_positions(relative, 17), relative, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("before", "after"), [(64, 16), (16, 64), (14, 20)])
def test_a_distance_keeps_its_embedding(before, after):
    def table(grid):
        """Smooth functions of the distance in parts of the image."""
        distances = torch.arange(1 - grid, grid) / grid
        return torch.stack([distances, torch.sin(3 * distances)], dim=1)

    resampled = resample_relative_positions(table(before), 2 * after - 1)
    assert resampled.shape == (2 * after - 1, 2)
    # The largest distances, G - 1 of G tokens, are 1 - 1 / G images, for which segment_anything makes no allowance.
    inside = slice(after // 4, -(after // 4))
    torch.testing.assert_close(resampled[inside], table(after)[inside], rtol=0, atol=0.06)
    # No distance stays no distance, and left stays the opposite of right.
    torch.testing.assert_close(resampled, -resampled.flip(0), rtol=0, atol=1e-6)


@torch.no_grad()
def test_resampled_distances_are_those_that_segment_anything_would_use(original):
    """It resamples tables of another length whenever it runs; ours are resampled once."""
    sam = sam_of(WINDOWED | {"image_size": 64})
    load_foundation(sam, original.state_dict(), "own")
    tokens = torch.randn(1, 8, 8, 32)
    expected = original.image_encoder.blocks[1].attn(tokens)
    layer = sam.image_encoder.blocks[1].attn
    assert type(layer) is FusedAttention
    torch.testing.assert_close(layer(tokens), expected, rtol=0, atol=1e-5)


def test_a_global_encoder_is_resampled_in_every_block(logged):
    weights = Sam(SamSize(**TINY)).state_dict()
    load_foundation(sam_of(TINY | {"image_size": 32}), weights, "own")
    assert len(logged()) == 1 + 3 * 2


@pytest.mark.parametrize("encoder", [{"window_size": 3}, {"global_blocks": (0,)}], ids=str)
def test_another_window_is_another_architecture(original, encoder):
    size = WINDOWED | {"encoder": WINDOWED["encoder"] | encoder}
    with pytest.raises(ValueError, match=r"of another shape \['image_encoder\.blocks\.\d\.attn\.rel_pos_h"):
        load_foundation(sam_of(size), original.state_dict(), "own")
