"""A spine with three curves, from the front, whose tilts are known."""

import numpy as np

from spinefm.anatomy import levels_between
from spinefm.geometry.masks import polygon_to_vertebra

SIZE = (1000, 500)
LEVELS = levels_between("T1", "L5")
TILTS = np.array([0, 2, 4, 6, 12, 18, 15, 0, -15, -24, -20, -10, 0, 4, 6, 3, 2], dtype=float)


def spine(tilts=TILTS, levels=LEVELS):
    """Vertebrae 80 wide and 40 high that stand on each other."""
    angles, place, found = np.radians(tilts), np.array([250.0, 60.0]), []
    for angle, level in zip(angles, levels, strict=True):
        u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        ring = [place - 40 * u - 20 * v, place + 40 * u - 20 * v, place + 40 * u + 20 * v, place - 40 * u + 20 * v]
        found.append(polygon_to_vertebra(ring, SIZE, level))
        place = place + 52 * v
    return found
