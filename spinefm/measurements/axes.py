"""Which way a spine runs at each of its vertebrae."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAREST = 4
"""Of how many steps from a vertebra to the next one the median is taken: a centroid off the spine spoils two, to opposite sides."""

Points = NDArray[np.float64]


def spine_axes(line: Sequence[tuple[float, float]], places: Sequence[tuple[float, float]]) -> Points:
    """Towards the foot along a spine, roughly, whatever lies beside it.

    Args:
        line: (x, y) of N vertebrae of the spine, from head to foot, any number; one of them may lie off it.
        places: (x, y) of M points, each taken to be where the nearest of the N is.

    Returns:
        (M, 2) medians of unit vectors, (0, 1) where N is less than 2.
    """
    along, points = np.asarray(line, dtype=np.float64).reshape(-1, 2), np.asarray(places, dtype=np.float64).reshape(-1, 2)
    if len(along) < 2:
        return np.tile([0.0, 1.0], (len(points), 1))
    steps = np.diff(along, axis=0)
    steps /= np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    nearest = np.linalg.norm(points[:, None] - along, axis=2).argmin(1)
    starts = np.clip(nearest - NEAREST // 2, 0, max(len(steps) - NEAREST, 0))
    return np.array([np.median(steps[start : start + NEAREST], axis=0) for start in starts]).reshape(-1, 2)


def lean_deg(axis: Points, line: Sequence[tuple[float, float]]) -> float:
    """Between an axis and the chord of a spine, from the first of its vertebrae to the last: 0..180 degrees; 0 where either is none."""
    if len(line) < 2:
        return 0.0
    chord = np.subtract(line[-1], line[0])
    across = chord[0] * axis[1] - chord[1] * axis[0]
    return float(np.degrees(np.arctan2(abs(across), chord @ axis)))
