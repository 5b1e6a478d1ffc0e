"""Vertebrae annotated by their four corners.

A ring is (4, 2): top left, top right, bottom right, bottom left corner (x, y) as seen on the film, in pixels. Any other order of
the same points is a bow tie, upside down or mirrored.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

CORNERS = ("top left", "top right", "bottom right", "bottom left")
"""Names of the corners of a ring, in its order; sides as seen on the film."""

MIN_EDGE_RATIO = 0.1
"""Shortest over longest edge, below which a ring is no vertebra."""

FloatT = TypeVar("FloatT", np.float32, np.float64)


def is_ring(corners: NDArray[np.floating]) -> bool:
    """Whether four corners run clockwise on the film around a convex shape, the first two along its top."""
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    convex = bool((edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > 0).all())
    return convex and bool(edges[0, 0] > 0 or edges[1, 1] > 0)


def ordered_ring(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same four corners as a ring; the top is the edge that runs most nearly from left to right."""
    offsets = corners - corners.mean(0)
    ring = corners[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]))]
    edges = np.roll(ring, -1, axis=0) - ring
    directions = edges[:, 0] / np.maximum(np.linalg.norm(edges, axis=1), 1e-9)
    ordered: NDArray[np.float64] = np.roll(ring, -int(directions.argmax()), axis=0)
    return ordered


def is_collapsed(ring: NDArray[np.float64]) -> bool:
    """Whether two corners all but coincide, or no order makes the shape convex."""
    edges = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    return bool(edges.min() < MIN_EDGE_RATIO * edges.max()) or not is_ring(ring)
