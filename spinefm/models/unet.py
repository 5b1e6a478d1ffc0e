"""A plain U-Net, MONAI's."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

from torch import nn


def build_unet(widths: Sequence[int]) -> nn.Module:
    """A U-Net of MONAI's `DynUNet`, the plain one of nnU-Net: two 3x3 convolutions with instance normalisation on each scale.

    Args:
        widths: Channels on each scale, at least three of them; each scale is half as fine as the one before.

    Returns:
        (N, 1, H, W) in 0..1 to (N, 1, H, W) logits; H and W have to be multiples of `coarsest(widths)`.

    Raises:
        ValueError: If there are too few scales, or MONAI is not installed.
    """
    if len(widths) < 3:
        raise ValueError(f"Expected `widths` of at least three scales, but got {list(widths)}. Add some.")
    halvings = [2] * (len(widths) - 1)
    unet: nn.Module = _dyn_unet()(2, 1, 1, [3] * len(widths), [1, *halvings], halvings, filters=list(widths))
    return unet


def _dyn_unet() -> Any:
    """MONAI's class; it is an extra, and slow to import."""
    # MONAI imports whatever else it finds, and that warns and tells of its plugins.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from monai.networks.nets.dynunet import DynUNet
        except ModuleNotFoundError as error:
            raise ValueError("Expected monai for the U-Net, but it is missing. `pip install -e '.[unet]'`.") from error
    return DynUNet


def coarsest(widths: Sequence[int]) -> int:
    """Side of a pixel of the coarsest scale, in pixels of the input."""
    return int(2 ** (len(widths) - 1))
