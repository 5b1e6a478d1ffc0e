"""Where the classifier's patches of background lie: around the spine, measured in vertebra spacings or in pixels."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.data.views.base import VertebraRef, spine_centroids, spine_strides
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Mask, Point, Radiograph

RING = (0.75, 3.0)
"""Inner and outer distance of a background point from the nearest centroid, in local spacings."""
BEYOND_SHARE = 0.35
"""Share of background patches taken where a walk leaves the annotated spine."""
BEYOND_JITTER = 0.12
"""Standard deviation of these around a straight step, in steps."""
SPINE_BLUR, RING_BLUR = (40.0, 0.1), (50.0, 0.05)
"""Of the paper's ring: standard deviation of a Gaussian, pixels of the film, and above which value something counts as near."""
CELL = 8
"""Side of the squares of film in which that ring is worked out, pixels: a fifth of the lesser blur."""


def point_by_spacings(film: Radiograph, ref: VertebraRef, rng: np.random.Generator) -> Point:
    """A point of a ring around the spine, or one where a walk would step beyond its annotated ends; films may differ in scale."""
    centroids, strides = spine_centroids(film), spine_strides(film)
    unoutlined = _unoutlined(film, centroids, strides)
    if rng.random() < BEYOND_SHARE:
        beyond = _beyond_an_end(centroids, strides, rng)
        # What a landmark marks is a vertebra, although it has no centroid to walk on from.
        if _on_film(beyond, film).all() and (np.linalg.norm(unoutlined - beyond, axis=1) > RING[0] * ref.spacing).all():
            return float(beyond[0]), float(beyond[1])
    distance = rng.uniform(*RING, (32, 1)) * ref.spacing
    angle = rng.uniform(0, 2 * np.pi, 32)
    points = np.asarray(ref.centroid) + distance * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    nearest = np.linalg.norm(points[:, None] - np.concatenate([centroids, unoutlined]), axis=2).min(1)
    suitable = (nearest > RING[0] * ref.spacing) & _on_film(points, film).all(1)
    x, y = points[suitable.argmax()] if suitable.any() else points[nearest.argmax()]
    return float(x), float(y)


def _unoutlined(film: Radiograph, centroids: np.ndarray, strides: Sequence[int]) -> NDArray[np.float64]:
    """(N, 2) places of all landmarks and, roughly, of vertebrae that are not annotated although both of their neighbours are."""
    shares = ((i, j / stride) for i, stride in enumerate(strides) for j in range(1, stride))
    left_out = ((1 - share) * centroids[i] + share * centroids[i + 1] for i, share in shares)
    return np.array([*(mark.point for mark in film.landmarks), *left_out], dtype=np.float64).reshape(-1, 2)


def _beyond_an_end(centroids: np.ndarray, strides: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """(2,): one step beyond the upper or the lower end of the spine, roughly."""
    last, before, stride = (*centroids[:2], strides[0]) if rng.random() < 0.5 else (*centroids[:-3:-1], strides[-1])
    step = (last - before) / stride
    point: np.ndarray = last + step * rng.uniform(0.8, 1.2) + rng.normal(0, BEYOND_JITTER, 2) * np.linalg.norm(step)
    return point


def _on_film(points: np.ndarray, film: Radiograph) -> np.ndarray:
    """(..., 2) bool: whether x and y lie on the film."""
    height, width = film.size
    inside: np.ndarray = (points >= 0) & (points < (width, height))
    return inside


def point_by_pixels(film: Radiograph, ref: VertebraRef, rng: np.random.Generator) -> Point:
    """A point of the ring of arXiv:2411.00326: where the blurred spine has faded, but not far from there.

    A landmark and a vertebra that is not annotated have no mask to be blurred; points less than `RING[0]` spacings from one are left out.
    """
    density = _blurred(_spine_cells(film), film, SPINE_BLUR[0])
    spine = density > SPINE_BLUR[1]
    ring = (_blurred(spine.astype(np.float32), film, RING_BLUR[0]) > RING_BLUR[1]) & ~spine
    scale = np.array(film.size) / ring.shape
    for x, y in _unoutlined(film, spine_centroids(film), spine_strides(film)):
        offsets = (np.indices(ring.shape).transpose(1, 2, 0) + 0.5) * scale - (y, x)
        ring &= np.linalg.norm(offsets, axis=2) > RING[0] * ref.spacing
    cells = np.argwhere(ring if ring.any() else density == density.min())
    y, x = (cells[rng.integers(len(cells))] + rng.random(2)) * scale
    return float(x), float(y)


def _spine_cells(film: Radiograph) -> NDArray[np.float32]:
    """(H / CELL, W / CELL) covered share of each cell of a film."""
    spine: Mask = np.zeros(film.size, dtype=bool)
    for vertebra in film.vertebrae:
        spine |= paste_mask(vertebra, film.size)
    rows, columns = (max(1, round(side / CELL)) for side in film.size)
    return np.asarray(cv2.resize(spine.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _blurred(cells: NDArray[np.float32], film: Radiograph, sigma: float) -> NDArray[np.float32]:
    """A Gaussian of `sigma` pixels of the film."""
    across, down = (sigma * cells.shape[axis] / film.size[axis] for axis in (1, 0))
    return np.asarray(cv2.GaussianBlur(cells, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


BACKGROUNDS: dict[str, Callable[[Radiograph, VertebraRef, np.random.Generator], Point]] = {
    "spacings": point_by_spacings,
    "pixels": point_by_pixels,
}
