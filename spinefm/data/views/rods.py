"""Rods and screws drawn onto films from the front: so a spine looks after a fusion, and few training films show one."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from spinefm.data.views.base import spine_centroids, spine_strides
from spinefm.geometry.centroids import local_spacings
from spinefm.structures import PatchBox, Pixels, Radiograph

LEAST_VERTEBRAE = 8
_SIDES = (-1, 1)
_SUBPIXEL_BITS = 4
Points = NDArray[np.float64]
Metal = NDArray[np.float32]
"""(S, S), how much of a ray the metal takes, 0 and more; above 1 it is opaque."""


@dataclass(frozen=True)
class _Instrumented:
    """The vertebrae of a patch that the rods hold.

    Attributes:
        points: (N, 2) centroids, pixels of the patch.
        spacings: (N, 1) local spacings, likewise.
        down: (N, 2) unit directions to the feet.
    """

    points: Points
    spacings: Points
    down: Points

    @property
    def across(self) -> Points:
        """(N, 2) unit directions at right angles to the spine."""
        return np.stack([-self.down[:, 1], self.down[:, 0]], axis=1)


def draw_rods(pixels: Pixels, film: Radiograph, box: PatchBox, rng: np.random.Generator) -> Pixels:
    """Put two rods along the annotated spine, held by screws in most vertebrae. Up to a quarter of it stays free at either end.

    Args:
        pixels: (S, S), the film under `box`.
        film: Annotated, from the front, with bright bone; one of fewer than `LEAST_VERTEBRAE` stays as it is.
        box: Where the patch lies.
        rng: Source of all randomness.

    Returns:
        (S, S), nowhere darker.
    """
    centroids = spine_centroids(film)
    if len(centroids) < LEAST_VERTEBRAE:
        return pixels
    scale = len(pixels) / box.side
    spacings = local_spacings(centroids, spine_strides(film))
    held = _held((centroids - (box.x, box.y)) * scale, spacings * scale, rng)
    metal, offset = np.zeros(pixels.shape, np.float32), rng.uniform(0.32, 0.6)
    for side in _SIDES:
        _add_rod(metal, held, side * offset, rng)
    cover = np.asarray(cv2.GaussianBlur(metal, (0, 0), rng.uniform(0.3, 0.9))).clip(0, 1) * rng.uniform(0.4, 1.0)
    drawn: Pixels = (pixels + cover * (255 - pixels.astype(np.float32))).round().astype(np.uint8)
    return drawn


def _held(centroids: Points, spacings: Points, rng: np.random.Generator) -> _Instrumented:
    """Those of a whole spine, (N, 2) and (N,), pixels of the patch, that are left when both ends are freed."""
    third = len(centroids) // 3
    held = slice(int(rng.integers(0, third)), len(centroids) - int(rng.integers(0, third)))
    down = np.gradient(centroids[held], axis=0)
    return _Instrumented(centroids[held], spacings[held, None], down / np.linalg.norm(down, axis=1, keepdims=True))


def _add_rod(metal: Metal, held: _Instrumented, offset: float, rng: np.random.Generator) -> None:
    """A rod `offset` local spacings beside the spine, and its screws; it is stiff, and takes no part in each vertebra's place."""
    beside = held.points + held.across * held.spacings * (offset + rng.normal(0, 0.03, held.spacings.shape))
    t, mean = np.linspace(-1, 1, len(beside)), float(held.spacings.mean())
    rod = np.asarray(polynomial.polyfit(t, beside, 4), dtype=np.float64)
    bright = rng.uniform(0.7, 1.0)
    _add_lines(metal, _along(rod, np.linspace(-1.02, 1.02, 80))[None], bright, mean * rng.uniform(0.08, 0.15))
    _add_screws(metal, held, _along(rod, t), -np.copysign(1.0, offset), bright, rng)


def _along(rod: Points, t: Points) -> Points:
    return np.asarray(polynomial.polyval(t, rod).T, dtype=np.float64)


def _add_screws(metal: Metal, held: _Instrumented, heads: Points, inwards: float, bright: float, rng: np.random.Generator) -> None:
    """Screws in some vertebrae: heads along the rod, shafts that run towards the midline, or nearly along the rays."""
    size, mean = held.spacings, float(held.spacings.mean())
    chosen = rng.random(len(heads)) < rng.uniform(0.5, 1.0)
    half = held.down * size * 0.14
    _add_lines(metal, np.stack([heads - half, heads + half], axis=1)[chosen], bright * 0.5, mean * rng.uniform(0.22, 0.36))
    shafts = inwards * rng.uniform(-0.1, 0.5, size.shape) * held.across + rng.uniform(-0.2, 0.2, size.shape) * held.down
    _add_lines(metal, np.stack([heads, heads + shafts * size], axis=1)[chosen], bright * rng.uniform(0.5, 1.0), mean * 0.15)


def _add_lines(metal: Metal, paths: Points, bright: float, thickness: float) -> None:
    """Add (M, K, 2) open paths, pixels with edges at whole numbers.

    OpenCV draws smooth lines half a pixel to two and a half wider than told; thinner than a pixel they fade.
    """
    cover, fixed = np.zeros(metal.shape, np.uint8), np.rint((paths - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.polylines(cover, list(fixed), False, 255, max(1, round(thickness)), cv2.LINE_AA, _SUBPIXEL_BITS)
    metal += cover * np.float32(bright * min(1.0, thickness) / 255)
