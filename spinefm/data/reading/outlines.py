"""What is wrong with an outline as it was drawn, though a mask can be made of it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1.0
"""How far off the film a point may lie, pixels: tools and people round."""

MOST_CORNERS = 500
"""Of an outline that is searched for crossings, each edge against all others, in 12 ms; of 3,000 corners that takes more than a second."""

TOUCHING = 1e-3
"""How far from an edge a corner counts as on it, in lengths of the edge: corners are rounded, in files and in between."""


def outline_faults(polygon: NDArray[np.float64], size: tuple[int, int]) -> Iterator[tuple[str, str, str]]:
    """Expected, found and remedy of each fault; see `Problem`.

    Args:
        polygon: (K, 2) corners (x, y) in order around the shape, K at least 3.
        size: (H, W) of the film.
    """
    beyond = float(max((-polygon).max(), (polygon - size[::-1]).max()))
    if beyond > ROUNDING:
        yield (
            f"its corners on the film of {size[1]} x {size[0]} pixels",
            f"some up to {beyond:.0f} pixels off it",
            "What lies there was cut off.",
        )
    if len(polygon) <= MOST_CORNERS and crosses_itself(polygon):
        yield "an outline that does not cross itself", "one that does, which is filled in part", "Draw it again."


def crosses_itself(polygon: NDArray[np.float64]) -> bool:
    """Whether two edges of a polygon cross; those that only touch do not."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    offsets = polygon[None] - polygon[:, None]
    sides = edges[:, None, 0] * offsets[..., 1] - edges[:, None, 1] * offsets[..., 0]  # distances times lengths
    sides[np.abs(sides) <= TOUCHING * (edges**2).sum(1, keepdims=True)] = 0
    # On other sides of each other's line; next to each other, edges share a corner, whose side is 0.
    apart = sides * np.roll(sides, -1, axis=1) < 0
    return bool((apart & apart.T).any())
