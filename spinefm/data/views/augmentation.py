"""Augmentation of films and patches: the one place that knows albumentations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, cos, radians, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np

from spinefm.structures import Mask, PatchBox, Pixels

if TYPE_CHECKING:
    from albumentations import Compose


@dataclass(frozen=True)
class Exposure:
    """How far grey values are varied.

    Attributes:
        gamma: Least and largest, per cent.
        contrast: Least and largest change, as shares of it.
    """

    gamma: tuple[int, int]
    contrast: tuple[float, float]


EXPOSURES = {"usual": Exposure((60, 160), (-0.35, 0.35)), "wide": Exposure((50, 200), (-0.8, 0.35))}
"""By name; the wide one also makes films on which hardly anything is to be seen, as in burnt-out abdomens and black chests."""


@cache
def _pipeline(max_rotation: float, max_zoom: float, size: int | None, exposure: Exposure) -> "Compose":
    """Geometry first, then what exposure, processing and digitisation do to a film."""
    import albumentations as A  # most of a second, and inference varies nothing

    cut = [] if size is None else [A.CenterCrop(size, size)]
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Affine(
                rotate=(-max_rotation, max_rotation),
                scale=(1 / max_zoom, max_zoom),
                border_mode=cv2.BORDER_CONSTANT,
                p=0.7 if max_rotation else 0.0,
            ),
            *cut,
            A.RandomGamma(exposure.gamma, p=0.5),
            A.RandomBrightnessContrast(0.25, exposure.contrast, p=0.5),
            A.CLAHE((1, 4), p=0.15),
            A.GaussianBlur((3, 5), p=0.15),
            A.GaussNoise((0.01, 0.05), p=0.3),
            A.InvertImg(p=0.05),
        ]
    )


def augment(
    pixels: Pixels,
    masks: Sequence[Mask],
    rng: np.random.Generator,
    max_rotation: float = 0.0,
    max_zoom: float = 1.0,
    size: int | None = None,
    exposure: str = "usual",
) -> tuple[Pixels, list[Mask]]:
    """Vary a film or patch, and its masks with it.

    Args:
        pixels: (H, W).
        masks: Any number of (H, W).
        rng: Source of all randomness.
        max_rotation: Degrees to either side; 0 leaves rotation, zoom and stretching alone.
        max_zoom: Largest zoom, and inverse of the smallest; drawn for width and height apart, so that what is shown is stretched, too.
        size: Side of the square in the middle that is kept; None keeps everything.
        exposure: A key of `EXPOSURES`.

    Returns:
        Pixels and masks, same shapes, or (`size`, `size`).
    """
    pipeline = _pipeline(max_rotation, max_zoom, size, EXPOSURES[exposure])
    pipeline.set_random_seed(int(rng.integers(2**31)))
    if not len(masks):
        return pipeline(image=pixels)["image"], []
    result = pipeline(image=pixels, masks=np.stack(masks).astype(np.uint8))
    return result["image"], [mask.astype(bool) for mask in result["masks"]]


def with_surroundings(box: PatchBox, size: int, max_rotation: float, max_zoom: float) -> tuple[PatchBox, int]:
    """What to cut so that a patch that `augment` turns and zooms has no black corners: the film goes on around it, as in inference.

    Args:
        box: Of the patch.
        size: To which it is resized, pixels.
        max_rotation: See `augment`.
        max_zoom: See `augment`.

    Returns:
        A box with the same middle, and the size to which that is resized; `augment` cuts the patch out of it.
    """
    angle = radians(min(max_rotation, 45.0))
    border = ceil(size * (max_zoom * (cos(angle) + sin(angle)) - 1) / 2) if max_rotation else 0
    around = round(border * box.side / size)
    return PatchBox(box.x - around, box.y - around, box.side + 2 * around), size + 2 * border
