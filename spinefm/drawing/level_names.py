"""The names of levels beside their vertebrae."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spinefm.geometry.centroids import centroids_of, local_leans, principal_axis_order
from spinefm.structures import Vertebra

Points = NDArray[np.float64]


def write_names(image: Image.Image, vertebrae: Sequence[Vertebra], polygons: Sequence[Points], size: int) -> None:
    """Write each level at the right end of its vertebra, across the spine, or at the left end where the picture ends.

    Straight to the right, the names of a spine that lies nearly level would stand beside its neighbours.

    Args:
        image: Is drawn on.
        vertebrae: Whose levels to write, a question mark where unknown.
        polygons: (K, 2) outline of each as (x, y), pixels of the picture.
        size: Height of the letters, pixels.
    """
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for vertebra, polygon, across in zip(vertebrae, polygons, across_spine(vertebrae), strict=True):
        text = vertebra.level or "?"
        (x, y), anchor = _beyond(polygon, across, size / 2), "lm"
        if x + draw.textlength(text, font) > image.width or not size / 2 <= y <= image.height - size / 2:
            (x, y), anchor = _beyond(polygon, -across, size / 2), "rm"
        draw.text((x, y), text, "white", font, anchor, stroke_width=max(1, size // 8), stroke_fill="black")


def across_spine(vertebrae: Sequence[Vertebra]) -> Points:
    """(N, 2) unit vectors from each vertebra's left to its right side on the film, as its neighbours lie; level for a single one."""
    centroids = centroids_of(vertebrae)
    order = principal_axis_order(centroids)
    leans = np.zeros(len(centroids))
    if len(centroids) > 1:
        leans[order] = local_leans(centroids[order])
    angles = np.radians(leans)
    return np.stack([np.cos(angles), -np.sin(angles)], axis=1)


def _beyond(polygon: Points, direction: Points, gap: float) -> Points:
    """(2,) where a line from the middle of an outline is a gap beyond it."""
    middle = (polygon.min(0) + polygon.max(0)) / 2
    reach = float(np.max((polygon - middle) @ direction))
    return np.asarray(middle + direction * (reach + gap))
