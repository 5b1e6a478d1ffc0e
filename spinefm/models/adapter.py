"""Adapters: small bottlenecks that tune a frozen SAM image encoder.

Source: arXiv:2304.12620 (Medical SAM Adapter), its two-dimensional case. The blocks of `segment_anything` stay as they
are: only their `attn` and `mlp` attributes are wrapped, which puts the first adapter inside the window partition.
"""

from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

MLP_ADAPTER_SCALE = 0.5


class Adapter(nn.Module):
    """Linear(D, D/4) - GELU - Linear(D/4, D); zero at the start, so that tuning begins at the frozen network."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.down = nn.Linear(dim, dim // 4)
        self.activation = nn.GELU()
        self.up = nn.Linear(dim // 4, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        update: Tensor = self.up(self.activation(self.down(x)))
        return update


class AdaptedAttention(nn.Module):
    """An attention layer followed by an adapter with a skip ("space adapter")."""

    def __init__(self, attention: nn.Module, dim: int) -> None:
        super().__init__()
        self.attention = attention
        self.adapter = Adapter(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, D) to (N, H, W, D)."""
        attended: Tensor = self.attention(x)
        update: Tensor = self.adapter(attended)
        return attended + update


class AdaptedMLP(nn.Module):
    """An MLP with an adapter beside it, scaled by 0.5 and without a skip ("MLP adapter")."""

    def __init__(self, mlp: nn.Module, dim: int) -> None:
        super().__init__()
        self.mlp = mlp
        self.adapter = Adapter(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, D) to (N, H, W, D)."""
        transformed: Tensor = self.mlp(x)
        update: Tensor = self.adapter(x)
        return transformed + MLP_ADAPTER_SCALE * update


def add_adapters(encoder: ImageEncoderViT, dim: int) -> list[nn.Parameter]:
    """Put a space and an MLP adapter into every block of an image encoder, in place.

    Args:
        encoder: Of `segment_anything`.
        dim: Its embedding width D.

    Returns:
        The parameters of the adapters.
    """
    adapters: list[Adapter] = []
    for block in encoder.blocks:
        block.attn, block.mlp = AdaptedAttention(block.attn, dim), AdaptedMLP(block.mlp, dim)
        adapters += [block.attn.adapter, block.mlp.adapter]
    return [parameter for adapter in adapters for parameter in adapter.parameters()]
