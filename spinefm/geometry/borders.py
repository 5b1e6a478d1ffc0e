"""Empty borders of a film: where a shutter, a collimator or the bed of a scanner left one grey all along a side."""

from itertools import takewhile

import numpy as np

from spinefm.structures import Pixels

TOLERANCE = 4
"""Grey levels by which pixels of a border may differ: of a JPEG they do."""
SHARE = 0.95
"""Of a row or column that has to be of the border's grey; the rest may be a marker."""
NARROW = 0.05
"""Of the film's height or width: narrower borders do no harm, and may be the picture's own black or white edge."""


def content_box(pixels: Pixels) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of what lies within the empty borders of a film, x1 and y1 exclusive; all of it where nothing would be left.

    Args:
        pixels: (H, W).
    """
    height, width = pixels.shape
    top, bottom = _border(pixels), _border(pixels[::-1])
    rows = pixels[top : height - bottom].T
    if not rows.size:
        return 0, 0, width, height
    left, right = _border(rows), _border(rows[::-1])
    return (left, top, width - right, height - bottom) if left + right < width else (0, top, width, height - bottom)


def _border(lines: Pixels) -> int:
    """How many of (N, M) lines, from the first on, are of the first one's grey; 0 if they are few."""
    grey = int(np.median(lines[0]))
    number = sum(1 for _ in takewhile(lambda line: np.mean(np.abs(line.astype(np.int16) - grey) <= TOLERANCE) >= SHARE, lines))
    return number if number >= NARROW * len(lines) else 0
