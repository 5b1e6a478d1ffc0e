"""The four corners of a vertebra, from its mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.structures import Mask, Vertebra

CORNER_SHARE = 0.1
"""Share of a side next to each corner that does not count when the side's line is fitted: corners are rounded."""

ROUNDS = 2
"""How often sides are fitted, each time to the points along the sides fitted before."""

FARTHEST = 0.35
"""How far beyond its mask's outline a corner may lie, in lengths of the longer diagonal: farther, the mask has no four sides."""

Points = NDArray[np.float64]
Line = tuple[Points, Points]
"""A point of it, (x, y), and its direction."""
_SIDES = ((0, 1), (2, 3), (0, 2), (1, 3))
"""Ends of the upper, lower, left and right side among the corners."""
_MEETINGS = ((0, 2), (0, 3), (1, 2), (1, 3))
"""Which of the sides meet in each corner."""


def corners(vertebra: Vertebra, axis: Points) -> Points | None:
    """Where the lines along the four sides of a mask meet.

    The outline's outermost points in the four diagonal directions are a first guess. Then a line is fitted to the points along each
    side, but for those next to its ends, so that neither a bulge nor a rounded corner moves it much, and sides need not be parallel;
    where lines meet are the next guess. Only the mask's largest part counts.

    Args:
        vertebra: With any mask.
        axis: (2,) towards the foot along the spine, any length; roughly, as it only tells sides apart.

    Returns:
        (4, 2), see `spinefm.measurements`; None where the mask is empty, or too small or odd to have four sides.
    """
    outline = _outline(vertebra.mask) + vertebra.origin
    found = _outermost(outline, axis) if len(outline) else None
    for _ in range(ROUNDS):
        if found is None:
            return None
        sides = [_line(points) for points in _along_sides(outline, found)]
        meetings = [meeting(sides[across], sides[along]) for across, along in _MEETINGS]
        found = None if any(each is None for each in meetings) else np.array(meetings)
    return found if found is not None and _is_possible(found, outline) else None


def _outline(mask: Mask) -> Points:
    """(N, 2) middles of the pixel edges along the border of a mask's largest part, pixels of the mask."""
    number, parts, table, _ = cv2.connectedComponentsWithStats(np.pad(mask, 1).astype(np.uint8), connectivity=4)
    if number < 2:
        return np.zeros((0, 2))
    padded = (parts == 1 + table[1:, cv2.CC_STAT_AREA].argmax()).astype(np.int8)
    places = []
    for axis, shift in ((0, (0.5, 1.0)), (1, (1.0, 0.5))):  # an edge lies between a pixel and the next one along the axis
        rows, columns = np.nonzero(np.diff(padded, axis=axis))
        places.append(np.stack([columns, rows], axis=1) + shift)
    return np.concatenate(places) - 1.0


def _outermost(outline: Points, axis: Points) -> Points:
    """(4, 2) points farthest in the diagonal directions, seen along the axis, of an outline scaled to a square."""
    down = axis / (np.linalg.norm(axis) or 1.0) if axis.any() else np.array([0.0, 1.0])
    seen = outline @ np.array([[down[1], -down[0]], down]).T
    seen = (seen - seen.min(0)) / np.ptp(seen, axis=0)
    return np.asarray(outline[[(seen @ diagonal).argmax() for diagonal in ((-1, -1), (1, -1), (-1, 1), (1, 1))]])


def _along_sides(outline: Points, guess: Points) -> list[Points]:
    """The points of an outline that lie along each side, nearer to it than to the others and not next to its ends.

    Args:
        outline: (N, 2) points.
        guess: (4, 2) corners.
    """
    starts, ends = guess[[start for start, _ in _SIDES]], guess[[end for _, end in _SIDES]]
    along = ends - starts
    offsets = outline[:, None] - starts
    positions = (offsets * along).sum(2) / np.maximum((along * along).sum(1), 1e-9)
    gaps = np.linalg.norm(offsets - np.clip(positions, 0, 1)[..., None] * along, axis=2)
    counts = (np.abs(positions - 0.5) < 0.5 - CORNER_SHARE) & (gaps == gaps.min(1, keepdims=True))
    return [outline[column] for column in counts.T]


def _line(points: Points) -> Line | None:
    """The line through points; far ones weigh little. None for fewer than two."""
    if len(points) < 2:
        return None
    dx, dy, x, y = cv2.fitLine(points.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel().astype(np.float64)
    return np.array([x, y]), np.array([dx, dy])


def meeting(first: Line | None, second: Line | None) -> Points | None:
    """Where two lines meet; None if one is missing or they are parallel."""
    if first is None or second is None:
        return None
    (a, u), (b, v) = first, second
    across = u[0] * v[1] - u[1] * v[0]
    if abs(across) < 1e-6:
        return None
    step = ((b - a)[0] * v[1] - (b - a)[1] * v[0]) / across
    return np.asarray(a + step * u)


def _is_possible(found: Points, outline: Points) -> bool:
    """Whether corners make a convex shape, the right way round, and none lies far from the outline."""
    ring = found[[0, 1, 3, 2]]
    edges = np.roll(ring, -1, axis=0) - ring
    following = np.roll(edges, -1, axis=0)
    if not (edges[:, 0] * following[:, 1] > edges[:, 1] * following[:, 0]).all():
        return False
    gaps = [np.linalg.norm(outline - corner, axis=1).min() for corner in found]
    return bool(max(gaps) < FARTHEST * max(np.linalg.norm(found[3] - found[0]), np.linalg.norm(found[2] - found[1])))
