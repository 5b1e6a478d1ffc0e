"""Films that show more of a body than those of a training: what lies at their edges goes on beyond them, out of focus."""

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.structures import PatchBox, Pixels

BEYOND = 0.5
"""How far beyond its edges a film may go on in training, in its width and height."""
CELLS = (1.0, 3.0)
"""Least and largest side of the squares that are as good as one pixel out there, in vertebra spacings: no vertebra is to be seen."""
GAIN = (0.3, 1.2)
"""Of the grey values out there."""
SEAM = 1.0
"""Largest width of the seam between what is and what is not in focus, in vertebra spacings."""

Margins = tuple[int, int, int, int]
"""Rows above and below, columns to the left and right."""


def any_margins(size: tuple[int, int], rng: np.random.Generator) -> Margins:
    """Of a film (H, W) that shows more on all sides, up to `BEYOND`."""
    above, below, left, right = (rng.uniform(0, BEYOND, 4) * np.repeat(size, 2)).round().astype(int)
    return int(above), int(below), int(left), int(right)


def margins_within(box: PatchBox, size: tuple[int, int], patch_size: int) -> Margins | None:
    """What of a patch lies beyond the film; None if all of it does.

    Args:
        box: Where it was cut.
        size: (H, W) of the film.
        patch_size: To which it was resized, pixels.
    """
    scale = patch_size / box.side
    lost = np.array([-box.y, box.y + box.side - size[0], -box.x, box.x + box.side - size[1]])
    above, below, left, right = np.where(lost > 0, np.ceil(lost * scale) + 1, 0).astype(int)  # one more: resizing mixed the last with black
    return (int(above), int(below), int(left), int(right)) if max(above + below, left + right) < patch_size else None


def surround(pixels: Pixels, margins: Margins, spacing: float, rng: np.random.Generator) -> Pixels:
    """Let a picture go on.

    Args:
        pixels: (H, W), neither 0.
        margins: What is added.
        spacing: Distance of vertebrae, roughly, pixels.
        rng: Source of all randomness.

    Returns:
        (above + H + below, left + W + right), in which the picture is as it was.
    """
    above, below, left, right = margins
    mirrored = np.asarray(cv2.copyMakeBorder(pixels, above, below, left, right, cv2.BORDER_REFLECT_101), dtype=np.float32)
    vague = _out_of_focus(mirrored, spacing * np.exp(rng.uniform(*np.log(CELLS)))) * rng.uniform(*GAIN)
    # Without a seam, or networks would learn to look for it.
    share = (_beyond(pixels.shape, margins) / max(spacing * rng.uniform(0, SEAM), 1.0)).clip(0, 1)
    surrounded: Pixels = (mirrored + share * (vague - mirrored)).round().clip(0, 255).astype(np.uint8)
    return surrounded


def _out_of_focus(pixels: NDArray[np.float32], cell: float) -> NDArray[np.float32]:
    """(H, W), smooth between squares of `cell` pixels."""
    size = pixels.shape[::-1]
    coarse = [max(1, round(side / cell)) for side in size]
    grey = cv2.resize(pixels, coarse, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _beyond(size: tuple[int, ...], margins: Margins) -> NDArray[np.float32]:
    """How many rows or columns beyond a picture of `size` each pixel of the larger one lies; 0 within."""
    above, below, left, right = margins
    down, across = np.arange(-above, size[0] + below), np.arange(-left, size[1] + right)
    rows = np.maximum(-down, down - size[0] + 1)
    columns = np.maximum(-across, across - size[1] + 1)
    return np.maximum(rows[:, None], columns).clip(0).astype(np.float32)
