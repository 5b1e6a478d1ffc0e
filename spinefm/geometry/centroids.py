"""Centroids: where they are, their order along the spine, how far apart they lie.

The coordinate frame is that of `spinefm.structures`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from spinefm.structures import Vertebra


def weighted_centroid(weights: Tensor) -> Tensor:
    """Centre of mass of each map, in its own pixels.

    Args:
        weights: (N, H, W), not negative.

    Returns:
        (N, 2) as (x, y); nan for a map without any weight.
    """
    _, height, width = weights.shape
    total = weights.sum((1, 2))
    x = (weights.sum(1) * (torch.arange(width, device=weights.device) + 0.5)).sum(1) / total
    y = (weights.sum(2) * (torch.arange(height, device=weights.device) + 0.5)).sum(1) / total
    return torch.stack([x, y], dim=1)


def principal_axis_order(points: ArrayLike) -> NDArray[np.intp]:
    """Indices that sort points along the axis of their largest variance, from the upper end to the lower one.

    Args:
        points: (N, 2) as (x, y); any N, also on one vertical or horizontal line.

    Source: arXiv:2411.00326 orders along a least-squares line y = mx + c, which no vertical spine has.
    """
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(xy) < 2:
        return np.arange(len(xy))
    axis = np.linalg.svd(xy - xy.mean(0), full_matrices=False)[2][0]
    downwards = axis if (axis[1], axis[0]) >= (0.0, 0.0) else -axis
    return np.argsort((xy - xy.mean(0)) @ downwards, kind="stable")


def local_spacings(centroids: ArrayLike, strides: ArrayLike = 1) -> NDArray[np.float64]:
    """How far apart vertebrae are around each point: the mean of the steps within two of it, which evens out an odd pair.

    Args:
        centroids: (N, 2), N at least 2, in order along the spine.
        strides: (N - 1,) vertebrae that each step goes on by, more than 1 where some are left out; or one number for all.

    Returns:
        (N,) pixels.

    Raises:
        ValueError: If there are fewer than two points.
    """
    xy = np.asarray(centroids, dtype=np.float64)
    if len(xy) < 2:
        raise ValueError(f"Expected at least two centroids to measure their spacing, but got {len(xy)}.")
    steps = np.linalg.norm(np.diff(xy, axis=0), axis=1) / strides
    return np.array([steps[max(i - 2, 0) : i + 2].mean() for i in range(len(xy))])


def last_spacing(centroids: NDArray[np.float64]) -> float:
    """Mean length of the last two steps of a (N, 2) trail, N at least 2, in its unit."""
    return float(np.linalg.norm(np.diff(centroids[-3:], axis=0), axis=1).mean())


def lean_of(along: ArrayLike) -> float:
    """How far a line leans from the vertical of a film.

    Args:
        along: (2,) direction (x, y) of it, either way, any length.

    Returns:
        -90..90 degrees, positive where its lower end lies to the right; 0 for no direction.
    """
    x, y = np.asarray(along, dtype=np.float64)
    return float(np.degrees(np.arctan2(x if y >= 0 else -x, abs(y))))


def local_leans(centroids: ArrayLike) -> NDArray[np.float64]:
    """How far a spine leans around each point, see `lean_of`: as the line from the point before it to the one after; at an end, its step.

    Args:
        centroids: (N, 2), N at least 2, in order along the spine.

    Returns:
        (N,) degrees.
    """
    return np.array([lean_of(along) for along in np.gradient(np.asarray(centroids, dtype=np.float64), axis=0)])


def centroids_of(vertebrae: Sequence[Vertebra]) -> NDArray[np.float64]:
    """(N, 2) centroids (x, y), in the order given."""
    return np.array([vertebra.centroid for vertebra in vertebrae], dtype=np.float64).reshape(-1, 2)
