"""Whether a film shows bone dark: its annotation tells where bone is, so its grey values need not be guessed from."""

from collections.abc import Sequence

import cv2
import numpy as np

from spinefm.geometry.masks import paste_mask
from spinefm.structures import Pixels, Vertebra

REACH = 0.6
"""How far to either side a vertebra is compared with what lies beside it, in its own widths: soft tissue, on every view."""

ACROSS = 40
"""Pixels across a vertebra that are looked at: enough for a mean."""


def is_inverted(pixels: Pixels, vertebrae: Sequence[Vertebra]) -> bool:
    """Whether most vertebrae are darker than what lies beside them.

    Measured (experiments/polarity): wrong on none of 464 real AP films, all of bright bone, as they are and turned over, and none of 150
    simulated ones, bright and dark.

    Args:
        pixels: (H, W).
        vertebrae: Annotated on it; without any, the answer is no.
    """
    contrasts = [contrast for vertebra in vertebrae if (contrast := _contrast(pixels, vertebra)) is not None]
    return bool(contrasts) and float(np.median(contrasts)) < 0


def _contrast(pixels: Pixels, vertebra: Vertebra) -> float | None:
    """Mean grey inside less mean grey beside it; None if either lies off the film."""
    x0, y0, x1, y1 = vertebra.box
    reach = max(2, round(REACH * (x1 - x0)))
    left, top = max(x0 - reach, 0), max(y0, 0)
    window = pixels[top : max(y1, 0), left : max(x1 + reach, 0)]
    moved = Vertebra(vertebra.mask, (x0 - left, y0 - top), vertebra.centroid)
    step = max(1, min(vertebra.mask.shape) // ACROSS)
    inside = np.ascontiguousarray(paste_mask(moved, (window.shape[0], window.shape[1]))[::step, ::step])
    window = np.ascontiguousarray(window[::step, ::step])
    if not inside.any() or inside.all():
        return None
    return float(cv2.mean(window, inside.view(np.uint8))[0] - cv2.mean(window, (~inside).view(np.uint8))[0])
