"""Distances between the outlines of two masks."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from spinefm.geometry.masks import paste_mask
from spinefm.structures import Mask, Vertebra


def surface_distances(first: Vertebra, second: Vertebra) -> tuple[float, float]:
    """How far the outlines of two masks of one film are apart; symmetric.

    An outline is the pixels of a mask that have a neighbour outside, by edge; distances run between pixel centres.

    Args:
        first: Mask with at least one pixel.
        second: Likewise.

    Returns:
        The 95th percentile of the distances from either outline to the other, the larger of the two (HD95), and the mean of all of
        them (average symmetric surface distance); pixels of the film.

    Source: as in MONAI's `compute_hausdorff_distance(percentile=95)` and `compute_average_surface_distance(symmetric=True)`.
    """
    edges = [_edge(mask) for mask in _in_one_window(first, second)]
    there, back = _distances(edges[0], edges[1]), _distances(edges[1], edges[0])
    hd95 = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return hd95, float(np.concatenate([there, back]).mean())


def _in_one_window(first: Vertebra, second: Vertebra) -> list[Mask]:
    """Both masks on a piece of film that holds them."""
    x0, y0 = np.minimum(first.box[:2], second.box[:2])
    x1, y1 = np.maximum(first.box[2:], second.box[2:])
    moved = (vertebra.moved(-int(x0), -int(y0)) for vertebra in (first, second))
    return [paste_mask(vertebra, (y1 - y0, x1 - x0)) for vertebra in moved]


def _edge(mask: Mask) -> Mask:
    return np.asarray(mask & ~binary_erosion(mask))


def _distances(edge: Mask, other: Mask) -> NDArray[np.float64]:
    """From each pixel of an edge to the nearest one of the other."""
    return np.asarray(distance_transform_edt(~other)[edge])
