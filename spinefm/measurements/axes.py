"""Which way a spine runs at each of its vertebrae."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FARTHEST = 1.0
"""How far a vertebra of a spine may lie beside the line through its neighbours, in distances of neighbours.
Annotated ones stay within it."""

Points = NDArray[np.float64]


def spine_axes(line: Sequence[tuple[float, float]], places: Sequence[tuple[float, float]]) -> Points:
    """Towards the foot along a spine, roughly, whatever lies beside it.

    Args:
        line: (x, y) of N vertebrae of the spine, from head to foot, any number; those far off it do not count.
        places: (x, y) of M points, each taken to be where the nearest of the others is.

    Returns:
        (M, 2) of any length, (0, 1) where N is less than 2.
    """
    along, points = _without_outliers(np.asarray(line, dtype=np.float64)), np.asarray(places, dtype=np.float64).reshape(-1, 2)
    if len(along) < 2:
        return np.tile([0.0, 1.0], (len(points), 1))
    nearest = np.linalg.norm(points[:, None] - along, axis=2).argmin(1)
    return np.asarray(np.gradient(along, axis=0)[nearest])


def _without_outliers(line: Points) -> Points:
    """Drop the one that lies farthest off, as long as one lies too far: one off the spine makes its neighbours seem so, but less."""
    while len(line) > 2:
        offsets = _offsets(line)
        if offsets.max() <= FARTHEST:
            break
        line = np.delete(line, offsets.argmax(), axis=0)
    return line


def _offsets(line: Points) -> Points:
    """(N,) how far each of N lies beside the line through its two neighbours, or the two next to an end, in their distances."""
    before, after = np.r_[1, : len(line) - 2, -2], np.r_[2, 2 : len(line), -3]
    along, off = line[after] - line[before], line - line[before]
    steps = np.abs(after % len(line) - before % len(line))
    across = np.abs(along[:, 0] * off[:, 1] - along[:, 1] * off[:, 0])
    return np.asarray(across / np.maximum((along**2).sum(1), 1e-9) * steps)


def lean_deg(axis: Points, line: Sequence[tuple[float, float]]) -> float:
    """Between an axis and the chord of a spine, from the first of its vertebrae to the last: 0..180 degrees; 0 where either is none."""
    if len(line) < 2:
        return 0.0
    chord = np.subtract(line[-1], line[0])
    across = chord[0] * axis[1] - chord[1] * axis[0]
    return float(np.degrees(np.arctan2(abs(across), chord @ axis)))
