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
    """(x0, y0, x1, y1) of what lies within the empty borders of a film, x1 and y1 exclusive; of a blank film all is content.

    Args:
        pixels: (H, W).
    """
    top, bottom = _content(pixels)
    left, right = _content(pixels[top:bottom].T)
    # Once more between the side borders: of rows that reach over these, too little might be picture.
    top, bottom = _content(pixels[:, left:right])
    return left, top, right, bottom


def _content(lines: Pixels) -> tuple[int, int]:
    """Where the content of (N, M) lines begins and ends, the end exclusive; all of them where none would be left."""
    first, last = _border(lines), len(lines) - _border(lines[::-1])
    return (first, last) if first < last else (0, len(lines))


def _border(lines: Pixels) -> int:
    """How many lines, from the first on, are of the first one's grey; 0 if they are few."""
    grey = int(np.median(lines[0]))
    number = sum(1 for _ in takewhile(lambda line: np.mean(np.abs(line.astype(np.int16) - grey) <= TOLERANCE) >= SHARE, lines))
    return number if number >= NARROW * len(lines) else 0
