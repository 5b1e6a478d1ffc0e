"""Patches of films as the classifier and the segmenter see them, and how those of a training are varied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spinefm.data.views.augmentation import EXPOSURES, augment, with_surroundings
from spinefm.data.views.rods import LEAST_VERTEBRAE, draw_rods, takes_rods
from spinefm.data.views.surroundings import margins_within, surround
from spinefm.geometry.patches import crop_mask, film_patch
from spinefm.options import check_options, check_shares
from spinefm.structures import Mask, PatchBox, Pixels, Radiograph, Vertebra

MAX_ZOOM = 1.1
NEAREST_EDGE = 0.5
"""How near the middle of a patch the film may end, in vertebra spacings: beside a vertebra that stands there."""


@dataclass(frozen=True)
class PatchVariation:
    """How far training patches are varied.

    Attributes:
        max_rotation: Degrees to either side; 0 also leaves zoom and stretching alone, see `augmentation.augment`.
        exposure: A key of `EXPOSURES`.
        rods: Share, 0..1, of the patches of films from the front onto which rods and screws are drawn.
        cut: Share, 0..1, of the patches in which the film may end; see `shown_part`.
        surrounded: Share, 0..1, of the patches in which the film goes on beyond its edges; see `surround`.

    Raises:
        ValueError: If `max_rotation` is no angle to turn by, `exposure` is unknown, or `rods`, `cut` or `surrounded` is no share.
    """

    max_rotation: float = 15.0
    exposure: str = "usual"
    rods: float = 0.0
    cut: float = 0.0
    surrounded: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_rotation <= 180:
            raise ValueError(f"Expected `max_rotation` to be 0 to 180 degrees, but got {self.max_rotation}.")
        if self.exposure not in EXPOSURES:
            raise ValueError(f"Expected `exposure` to be one of {', '.join(EXPOSURES)}, but got `{self.exposure}`.")
        check_shares(rods=self.rods, cut=self.cut, surrounded=self.surrounded)


USUAL = PatchVariation()


def patch_variation(options: Mapping[str, Any] | None) -> PatchVariation:
    """The variation with these fields, the others as usual.

    Raises:
        ValueError: If there is no such field, or its value is out of range or of another type.
    """
    check_options(PatchVariation, options or {})
    return PatchVariation(**(options or {}))


def check_variation(variation: PatchVariation, films: Sequence[Radiograph]) -> None:
    """Make sure that films can be varied so.

    Raises:
        ValueError: If rods are to be drawn and none of them takes any.
    """
    if variation.rods and not any(map(takes_rods, films)):
        expected = f"films from the front (`view` ap_spine) with at least {LEAST_VERTEBRAE} annotated vertebrae for `rods={variation.rods}`"
        remedy = "Leave `rods` out, or tell which films are from the front, by `dataset.view` or the column `view` of films.csv."
        raise ValueError(f"Expected {expected}, but none of {len(films)} is one. {remedy}")


def grey_patch(film: Radiograph, box: PatchBox, size: int) -> Pixels:
    """(size, size): the film under `box`, resized, in the 8 bits that `augment` works on."""
    return film_patch(film.pixels, box, size).round().to(torch.uint8).numpy()


def varied_patch(
    film: Radiograph,
    box: PatchBox,
    spacing: float,
    size: int,
    rng: np.random.Generator,
    variation: PatchVariation,
    vertebrae: Sequence[Vertebra] = (),
) -> tuple[Pixels, list[Mask]]:
    """Cut a training patch; where it is turned, the film goes on.

    Args:
        film: From which.
        box: Where.
        spacing: Distance of vertebrae there, roughly, pixels of the film.
        size: Side of the patch, pixels.
        rng: Source of all randomness.
        variation: How far it is varied.
        vertebrae: Whose masks are wanted.

    Returns:
        (size, size): the film under `box`, and the masks there, varied.
    """
    wide = with_surroundings(box, size, variation.max_rotation, MAX_ZOOM)
    masks = [crop_mask(vertebra, *wide).numpy() > 0.5 for vertebra in vertebrae]
    pixels = grey_patch(film, *wide)
    if variation.rods and takes_rods(film) and rng.random() < variation.rods:
        pixels = draw_rods(pixels, film, wide[0], rng)
    if variation.surrounded and rng.random() < variation.surrounded:
        pixels = _going_on(pixels, film, wide[0], spacing, rng)
    if variation.cut and rng.random() < variation.cut:
        shown = shown_part(len(pixels), NEAREST_EDGE * spacing * len(pixels) / wide[0].side, rng)
        pixels, masks = pixels * shown, [mask & shown for mask in masks]
    return augment(pixels, masks, rng, variation.max_rotation, MAX_ZOOM, size, variation.exposure)


def _going_on(pixels: Pixels, film: Radiograph, box: PatchBox, spacing: float, rng: np.random.Generator) -> Pixels:
    """The patch without black beyond the film; unchanged if it shows nothing else, or nothing of that."""
    margins = margins_within(box, film.size, len(pixels))
    if margins is None or not any(margins):
        return pixels
    above, below, left, right = margins
    film_part = pixels[above : len(pixels) - below, left : len(pixels) - right]
    return surround(film_part, margins, spacing * len(pixels) / box.side, rng)


def shown_part(size: int, nearest: float, rng: np.random.Generator) -> Mask:
    """(size, size): what a patch would show if the film ended in it, on every third of its sides on average.

    Edges lie from `nearest` pixels off the middle of the patch on outwards, near ones more often: there it matters.
    """
    half = size / 2
    nearest = min(nearest, half)
    reach = np.where(rng.random(4) < 1 / 3, nearest + (half - nearest) * rng.random(4) ** 2, half)
    left, top, right, bottom = (half + np.array([-1, -1, 1, 1]) * reach).round().astype(int)
    shown = np.zeros((size, size), dtype=bool)
    shown[top:bottom, left:right] = True
    return shown
