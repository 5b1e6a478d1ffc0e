"""Our SAM against segment_anything's own, on shared random weights."""

import re
from functools import partial

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from segment_anything.modeling import Sam as OriginalSam
from torch import nn
from torch.nn.functional import interpolate

from spinefm.components.sam_adapter import load_sam_weights
from spinefm.models.adapter import add_adapters
from spinefm.models.sam import Sam, SamSize

TINY = {"image_size": 48, "patch_size": 8, "embed_dim": 32, "depth": 3, "num_heads": 4, "prompt_dim": 32, "decoder_mlp_dim": 48}
WINDOWED = TINY | {"window_size": 4, "global_blocks": (1,)}


def randomise(model):
    """Also what starts at zero, such as position embeddings, must take part."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def original_sam(size):
    encoder = ImageEncoderViT(
        img_size=size.image_size,
        patch_size=size.patch_size,
        embed_dim=size.embed_dim,
        depth=size.depth,
        num_heads=size.num_heads,
        mlp_ratio=4,
        out_chans=size.prompt_dim,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        qkv_bias=True,
        use_rel_pos=True,
        window_size=size.window_size,
        global_attn_indexes=tuple(size.global_blocks),
    )
    grid = size.image_size // size.patch_size
    prompts = PromptEncoder(
        embed_dim=size.prompt_dim,
        image_embedding_size=(grid, grid),
        input_image_size=(size.image_size, size.image_size),
        mask_in_chans=16,
    )
    transformer = TwoWayTransformer(depth=2, embedding_dim=size.prompt_dim, mlp_dim=size.decoder_mlp_dim, num_heads=8)
    decoder = MaskDecoder(
        transformer_dim=size.prompt_dim,
        transformer=transformer,
        num_multimask_outputs=size.num_multimask_outputs,
        iou_head_depth=3,
        iou_head_hidden_dim=256,
    )
    return OriginalSam(encoder, prompts, decoder).eval()


def original_masks(sam, images, points):
    """segment_anything's modules as it calls them: one image after the other."""
    masks = []
    for image, point in zip(images, points, strict=True):
        embedding = sam.image_encoder(image[None].expand(-1, 3, -1, -1))
        labels = torch.ones(1, 1, dtype=torch.int)
        sparse, dense = sam.prompt_encoder(points=(point[None, None], labels), boxes=None, masks=None)
        low, _ = sam.mask_decoder(embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense, multimask_output=False)
        masks.append(interpolate(low, image.shape[-2:], mode="bilinear", align_corners=False)[0, 0])
    return torch.stack(masks)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, 48, 48, generator=generator), 48 * torch.rand(3, 2, generator=generator)


@pytest.mark.parametrize("options", [TINY | {"window_size": 0}, WINDOWED, WINDOWED | {"num_multimask_outputs": 1}])
@torch.no_grad()
def test_same_masks_as_segment_anything(options, batch):
    torch.manual_seed(0)
    size = SamSize(**options)
    ours, original = randomise(Sam(size)), original_sam(size)
    original.load_state_dict(ours.state_dict(), strict=True)
    masks = ours(*batch)
    assert masks.shape == (3, 48, 48)
    assert masks.std() > 0.01
    torch.testing.assert_close(masks, original_masks(original, *batch), rtol=0, atol=1e-5)


