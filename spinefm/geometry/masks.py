"""Masks of vertebrae: from polygons, cropped to their content, put back, compared.

The coordinate frame is that of `spinefm.structures`.
"""

from typing import Any

import numpy as np
from matplotlib.path import Path as PolygonPath
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from spinefm.structures import Mask, Point, Vertebra


def paste_mask(vertebra: Vertebra, size: tuple[int, int]) -> Mask:
    """The (H, W) mask of a vertebra on a film of that `size`; what reaches over the border is cut off."""
    film = np.zeros(size, dtype=bool)
    paint(film, vertebra, True)
    return film


def paint(image: NDArray[Any], vertebra: Vertebra, value: int) -> None:
    """Write `value` under the mask of a vertebra into a (H, W) image of its film; what reaches over the border is cut off."""
    (height, width), (x0, y0, x1, y1) = image.shape, vertebra.box
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        mask = vertebra.mask[top - y0 : bottom - y0, left - x0 : right - x0]
        image[top:bottom, left:right][mask] = value


def clear_beyond(piece: Tensor, origin: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Set to 0, in place, what of a piece reaches over the border of a film.

    Args:
        piece: (h, w), any dtype.
        origin: (x, y) pixel of the film at the piece's top left; may lie outside.
        size: (H, W) of the film.
    """
    (x, y), (height, width) = origin, size
    piece[: max(-y, 0)] = 0
    piece[:, : max(-x, 0)] = 0
    piece[max(height - y, 0) :] = 0
    piece[:, max(width - x, 0) :] = 0
    return piece


def mask_to_vertebra(
    mask: Mask, offset: tuple[int, int] = (0, 0), centroid: Point | None = None, level: str | None = None, confidence: float = 1.0
) -> Vertebra | None:
    """Crop a mask to its content.

    Args:
        mask: (H, W) of a film or a part of it.
        offset: (x, y) of the mask's top-left pixel on the film.
        centroid: (x, y) on the film; None takes the mask's centre of mass.
        level: See `Vertebra`.
        confidence: See `Vertebra`.

    Returns:
        None if the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    cropped = np.ascontiguousarray(mask[top : rows[-1] + 1, left : columns[-1] + 1])
    origin = (left + offset[0], top + offset[1])
    return Vertebra(cropped, origin, centroid or _mask_centroid(cropped, origin), level, confidence)


def _mask_centroid(mask: Mask, origin: tuple[int, int]) -> Point:
    rows, columns = np.nonzero(mask)
    return float(columns.mean() + 0.5 + origin[0]), float(rows.mean() + 0.5 + origin[1])


def polygon_to_vertebra(polygon: ArrayLike, size: tuple[int, int], level: str | None = None) -> Vertebra | None:
    """Fill a polygon: the pixels whose centres lie in it.

    Args:
        polygon: (K, 2) corners (x, y) in order around the shape.
        size: (H, W) of the film; what lies outside is cut off.
        level: See `Vertebra`.

    Returns:
        None if no pixel's centre lies in the polygon.
    """
    xy = np.asarray(polygon, dtype=np.float64)
    left, top = np.maximum(np.floor(xy.min(0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(xy.max(0)), size[::-1]).astype(int)
    if right <= left or bottom <= top:
        return None
    columns, rows = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
    inside = PolygonPath(xy).contains_points(np.stack([columns.ravel(), rows.ravel()], axis=1))
    mask = inside.reshape(columns.shape)
    return mask_to_vertebra(mask, (int(left), int(top)), level=level)


def mask_iou(first: Vertebra, second: Vertebra) -> float:
    """Intersection over union of two masks of one film, 0..1."""
    shared = _intersection(first, second)
    return shared / (first.area + second.area - shared)


def mask_dice(first: Vertebra, second: Vertebra) -> float:
    """2 |A and B| / (|A| + |B|) of two masks of one film, 0..1."""
    return 2 * _intersection(first, second) / (first.area + second.area)


def _intersection(first: Vertebra, second: Vertebra) -> int:
    a, b = first.box, second.box
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if x0 >= x1 or y0 >= y1:
        return 0
    windows = [v.mask[y0 - v.origin[1] : y1 - v.origin[1], x0 - v.origin[0] : x1 - v.origin[0]] for v in (first, second)]
    return int(np.count_nonzero(windows[0] & windows[1]))
