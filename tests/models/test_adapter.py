"""Adapters: where they sit, that they start as nothing, and what they compute once trained."""

import pytest
import torch
from torch import nn

from spinefm.models.adapter import AdaptedAttention, AdaptedMLP, Adapter, add_adapters
from spinefm.models.sam import Sam, SamSize

SIZE = SamSize(
    image_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, window_size=2, global_blocks=(1,), prompt_dim=16, decoder_mlp_dim=16
)


def trained(adapter):
    """An adapter that no longer starts at zero."""
    for parameter in adapter.parameters():
        nn.init.normal_(parameter, std=0.5)
    return adapter


def bottleneck(adapter, x):
    return adapter.up(nn.functional.gelu(adapter.down(x)))


@pytest.fixture
def tokens():
    return torch.randn(2, 4, 4, 16, generator=torch.Generator().manual_seed(0))


def test_a_new_adapter_gives_zero_and_learns(tokens):
    adapter = Adapter(16)
    output = adapter(tokens)
    assert (output == 0).all()
    output.sum().backward()
    assert adapter.up.weight.grad.abs().sum() > 0
    assert [tuple(parameter.shape) for parameter in adapter.parameters()] == [(4, 16), (4,), (16, 4), (16,)]


@torch.no_grad()
def test_the_space_adapter_follows_attention_with_a_skip(tokens):
    attention = nn.Linear(16, 16)
    layer = AdaptedAttention(attention, 16)
    torch.testing.assert_close(layer(tokens), attention(tokens), rtol=0, atol=0)
    trained(layer.adapter)
    expected = attention(tokens) + bottleneck(layer.adapter, attention(tokens))
    torch.testing.assert_close(layer(tokens), expected)


@torch.no_grad()
def test_the_mlp_adapter_stands_beside_the_mlp_at_half_weight(tokens):
    mlp = nn.Linear(16, 16)
    layer = AdaptedMLP(mlp, 16)
    torch.testing.assert_close(layer(tokens), mlp(tokens), rtol=0, atol=0)
    trained(layer.adapter)
    torch.testing.assert_close(layer(tokens), mlp(tokens) + 0.5 * bottleneck(layer.adapter, tokens))


@torch.no_grad()
def test_an_encoder_is_the_same_until_its_adapters_are_trained():
    torch.manual_seed(0)
    encoder = Sam(SIZE).eval().image_encoder
    images = torch.rand(2, 3, 32, 32)
    before = encoder(images)
    add_adapters(encoder, 16)
    torch.testing.assert_close(encoder(images), before, rtol=0, atol=0)
    for block in encoder.blocks:
        for layer in (block.attn, block.mlp):
            weight = layer.adapter.up.weight
            weight.fill_(0.3)
            assert (encoder(images) - before).abs().max() > 1e-3
            weight.zero_()


def test_two_adapters_per_block_and_their_parameters_are_returned():
    encoder = Sam(SIZE).image_encoder
    parameters = add_adapters(encoder, 16)
    named = {id(parameter) for name, parameter in encoder.named_parameters() if ".adapter." in name}
    assert len(parameters) == 2 * SIZE.depth * 4
    assert {id(parameter) for parameter in parameters} == named


@torch.no_grad()
def test_the_space_adapter_works_inside_the_window_partition():
    encoder = Sam(SIZE).image_encoder
    add_adapters(encoder, 16)
    shapes = []
    for block in encoder.blocks:
        block.attn.adapter.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    encoder(torch.rand(1, 3, 32, 32))
    # Block 0 sees four windows of 2 x 2 tokens, block 1 all 4 x 4.
    assert shapes == [(4, 2, 2, 16), (1, 4, 4, 16)]
