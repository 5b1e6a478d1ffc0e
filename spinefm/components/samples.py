"""What a component makes of an item of its view, for people to look at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from spinefm.structures import Mask, Pixels


@dataclass(frozen=True, eq=False)
class Sample:
    """One item with what was made of it.

    Attributes:
        picture: (H, W), the patch or the film.
        masks: {name: (H, W)}, to be drawn over the picture.
        facts: {column: text or number}, the same columns for every sample of a component; `film` is the first.
    """

    picture: Pixels
    masks: Mapping[str, Mask]
    facts: Mapping[str, str | float]


def picture_of(pixels: Tensor) -> Pixels:
    """(H, W) in 8 bits of (1, H, W) in 0..1, from any device."""
    grey: Pixels = (255 * pixels[0]).round().byte().cpu().numpy()
    return grey


def mask_of(inside: Tensor) -> Mask:
    """(H, W) of a bool tensor, from any device."""
    mask: Mask = inside.cpu().numpy().astype(np.bool_)
    return mask
