"""Small SAMs: ours, and segment_anything's own of the same shape to compare with."""

from functools import partial

import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from segment_anything.modeling import Sam as OriginalSam
from torch import nn
from torch.nn.functional import interpolate

from spinefm.models.encoders import VitSize

VIT = {"name": "vit", "patch_size": 8, "embed_dim": 32, "depth": 3, "num_heads": 4, "window_size": 0}
WINDOWED_VIT = VIT | {"window_size": 4, "global_blocks": (1,)}
TINY = {"image_size": 48, "prompt_dim": 32, "decoder_mlp_dim": 48, "encoder": VIT}
WINDOWED = TINY | {"encoder": WINDOWED_VIT}


def randomise(model):
    """Also what starts at zero, such as position embeddings, must take part."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def original_sam(size):
    """segment_anything's own, built by its own classes, for images in 0..1."""
    vit = VitSize(**{key: value for key, value in size.encoder.items() if key != "name"})
    encoder = ImageEncoderViT(
        img_size=size.image_size,
        patch_size=vit.patch_size,
        embed_dim=vit.embed_dim,
        depth=vit.depth,
        num_heads=vit.num_heads,
        mlp_ratio=4,
        out_chans=size.prompt_dim,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        qkv_bias=True,
        use_rel_pos=True,
        window_size=vit.window_size,
        global_attn_indexes=tuple(vit.global_blocks),
    )
    grid = size.image_size // vit.patch_size
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
    return OriginalSam(encoder, prompts, decoder, pixel_mean=[0, 0, 0], pixel_std=[1, 1, 1]).eval()


def original_masks(sam, images, prompts):
    """Logits as `segment_anything.Sam` gives them for one prompt per image, one image after the other."""
    masks = []
    for image, prompt in zip(images, prompts, strict=True):
        points = {"point_coords": prompt[None, None], "point_labels": torch.ones(1, 1)}
        asked = {"image": image.expand(3, -1, -1), "original_size": image.shape[-2:]} | (
            {"boxes": prompt[None]} if len(prompt) == 4 else points
        )
        (answer,) = sam([asked], multimask_output=False)
        logits = interpolate(answer["low_res_logits"], image.shape[-2:], mode="bilinear", align_corners=False)
        assert torch.equal(answer["masks"], logits > 0)
        masks.append(logits[0, 0])
    return torch.stack(masks)


def prompts_of(kind, count, size, seed=1):
    """Random points or boxes in an image of that size."""
    generator = torch.Generator().manual_seed(seed)
    corners = size * torch.rand(count, 2, 2, generator=generator).sort(dim=1).values
    return corners.flatten(1) if kind == "box" else corners[:, 0]


def images_of(count, size, seed=2):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(seed))
