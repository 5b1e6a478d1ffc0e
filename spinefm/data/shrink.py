"""Films at the size that training needs."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.geometry.masks import mask_to_vertebra
from spinefm.structures import Radiograph, Vertebra


def shrink(film: Radiograph, max_side: int | None) -> Radiograph:
    """The film and its annotations at a size of at most `max_side` pixels; unchanged where it is no larger.

    Vertebrae without a pixel left are dropped.
    """
    height, width = film.size
    if max_side is None or max(height, width) <= max_side:
        return film
    factor = max_side / max(height, width)
    small = max(1, round(width * factor)), max(1, round(height * factor))
    pixels = np.asarray(cv2.resize(film.pixels, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Whole pixels make the two axes shrink by slightly different factors; points follow the pixels exactly.
    scale = small[0] / width, small[1] / height
    vertebrae = tuple(shrunk for vertebra in film.vertebrae if (shrunk := _shrink_vertebra(vertebra, scale)) is not None)
    landmarks = tuple(replace(mark, point=(mark.point[0] * scale[0], mark.point[1] * scale[1])) for mark in film.landmarks)
    spacing_mm = film.spacing_mm / factor if film.spacing_mm is not None else None
    return replace(film, pixels=pixels, vertebrae=vertebrae, spacing_mm=spacing_mm, landmarks=landmarks)


def _shrink_vertebra(vertebra: Vertebra, scale: tuple[float, float]) -> Vertebra | None:
    """Keep each small pixel of which at least half was covered."""
    (x_scale, y_scale), (x0, y0, x1, y1) = scale, vertebra.box
    columns, rows = _shares(x0, x1, x_scale), _shares(y0, y1, y_scale)
    covered = rows @ vertebra.mask.astype(np.float64) @ columns.T
    origin = int(x0 * x_scale), int(y0 * y_scale)
    x, y = vertebra.centroid
    # The tolerance keeps exactly half covered pixels on every processor, whatever its rounding.
    return mask_to_vertebra(covered >= 0.5 - 1e-9, origin, (x * x_scale, y * y_scale), vertebra.level, vertebra.confidence)


def _shares(start: int, stop: int, scale: float) -> NDArray[np.float64]:
    """(small, stop - start): the share of each small pixel that lies in each pixel from `start` to `stop` along one axis.

    The first small pixel is number int(start * scale).
    """
    edges = np.arange(start, stop + 1) * scale
    small = np.arange(int(start * scale), int(np.ceil(stop * scale)))[:, None]
    shares: NDArray[np.float64] = np.clip(np.minimum(edges[1:], small + 1) - np.maximum(edges[:-1], small), 0.0, None)
    return shares
