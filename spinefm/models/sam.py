"""SAM in any size, from the modules of `segment_anything`, for one prompt per image and many images at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn
from torch.nn.functional import interpolate, one_hot

from spinefm.models.detail import Detail
from spinefm.models.encoders import build_encoder


@dataclass(frozen=True)
class SamSize:
    """The shape of a SAM; the defaults are ViT-B at 1024 px.

    Attributes:
        image_size: Side S of the square input, pixels; a multiple of the encoder's stride.
        pixels: "unit" gives the encoder 0..1 as they are, as arXiv:2411.00326 does; "min_max" stretches every image to 0..1, as
            LiteMedSAM does.
        prompt_dim: Width of prompt encoder and mask decoder.
        decoder_mlp_dim: Hidden width of the decoder's MLPs.
        num_multimask_outputs: Mask tokens beyond the first one.
        encoder: Name and options of the image encoder; see `build_encoder`.
        detail: Width, on its finest scale, of the U-Net that shows the mask decoder the image itself; 0 leaves it out, as SAM does.
        detail_scales: How many scales that has, each half as fine and twice as wide as the one before.

    Raises:
        ValueError: If `pixels` is unknown, or `detail_scales` less than 1.
    """

    image_size: int = 1024
    pixels: Literal["unit", "min_max"] = "unit"
    prompt_dim: int = 256
    decoder_mlp_dim: int = 2048
    num_multimask_outputs: int = 3
    encoder: Mapping[str, Any] = field(default_factory=lambda: {"name": "vit"})
    detail: int = 0
    detail_scales: int = 4

    def __post_init__(self) -> None:
        if self.pixels not in ("unit", "min_max"):
            raise ValueError(f"Expected `pixels` to be unit or min_max, but got `{self.pixels}`.")
        if self.detail_scales < 1:
            raise ValueError(f"Expected `detail_scales` to be at least 1, but got {self.detail_scales}.")


class Sam(nn.Module):
    """Image encoder, prompt encoder and mask decoder; state-dict keys are those of `segment_anything.Sam`.

    Attributes:
        size: Its shape.
        readers: R, how many readers' outlines it draws.
    """

    def __init__(self, size: SamSize, readers: int = 1) -> None:
        """Build the network.

        Args:
            size: See `SamSize`.
            readers: At least 1. Each has a mask token of its own, where SAM has them for prompts that may mean several things.

        Raises:
            ValueError: If the encoder is unknown or does not go with the image's size, or the masks with `detail_scales`, or there are
                fewer mask tokens than readers.
        """
        super().__init__()
        if readers > size.num_multimask_outputs + 1:
            fault = f"Expected at most {size.num_multimask_outputs + 1} readers, one for each mask token, but got {readers}"
            raise ValueError(f"{fault}. Set `foundation.sam.num_multimask_outputs={readers - 1}`.")
        self.size, self.readers = size, readers
        self.image_encoder, stride = build_encoder(size.image_size, size.prompt_dim, **size.encoder)
        self.prompt_encoder = PromptEncoder(size.prompt_dim, (size.image_size // stride,) * 2, (size.image_size,) * 2, mask_in_chans=16)
        transformer = TwoWayTransformer(depth=2, embedding_dim=size.prompt_dim, mlp_dim=size.decoder_mlp_dim, num_heads=8)
        self.mask_decoder = MaskDecoder(
            transformer_dim=size.prompt_dim, transformer=transformer, num_multimask_outputs=size.num_multimask_outputs
        )
        self.detail = _detail(size, stride) if size.detail else None

    def forward(self, images: Tensor, prompts: Tensor, readers: Tensor | None = None) -> Tensor:
        """Segment what one prompt per image means.

        Args:
            images: (N, 1, S, S), 0..1, not normalised further.
            prompts: (N, 2) points as (x, y) or (N, 4) boxes as xyxy, pixels of the S x S input.
            readers: (N,) whose outline, 0..R - 1; -1, and None for all, for the mean of everyone's logits.

        Returns:
            (N, S, S) logits.
        """
        logits = self.low_resolution(images, prompts, readers)
        return interpolate(logits[:, None], (self.size.image_size,) * 2, mode="bilinear", align_corners=False)[:, 0]

    def low_resolution(self, images: Tensor, prompts: Tensor, readers: Tensor | None = None) -> Tensor:
        """The same in the mask decoder's own resolution: (N, 4G, 4G) logits, G tokens along a side."""
        features, kernels = self._decode(self.encode(images), *self._encode_prompts(prompts))
        if self.detail is not None:
            features = self.detail(features, images)
        # A mask is linear in its kernel, so that the mean of kernels is that of logits.
        kernels = torch.einsum("nr,nrc->nc", self._shares(readers, kernels), kernels)
        return torch.einsum("nc,nchw->nhw", kernels, features)

    def _shares(self, readers: Tensor | None, kernels: Tensor) -> Tensor:
        """(N, R): how much each reader counts."""
        everyone = kernels.new_full(kernels.shape[:2], 1 / self.readers)
        if readers is None:
            return everyone
        own = one_hot(readers.clamp(min=0), self.readers).to(kernels)
        return torch.where(readers[:, None] < 0, everyone, own)

    def encode(self, images: Tensor) -> Tensor:
        """(N, 1, S, S) in 0..1 to embeddings (N, D, G, G), G = S / stride."""
        if self.size.pixels == "min_max":
            least, most = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
            images = (images - least) / (most - least).clamp(min=1e-8)
        embeddings: Tensor = self.image_encoder(images.expand(-1, 3, -1, -1))
        return embeddings

    def _encode_prompts(self, prompts: Tensor) -> tuple[Tensor, Tensor]:
        if prompts.shape[1] == 4:
            return self.prompt_encoder(points=None, boxes=prompts, masks=None)  # type: ignore[no-any-return]
        labels = torch.ones(len(prompts), 1, dtype=torch.int, device=prompts.device)
        return self.prompt_encoder(points=(prompts[:, None], labels), boxes=None, masks=None)  # type: ignore[no-any-return]

    def _decode(self, embeddings: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """(N, D, G, G) embeddings to (N, D / 8, 4G, 4G) features, and the (N, R, D / 8) kernels of the readers' mask tokens.

        `MaskDecoder.forward` pairs every image with every prompt (N x N masks); here they go together one by one.
        """
        decoder, batch = self.mask_decoder, len(embeddings)
        outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight]).expand(batch, -1, -1)
        position = self.prompt_encoder.get_dense_pe().expand(batch, -1, -1, -1)
        tokens, features = decoder.transformer(embeddings + dense, position, torch.cat([outputs, sparse], dim=1))
        features = decoder.output_upscaling(features.transpose(1, 2).reshape(embeddings.shape))
        kernels = [decoder.output_hypernetworks_mlps[i](tokens[:, 1 + i]) for i in range(self.readers)]
        return features, torch.stack(kernels, dim=1)


def _detail(size: SamSize, stride: int) -> Detail:
    """The U-Net beside an encoder of that stride; ValueError if its masks cannot be halved as often as it has scales."""
    finest, halved = 4 * size.image_size // stride, 2 ** (size.detail_scales - 1)
    if finest % halved:
        raise ValueError(
            f"Expected {finest}, the side of the masks, to be a multiple of {halved} with `detail_scales` {size.detail_scales}, "
            "but it is not. Give fewer scales, or another `image_size`."
        )
    return Detail(size.detail, size.prompt_dim // 8, max(1, stride // 4), size.detail_scales)
