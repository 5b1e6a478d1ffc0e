"""Adapters: where they sit, that they start as nothing, and what they compute once trained."""

import pytest
import torch
from torch import nn

from spinefm.models.adapter import AdaptedAttention, AdaptedMLP, Adapter, adapt_decoder, adapt_encoder
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tiny_vit import AnySizeTinyViT

VIT = {"name": "vit", "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "window_size": 2, "global_blocks": (1,)}
SIZE = SamSize(image_size=32, prompt_dim=32, decoder_mlp_dim=16, encoder=VIT)


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


def test_the_original_initialisation_is_pytorchs(tokens):
    torch.manual_seed(0)
    down, up = nn.Linear(16, 4), nn.Linear(4, 16)
    torch.manual_seed(0)
    adapter = Adapter(16, "original")
    assert torch.equal(adapter.down.weight, down.weight) and torch.equal(adapter.up.weight, up.weight)
    assert torch.equal(adapter.up.bias, up.bias) and adapter(tokens).abs().mean() > 0.01


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(ValueError, match=r"`initialisation` to be zero or original, but got `random`"):
        Adapter(16, "random")


@torch.no_grad()
def test_the_space_adapter_follows_attention_with_a_skip(tokens):
    attention = nn.Linear(16, 16)
    layer = AdaptedAttention(attention, Adapter(16))
    torch.testing.assert_close(layer(tokens), attention(tokens), rtol=0, atol=0)
    trained(layer.adapter)
    expected = attention(tokens) + bottleneck(layer.adapter, attention(tokens))
    torch.testing.assert_close(layer(tokens), expected)


@torch.no_grad()
def test_the_mlp_adapter_stands_beside_the_mlp_at_half_weight(tokens):
    mlp = nn.Linear(16, 16)
    layer = AdaptedMLP(mlp, Adapter(16))
    torch.testing.assert_close(layer(tokens), mlp(tokens), rtol=0, atol=0)
    trained(layer.adapter)
    torch.testing.assert_close(layer(tokens), mlp(tokens) + 0.5 * bottleneck(layer.adapter, tokens))


@torch.no_grad()
def test_a_vit_block_by_hand(tokens):
    encoder = Sam(SIZE).image_encoder
    adapt_encoder(encoder)
    block = encoder.blocks[1]
    space, beside = trained(block.attn.adapter), trained(block.mlp.adapter)
    attended = block.attn.base_layer(block.norm1(tokens))
    middle = tokens + attended + bottleneck(space, attended)
    normal = block.norm2(middle)
    torch.testing.assert_close(block(tokens), middle + block.mlp.base_layer(normal) + 0.5 * bottleneck(beside, normal))


@pytest.fixture
def tiny_vit():
    """LiteMedSAM's encoder with fresh adapters, what it gave before it had them, and the image."""
    torch.manual_seed(0)
    encoder, image = AnySizeTinyViT(28).eval(), torch.rand(1, 3, 28, 28)
    with torch.no_grad():
        before = encoder(image)
    names = set(encoder.state_dict())
    adapters = adapt_encoder(encoder)
    return encoder, image, before, names, adapters


@torch.no_grad()
def test_the_ten_transformer_blocks_of_tiny_vit_get_adapters_and_its_convolutions_do_not(tiny_vit):
    encoder, image, before, names, adapters = tiny_vit
    blocks = [block for layer in encoder.layers[1:] for block in layer.blocks]
    assert len(blocks) == 10 and len(adapters) == 20
    assert [(type(block.attn), type(block.mlp)) for block in blocks] == [(AdaptedAttention, AdaptedMLP)] * 10
    assert [adapter.down.in_features for adapter in adapters] == [128] * 4 + [160] * 12 + [320] * 4
    for part in ("patch_embed", "layers.0", "layers.1.downsample", "layers.2.downsample", "neck"):
        assert {name for name in encoder.state_dict() if name.startswith(part)} == {name for name in names if name.startswith(part)}
    assert not any("local_conv" in name and "adapter" in name for name in encoder.state_dict())
    torch.testing.assert_close(encoder(image), before, rtol=0, atol=0)


@torch.no_grad()
def test_a_tiny_vit_block_by_hand(tiny_vit):
    """At 28 px the first transformer stage has 14 x 14 tokens, four windows of 7 x 7."""
    block = tiny_vit[0].layers[1].blocks[0]
    space, beside = trained(block.attn.adapter), trained(block.mlp.adapter)
    x = torch.randn(1, 14 * 14, 128, generator=torch.Generator().manual_seed(0))

    def windows(tokens):
        return tokens.view(2, 7, 2, 7, 128).transpose(1, 2).reshape(4, 49, 128)

    def whole(windows):
        return windows.view(2, 2, 7, 7, 128).transpose(1, 2).reshape(1, 196, 128)

    attended = block.attn.base_layer(windows(x))
    middle = x + whole(attended + bottleneck(space, attended))
    middle = block.local_conv(middle.transpose(1, 2).view(1, 128, 14, 14)).flatten(2).transpose(1, 2)
    mlp = block.mlp.base_layer
    # TinyViT normalises inside its MLP; the adapter beside it sees what that norm gives.
    expected = middle + mlp(middle) + 0.5 * bottleneck(beside, mlp.norm(middle))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_an_encoder_is_the_same_until_its_adapters_are_trained():
    torch.manual_seed(0)
    encoder = Sam(SIZE).eval().image_encoder
    images = torch.rand(2, 3, 32, 32)
    before = encoder(images)
    adapters = adapt_encoder(encoder)
    torch.testing.assert_close(encoder(images), before, rtol=0, atol=0)
    for adapter in adapters:
        adapter.up.weight.fill_(0.3)
        assert (encoder(images) - before).abs().max() > 1e-3
        adapter.up.weight.zero_()


def test_two_adapters_per_block_are_returned():
    encoder = Sam(SIZE).image_encoder
    adapters = adapt_encoder(encoder, "original")
    named = {id(parameter) for name, parameter in encoder.named_parameters() if ".adapter." in name}
    assert len(adapters) == 2 * 2
    assert {id(parameter) for adapter in adapters for parameter in adapter.parameters()} == named
    assert all(adapter.up.weight.abs().sum() > 0 for adapter in adapters)


@torch.no_grad()
def test_the_space_adapter_works_inside_the_window_partition():
    encoder = Sam(SIZE).image_encoder
    adapt_encoder(encoder)
    shapes = []
    for block in encoder.blocks:
        block.attn.adapter.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    encoder(torch.rand(1, 3, 32, 32))
    # Block 0 sees four windows of 2 x 2 tokens, block 1 all 4 x 4.
    assert shapes == [(4, 2, 2, 16), (1, 4, 4, 16)]


@torch.no_grad()
def test_the_decoder_gets_adapters_for_its_tokens():
    torch.manual_seed(0)
    sam = Sam(SIZE).eval()
    images, points = torch.rand(2, 1, 32, 32), torch.tensor([[16.0, 16.0], [4.0, 20.0]])
    before = sam(images, points)
    adapters = adapt_decoder(sam.mask_decoder.transformer)
    assert len(adapters) == 2 * 2
    layers = sam.mask_decoder.transformer.layers
    assert all(type(layer.self_attn) is AdaptedAttention and type(layer.mlp) is AdaptedMLP for layer in layers)
    torch.testing.assert_close(sam(images, points), before, rtol=0, atol=0)
    for adapter in adapters:
        adapter.up.weight.normal_()
        assert (sam(images, points) - before).abs().max() > 1e-5
        adapter.up.weight.zero_()


@torch.no_grad()
def test_a_decoder_layer_by_hand():
    torch.manual_seed(0)
    sam = Sam(SIZE).eval()
    adapt_decoder(sam.mask_decoder.transformer)
    layer = sam.mask_decoder.transformer.layers[1]
    space, beside = trained(layer.self_attn.adapter), trained(layer.mlp.adapter)
    tokens = torch.randn(2, 7, 32)
    attended = layer.self_attn.base_layer(q=tokens, k=tokens, v=tokens)
    torch.testing.assert_close(layer.self_attn(q=tokens, k=tokens, v=tokens), attended + bottleneck(space, attended))
    torch.testing.assert_close(layer.mlp(tokens), layer.mlp.base_layer(tokens) + 0.5 * bottleneck(beside, tokens))
