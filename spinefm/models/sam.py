"""SAM in any size, from the modules of `segment_anything`, for one prompt point per image and many images at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class SamSize:
    """The shape of a SAM; the defaults are ViT-B at 1024 px.

    Attributes:
        image_size: Side S of the square input, pixels; a multiple of `patch_size`.
        patch_size: Side of an image token, pixels.
        embed_dim: Width of the image encoder.
        depth: Its number of blocks.
        num_heads: Its attention heads.
        window_size: Side of its attention windows in tokens; 0 attends globally everywhere.
        global_blocks: The blocks that attend globally although `window_size` is set.
        stem: "patch" is SAM's single strided convolution; "conv" a stack of small ones, which learns from far fewer films.
        prompt_dim: Width of prompt encoder and mask decoder.
        decoder_mlp_dim: Hidden width of the decoder's MLPs.
        num_multimask_outputs: Mask tokens beyond the one that is used.

    Raises:
        ValueError: If `image_size` is no multiple of `patch_size` or `stem` is unknown.
    """

    image_size: int = 1024
    patch_size: int = 16
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    window_size: int = 14
    global_blocks: Sequence[int] = (2, 5, 8, 11)
    stem: Literal["patch", "conv"] = "patch"
    prompt_dim: int = 256
    decoder_mlp_dim: int = 2048
    num_multimask_outputs: int = 3

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(f"Expected `image_size` to be a multiple of `patch_size`, but got {self.image_size} and {self.patch_size}.")
        if self.stem not in ("patch", "conv"):
            raise ValueError(f"Expected `stem` to be patch or conv, but got `{self.stem}`.")

    @property
    def grid(self) -> int:
        """Image tokens along one side."""
        return self.image_size // self.patch_size


class ConvStem(nn.Module):
    """Strided 3x3 convolutions in place of SAM's patch embedding.

    Source: arXiv:2106.14881, "Early convolutions help transformers see better".
    """

    def __init__(self, patch_size: int, embed_dim: int) -> None:
        super().__init__()
        halvings = patch_size.bit_length() - 1
        widths = [3, *(max(16, embed_dim >> (halvings - 1 - i)) for i in range(halvings))]
        # Films differ in exposure more than in anatomy: every patch gets zero mean and unit variance.
        self.normalise = nn.InstanceNorm2d(3)
        self.layers = nn.Sequential(*(_halve(a, b) for a, b in pairwise(widths)))
        self.project = nn.Conv2d(widths[-1], embed_dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) to (N, S / patch, S / patch, D)."""
        tokens: Tensor = self.project(self.layers(self.normalise(x))).permute(0, 2, 3, 1)
        return tokens


def _halve(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.GELU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.GELU(),
    )  # fmt: skip


class Sam(nn.Module):
    """Image encoder, prompt encoder and mask decoder; state-dict keys are those of `segment_anything.Sam`."""

    def __init__(self, size: SamSize) -> None:
        super().__init__()
        self.size = size
        self.image_encoder = _image_encoder(size)
        self.prompt_encoder = PromptEncoder(size.prompt_dim, (size.grid,) * 2, (size.image_size,) * 2, mask_in_chans=16)
        transformer = TwoWayTransformer(depth=2, embedding_dim=size.prompt_dim, mlp_dim=size.decoder_mlp_dim, num_heads=8)
        self.mask_decoder = MaskDecoder(
            transformer_dim=size.prompt_dim, transformer=transformer, num_multimask_outputs=size.num_multimask_outputs
        )
        # Boxes, masks as prompts, further masks and their scores are there for SAM's weights to fit, but never used;
        # a parameter that waits for its gradient in vain stops training on several devices.
        unused = [
            self.prompt_encoder.mask_downscaling,
            *self.prompt_encoder.point_embeddings[2:],
            *self.mask_decoder.output_hypernetworks_mlps[1:],
            self.mask_decoder.iou_prediction_head,
        ]
        for module in unused:
            module.requires_grad_(False)

    def forward(self, images: Tensor, points: Tensor) -> Tensor:
        """Segment what lies under one point per image.

        Args:
            images: (N, 1, S, S), 0..1, not normalised further.
            points: (N, 2) as (x, y), pixels of the S x S input.

        Returns:
            (N, S, S) logits.
        """
        embeddings = self.image_encoder(images.expand(-1, 3, -1, -1))
        labels = torch.ones(len(points), 1, dtype=torch.int, device=points.device)
        sparse, dense = self.prompt_encoder(points=(points[:, None], labels), boxes=None, masks=None)
        logits = self._decode(embeddings, sparse, dense)
        return interpolate(logits[:, None], (self.size.image_size,) * 2, mode="bilinear", align_corners=False)[:, 0]

    def _decode(self, embeddings: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
        """One mask per image: (N, D, G, G) embeddings to (N, 4G, 4G) logits of the first mask token.

        `MaskDecoder.forward` pairs every image with every prompt (N x N masks); here they go together one by one.
        """
        decoder, batch = self.mask_decoder, len(embeddings)
        outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight]).expand(batch, -1, -1)
        position = self.prompt_encoder.get_dense_pe().expand(batch, -1, -1, -1)
        tokens, features = decoder.transformer(embeddings + dense, position, torch.cat([outputs, sparse], dim=1))
        features = decoder.output_upscaling(features.transpose(1, 2).reshape(embeddings.shape))
        kernels = decoder.output_hypernetworks_mlps[0](tokens[:, 1])
        return torch.einsum("nc,nchw->nhw", kernels, features)


def _image_encoder(size: SamSize) -> ImageEncoderViT:
    encoder = ImageEncoderViT(
        img_size=size.image_size,
        patch_size=size.patch_size,
        embed_dim=size.embed_dim,
        depth=size.depth,
        num_heads=size.num_heads,
        out_chans=size.prompt_dim,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=size.window_size,
        global_attn_indexes=tuple(size.global_blocks),
    )
    if size.stem == "conv":
        encoder.patch_embed = ConvStem(size.patch_size, size.embed_dim)
    return encoder
