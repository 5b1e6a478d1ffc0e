"""Fused attention against segment_anything's own: the same function, without a matrix of scores in memory."""

import pytest
import torch
from segment_anything.modeling.image_encoder import Attention
from torch.utils._python_dispatch import TorchDispatchMode

from spinefm.models.encoders import build_vit
from spinefm.models.fused_attention import FusedAttention
from spinefm.models.sam import SamSize
from tests.sams import original_sam

# Tokens that are attended to, and the size that the tables of relative positions were made for.
GRIDS = {
    "256 px": ((16, 16), (16, 16)),
    "1024 px": ((64, 64), (64, 64)),
    "window": ((14, 14), (14, 14)),
    "not square": ((5, 9), (5, 9)),
    "one row": ((1, 6), (1, 6)),
    "table of a larger size": ((16, 16), (64, 64)),
    "table of a smaller size": ((14, 14), (8, 8)),
    "not square, table of another size": ((6, 10), (7, 7)),
}
every_grid = pytest.mark.parametrize(("grid", "table"), GRIDS.values(), ids=GRIDS)


def layers(table, dim=32, heads=2):
    """An attention layer of segment_anything with random relative positions, and ours with the same parameters."""
    torch.manual_seed(0)
    original = Attention(dim, heads, use_rel_pos=True, input_size=table)
    with torch.no_grad():
        for name, parameter in original.named_parameters():
            parameter.normal_(std=0.5 if "rel_pos" in name else 0.2)
    return original, FusedAttention(original)


def tokens_of(grid, dim=32, count=2):
    return torch.randn(count, *grid, dim, generator=torch.Generator().manual_seed(1))


@every_grid
@torch.no_grad()
def test_same_output_as_segment_anything(grid, table):
    original, fused = layers(table)
    tokens = tokens_of(grid, count=1 if grid == (64, 64) else 3)
    expected = original(tokens)
    assert expected.std() > 0.1
    torch.testing.assert_close(fused(tokens), expected, rtol=0, atol=1e-5)
    # Relative positions take part.
    fused.rel_pos_h.zero_()
    fused.rel_pos_w.zero_()
    assert (fused(tokens) - expected).abs().max() > 1e-2


@torch.no_grad()
def test_same_output_at_the_width_of_vit_b():
    original, fused = layers((16, 16), dim=768, heads=12)
    with torch.no_grad():
        for parameter in (original.qkv.weight, original.proj.weight):
            parameter.mul_(0.2)
    tokens = tokens_of((16, 16), dim=768, count=1)
    expected = original(tokens)
    assert expected.std() > 0.1
    torch.testing.assert_close(fused(tokens), expected, rtol=0, atol=1e-5)


def gradients(layer, tokens):
    tokens = tokens.clone().requires_grad_()
    layer.zero_grad()
    output = layer(tokens)
    output.backward(torch.randn(output.shape, generator=torch.Generator().manual_seed(2)) / output.numel() ** 0.5)
    return {"tokens": tokens.grad} | {name: parameter.grad.clone() for name, parameter in layer.named_parameters()}


@every_grid
def test_same_gradients_as_segment_anything(grid, table):
    original, fused = layers(table)
    tokens = tokens_of(grid, count=1)
    expected = gradients(original, tokens)
    assert all(gradient.abs().max() > 1e-3 for name, gradient in expected.items() if name != "rel_pos_h" or grid[0] > 1)
    found = gradients(fused, tokens)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


class LargestTensor(TorchDispatchMode):
    """Remembers how many elements the largest tensor had that any operation made."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else [made]:
            if isinstance(each, torch.Tensor):
                # Views that repeat what they have take no memory.
                self.elements = max(self.elements, each.untyped_storage().nbytes() // each.element_size())
        return made


def largest_tensor(layer, tokens):
    with LargestTensor() as seen:
        layer(tokens).sum().backward()
    return seen.elements


def test_no_matrix_of_scores_stands_in_memory_in_either_direction():
    original, fused = layers((64, 64), dim=16, heads=1)
    tokens, scores = tokens_of((64, 64), dim=16, count=1), 4096 * 4096
    assert largest_tensor(original, tokens) >= scores
    # Queries, keys and values, widened by the codes of 64 rows and 64 columns.
    assert largest_tensor(fused, tokens) <= 3 * 4096 * (16 + 64 + 64)


def test_parameters_are_shared_and_keep_their_names():
    original, fused = layers((4, 4))
    assert fused.state_dict().keys() == original.state_dict().keys()
    assert all(parameter is dict(original.named_parameters())[name] for name, parameter in fused.named_parameters())


def test_the_state_dict_of_an_encoder_is_segment_anythings():
    shape = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "window_size": 2, "global_blocks": [1]}
    ours = build_vit(32, 32, **shape)
    original = original_sam(SamSize(image_size=32, prompt_dim=32, encoder={"name": "vit", **shape})).image_encoder
    original.load_state_dict(ours.state_dict(), strict=True)
    assert list(ours.state_dict()) == list(original.state_dict())


@torch.no_grad()
def test_half_precision_comes_as_close_as_segment_anythings():
    original, fused = layers((14, 14))
    tokens = tokens_of((14, 14))
    exact = original(tokens)
    with torch.autocast("cpu", torch.bfloat16):
        faults = [(layer(tokens).float() - exact).abs().mean() for layer in (original, fused)]
    assert 0 < faults[1] < 2 * faults[0]
