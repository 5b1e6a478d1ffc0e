"""SAM's attention on PyTorch's fused kernels, with its decomposed relative positions folded into queries and keys.

SAM adds `rel_h[query, key row] + rel_w[query, key column]` to every score, and for that builds the matrix of all scores. The sum equals
the inner product of `[rel_h | rel_w]` with one-hot codes of the key's row and column; so, appended to queries and keys, it becomes part of
their product, and neither scores nor biases ever stand in memory as a matrix.
"""

from typing import cast

import torch
from segment_anything.modeling import ImageEncoderViT
from segment_anything.modeling.image_encoder import Attention, get_rel_pos
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention


class FusedAttention(nn.Module):
    """The same function of the same parameters, under the same names, as `segment_anything`'s attention with relative positions."""

    def __init__(self, attention: Attention) -> None:
        """Take over the parameters of a layer, which are then shared with it."""
        super().__init__()
        self.num_heads, self.scale = attention.num_heads, attention.scale
        self.qkv, self.proj = attention.qkv, attention.proj
        self.rel_pos_h, self.rel_pos_w = attention.rel_pos_h, attention.rel_pos_w

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, D) to (N, H, W, D)."""
        batch, height, width, _ = x.shape
        qkv = self.qkv(x).reshape(batch, height * width, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = cast(tuple[Tensor, Tensor, Tensor], qkv.unbind(0))
        biases = self._biases(queries.reshape(batch, self.num_heads, height, width, -1)).flatten(2, 3)
        codes = _position_codes(height, width, keys).expand(batch, self.num_heads, -1, -1)
        queries, keys = torch.cat([queries * self.scale, biases], dim=-1), torch.cat([keys, codes], dim=-1)
        # The kernels that need no matrix want all three equally wide, some of them a multiple of 8; zeros change nothing.
        width_needed = -(-queries.shape[-1] // 8) * 8
        queries, keys, widened = (pad(each, (0, width_needed - each.shape[-1])) for each in (queries, keys, values))
        attended = scaled_dot_product_attention(queries, keys, widened, scale=1.0)[..., : values.shape[-1]]
        projected: Tensor = self.proj(attended.transpose(1, 2).reshape(x.shape))
        return projected

    def _biases(self, queries: Tensor) -> Tensor:
        """(N, heads, H, W, d) queries to (N, heads, H, W, H + W): their bias towards each row and each column."""
        height, width = queries.shape[2:4]
        rows = torch.einsum("nahwd,hkd->nahwk", queries, get_rel_pos(height, height, self.rel_pos_h))
        columns = torch.einsum("nahwd,wkd->nahwk", queries, get_rel_pos(width, width, self.rel_pos_w))
        return torch.cat([rows, columns], dim=-1)


def _position_codes(height: int, width: int, like: Tensor) -> Tensor:
    """(H * W, H + W): the row and the column of each token, one-hot."""
    rows = torch.eye(height, dtype=like.dtype, device=like.device).repeat_interleave(width, dim=0)
    columns = torch.eye(width, dtype=like.dtype, device=like.device).repeat(height, 1)
    return torch.cat([rows, columns], dim=1)


def fuse_attention(encoder: ImageEncoderViT) -> None:
    """Let every block of an image encoder attend by `FusedAttention`, in place; its state dict stays the same."""
    for block in encoder.blocks:
        block.attn = FusedAttention(block.attn)
