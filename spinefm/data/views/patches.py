"""Patches of films as the classifier and the segmenter see them, and how those of a training are varied."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from spinefm.data.views.augmentation import EXPOSURES, augment, with_surroundings
from spinefm.data.views.rods import draw_rods
from spinefm.geometry.patches import crop_mask, film_patch
from spinefm.structures import Mask, PatchBox, Pixels, Radiograph, Vertebra, View

MAX_ZOOM = 1.1


@dataclass(frozen=True)
class PatchVariation:
    """How far training patches are varied.

    Attributes:
        max_rotation: Degrees to either side; 0 also leaves zoom and stretching alone, see `augmentation.augment`.
        exposure: A key of `EXPOSURES`.
        rods: Share, 0..1, of the patches of films from the front onto which rods and screws are drawn.

    Raises:
        ValueError: If `max_rotation` is no angle to turn by, `exposure` is unknown, or `rods` is no share.
    """

    max_rotation: float = 15.0
    exposure: str = "usual"
    rods: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_rotation <= 180:
            raise ValueError(f"Expected `max_rotation` to be 0 to 180 degrees, but got {self.max_rotation}.")
        if self.exposure not in EXPOSURES:
            raise ValueError(f"Expected `exposure` to be one of {', '.join(EXPOSURES)}, but got `{self.exposure}`.")
        if not 0 <= self.rods <= 1:
            raise ValueError(f"Expected `rods` to be 0 to 1, but got {self.rods}.")


USUAL = PatchVariation()


def grey_patch(film: Radiograph, box: PatchBox, size: int) -> Pixels:
    """(size, size): the film under `box`, resized, in the 8 bits that `augment` works on."""
    return film_patch(film.pixels, box, size).round().to(torch.uint8).numpy()


def varied_patch(
    film: Radiograph, box: PatchBox, size: int, rng: np.random.Generator, variation: PatchVariation, vertebrae: Sequence[Vertebra] = ()
) -> tuple[Pixels, list[Mask]]:
    """(size, size): the film under `box`, and the masks there, varied; where a patch is turned, the film goes on."""
    wide = with_surroundings(box, size, variation.max_rotation, MAX_ZOOM)
    masks = [crop_mask(vertebra, *wide).numpy() > 0.5 for vertebra in vertebrae]
    pixels = grey_patch(film, *wide)
    if film.view is View.AP_SPINE and variation.rods and rng.random() < variation.rods:
        pixels = draw_rods(pixels, film, wide[0], rng)
    return augment(pixels, masks, rng, variation.max_rotation, MAX_ZOOM, size, variation.exposure)