@pytest.mark.parametrize("stem", ["patch", "conv"])
@torch.no_grad()
def test_a_batch_equals_its_images_one_by_one(stem, batch):
    torch.manual_seed(0)
    sam = randomise(Sam(SamSize(**WINDOWED, stem=stem)))
    images, points = batch
    one_by_one = torch.cat([sam(images[i : i + 1], points[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(sam(images, points), one_by_one, rtol=0, atol=1e-5)


@torch.no_grad()
def test_image_and_point_both_matter(batch):
    torch.manual_seed(0)
    sam = randomise(Sam(SamSize(**WINDOWED)))
    images, points = batch
    masks = sam(images, points)
    assert (sam(images.flip(0), points) - masks)[0].abs().max() > 1e-4
    assert (sam(images, points.flip(0)) - masks)[0].abs().max() > 1e-4


@torch.no_grad()
def test_the_conv_stem_does_not_see_exposure(batch):
    torch.manual_seed(0)
    stem = Sam(SamSize(**TINY, stem="conv")).eval().image_encoder.patch_embed
    images = batch[0].expand(-1, 3, -1, -1)
    tokens = stem(images)
    assert tokens.shape == (3, 6, 6, 32)
    torch.testing.assert_close(stem(0.25 + 0.5 * images), tokens, rtol=0, atol=1e-2)


def test_default_size_is_vit_b():
    with torch.device("meta"):
        sam = Sam(SamSize())
        original = original_sam(SamSize())
    assert {key: value.shape for key, value in sam.state_dict().items()} == {k: v.shape for k, v in original.state_dict().items()}
    # The published sam_vit_b_01ec64.pth has 93 735 472 parameters.
    assert sum(parameter.numel() for parameter in sam.parameters()) == 93_735_472


def saved(tmp_path, state):
    path = tmp_path / "sam.pth"
    torch.save(state, path)
    return str(path)


def adapted(size):
    sam = Sam(size)
    add_adapters(sam.image_encoder, size.embed_dim)
    return sam


@pytest.mark.parametrize("build", [Sam, adapted])
@torch.no_grad()
def test_original_weights_load_with_and_without_adapters(tmp_path, batch, build):
    size = SamSize(**WINDOWED)
    original = randomise(original_sam(size))
    sam = build(size).eval()
    load_sam_weights(sam, saved(tmp_path, original.state_dict()))
    # Fresh adapters add nothing, so that the adapted network equals the original one too.
    torch.testing.assert_close(sam(*batch), original_masks(original, *batch), rtol=0, atol=1e-5)


def test_pixel_statistics_in_a_weights_file_are_no_fault(tmp_path):
    state = original_sam(SamSize(**TINY)).state_dict() | {"pixel_mean": torch.zeros(3, 1, 1), "pixel_std": torch.ones(3, 1, 1)}
    sam = Sam(SamSize(**TINY))
    load_sam_weights(sam, saved(tmp_path, state))
    torch.testing.assert_close(sam.image_encoder.pos_embed, state["image_encoder.pos_embed"])


def test_every_key_that_does_not_fit_is_named_and_nothing_is_loaded(tmp_path):
    state = original_sam(SamSize(**TINY)).state_dict()
    del state["mask_decoder.iou_token.weight"]
    state["image_encoder.blocks.7.norm1.weight"] = torch.zeros(32)
    state["image_encoder.pos_embed"] = torch.zeros(1, 7, 7, 32)
    sam = adapted(SamSize(**TINY))
    before = {key: value.clone() for key, value in sam.state_dict().items()}
    named = (
        r"missing \['mask_decoder.iou_token.weight'\], unexpected \['image_encoder.blocks.7.norm1.weight'\], "
        r"of another shape \['image_encoder.pos_embed'\]"
    )
    with pytest.raises(ValueError, match=named):
        load_sam_weights(sam, saved(tmp_path, state))
    assert all(torch.equal(value, before[key]) for key, value in sam.state_dict().items())


def test_another_encoder_size_is_refused_by_name(tmp_path):
    path = saved(tmp_path, original_sam(SamSize(**TINY | {"depth": 2})).state_dict())
    with pytest.raises(ValueError, match=re.escape("image_encoder.blocks.2.attn.qkv.weight")):
        load_sam_weights(adapted(SamSize(**TINY)), path)


def test_a_missing_weights_file_names_path_and_option(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file of SAM weights at .*absent\.pth.*component\.module\.weights"):
        load_sam_weights(Sam(SamSize(**TINY)), str(tmp_path / "absent.pth"))


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


@pytest.mark.parametrize("content", ["malicious", "garbage", "list"])
def test_what_is_no_state_dict_is_refused_without_executing_it(tmp_path, content):
    path, touched = tmp_path / "weights.pth", tmp_path / "touched"
    if content == "garbage":
        path.write_bytes(b"no weights at all")
    else:
        torch.save([1, 2] if content == "list" else {"weight": Touch(touched)}, path)
    with pytest.raises(ValueError, match=r"Expected.*weights\.pth"):
        load_sam_weights(Sam(SamSize(**TINY)), str(path))
    assert not touched.exists()


@pytest.mark.parametrize(("options", "named"), [({"image_size": 50}, "50 and 8"), ({"stem": "cnov"}, "cnov")])
def test_sizes_that_cannot_be_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        SamSize(**TINY | options)
