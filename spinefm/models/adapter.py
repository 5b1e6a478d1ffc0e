"""Adapters: small bottlenecks that tune the frozen transformer blocks of a SAM.

Source: arXiv:2304.12620 (Medical SAM Adapter), its two-dimensional case. The blocks of `segment_anything` and of TinyViT stay as they
are: only their attention and MLP are wrapped, which puts the first adapter inside the window partition. As in peft, the wrapped layer
is called `base_layer`.
"""

from collections.abc import Iterator
from typing import Any, Literal

from segment_anything.modeling import TwoWayTransformer
from torch import Tensor, nn

MLP_ADAPTER_SCALE = 0.5
Initialisation = Literal["zero", "original"]


class Adapter(nn.Module):
    """Linear(D, D/4) - GELU - Linear(D/4, D)."""

    def __init__(self, dim: int, initialisation: Initialisation = "zero") -> None:
        """Build an adapter.

        Args:
            dim: D.
            initialisation: "zero" starts with an output of zero, so that tuning begins at the frozen network; "original" with PyTorch's
                usual weights, as the adapters of arXiv:2304.12620 do.

        Raises:
            ValueError: If `initialisation` is unknown.
        """
        super().__init__()
        if initialisation not in ("zero", "original"):
            raise ValueError(f"Expected `initialisation` to be zero or original, but got `{initialisation}`.")
        self.down = nn.Linear(dim, dim // 4)
        self.activation = nn.GELU()
        self.up = nn.Linear(dim // 4, dim)
        if initialisation == "zero":
            nn.init.zeros_(self.up.weight)
            nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        update: Tensor = self.up(self.activation(self.down(x)))
        return update


class AdaptedAttention(nn.Module):
    """An attention layer followed by an adapter with a skip ("space adapter")."""

    def __init__(self, attention: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.base_layer, self.adapter = attention, adapter

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """(..., D), from whatever the attention layer takes."""
        attended: Tensor = self.base_layer(*args, **kwargs)
        update: Tensor = self.adapter(attended)
        return attended + update


class AdaptedMLP(nn.Module):
    """An MLP with an adapter beside it, scaled by 0.5 and without a skip ("MLP adapter")."""

    def __init__(self, mlp: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.base_layer, self.adapter = mlp, adapter

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D); both see the block's second normalisation, which TinyViT keeps inside its MLP."""
        transformed: Tensor = self.base_layer(x)
        norm: Any = getattr(self.base_layer, "norm", nn.Identity())
        update: Tensor = self.adapter(norm(x))
        return transformed + MLP_ADAPTER_SCALE * update


def adapt_encoder(encoder: nn.Module, initialisation: Initialisation = "zero") -> list[Adapter]:
    """Put a space and an MLP adapter into every transformer block of an image encoder, in place; returns them."""
    adapters: list[Adapter] = []
    for block in _transformer_blocks(encoder):
        dim = block.attn.qkv.in_features
        space, beside = Adapter(dim, initialisation), Adapter(dim, initialisation)
        block.attn, block.mlp = AdaptedAttention(block.attn, space), AdaptedMLP(block.mlp, beside)
        adapters += [space, beside]
    return adapters


def _transformer_blocks(encoder: nn.Module) -> Iterator[Any]:
    """The blocks of a ViT, and those of TinyViT's stages that are transformers and not convolutions."""
    return (module for module in list(encoder.modules()) if hasattr(module, "attn") and hasattr(module, "mlp"))


def adapt_decoder(transformer: TwoWayTransformer, initialisation: Initialisation = "zero") -> list[Adapter]:
    """The same for the tokens of a mask decoder's transformer: after their self-attention and beside their MLP."""
    adapters: list[Adapter] = []
    for layer in transformer.layers:
        space, beside = (Adapter(transformer.embedding_dim, initialisation) for _ in range(2))
        layer.self_attn, layer.mlp = AdaptedAttention(layer.self_attn, space), AdaptedMLP(layer.mlp, beside)
        adapters += [space, beside]
    return adapters
