"""Rods and screws drawn onto films from the front: so a spine looks after a fusion, and few training films show one."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from spinefm.data.views.base import spine_centroids, spine_strides
from spinefm.geometry.centroids import local_spacings
from spinefm.structures import PatchBox, Pixels, Radiograph, View

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


def takes_rods(film: Radiograph) -> bool:
    """Whether rods can be drawn onto a film: it is from the front, where they lie beside the bodies, and enough of its spine annotated."""
    return film.view is View.AP_SPINE and len(spine_centroids(film)) >= LEAST_VERTEBRAE


def draw_rods(pixels: Pixels, film: Radiograph, box: PatchBox, rng: np.random.Generator) -> Pixels:
    """Put two rods along the annotated spine, held by screws in most vertebrae. Up to a quarter of a whole one stays free at either end.

    Rods lie as wide apart as bodies are, or a little wider, and off the middle to one side, as where a spine is turned about itself. They
    are as bright as the film's brightest pixel, which may be a letter's, or brighter, and let more or less of the film through. Sizes are
    those of five films of AASCE.

    Args:
        pixels: (S, S), the film under `box`.
        film: One that takes rods, with bright bone.
        box: Where the patch lies.
        rng: Source of all randomness.

    Returns:
        (S, S), nowhere darker.
    """
    centroids, scale = spine_centroids(film), len(pixels) / box.side
    spacings = local_spacings(centroids, spine_strides(film))
    held = _held((centroids - (box.x, box.y)) * scale, spacings * scale, rng)
    metal, offset, turn = np.zeros(pixels.shape, np.float32), rng.uniform(0.55, 0.85), rng.normal(0, 0.1)
    for side in _SIDES:
        _add_rod(metal, held, side * offset + turn, -side, rng)
    cover = np.asarray(cv2.GaussianBlur(metal, (0, 0), rng.uniform(0.3, 0.9))).clip(0, 1) * rng.uniform(0.4, 1.0)
    bright = rng.uniform(film.pixels.max(), 255)
    drawn: Pixels = (pixels + cover * (bright - pixels.astype(np.float32)).clip(0)).round().astype(np.uint8)
    return drawn


def _held(centroids: Points, spacings: Points, rng: np.random.Generator) -> _Instrumented:
    """Those of a whole spine, (N, 2) and (N,), pixels of the patch, that are left when both ends are freed."""
    third = len(centroids) // 3
    held = slice(int(rng.integers(0, third)), len(centroids) - int(rng.integers(0, third)))
    down = np.gradient(centroids[held], axis=0)
    return _Instrumented(centroids[held], spacings[held, None], down / np.linalg.norm(down, axis=1, keepdims=True))


def _add_rod(metal: Metal, held: _Instrumented, offset: float, inwards: int, rng: np.random.Generator) -> None:
    """A rod `offset` local spacings beside the spine, and its screws; it is stiff, and takes no part in each vertebra's place."""
    beside = held.points + held.across * held.spacings * (offset + rng.normal(0, 0.03, held.spacings.shape))
    t, end = np.linspace(-1, 1, len(beside)), rng.uniform(1.02, 1.06)
    rod = np.asarray(polynomial.polyfit(t, beside, 4), dtype=np.float64)
    opacity = rng.uniform(0.7, 1.0)
    _add_lines(metal, _along(rod, np.linspace(-end, end, 80))[None], opacity, float(held.spacings.mean()) * rng.uniform(0.17, 0.28))
    _add_screws(metal, held, _along(rod, t), inwards, opacity, rng)


def _along(rod: Points, t: Points) -> Points:
    return np.asarray(polynomial.polyval(t, rod).T, dtype=np.float64)


def _add_screws(metal: Metal, held: _Instrumented, heads: Points, inwards: int, opacity: float, rng: np.random.Generator) -> None:
    """Screws in some vertebrae: round heads on the rod, shafts towards the midline, short where they run nearly along the rays."""
    mean, chosen = float(held.spacings.mean()), rng.random(len(heads)) < rng.uniform(0.5, 1.0)
    slopes = rng.normal(0, 0.3) + rng.normal(0, 0.12, held.spacings.shape)
    along = (inwards * held.across + slopes * held.down) * held.spacings
    back, length = rng.uniform(0.0, 0.2), rng.uniform(0.1, 0.9) * rng.uniform(0.8, 1.2, held.spacings.shape)
    round_heads = np.stack([heads - back * along, heads + 0.1 * along], axis=1)[chosen]
    _add_lines(metal, round_heads, opacity * rng.uniform(0.6, 1.0), mean * rng.uniform(0.36, 0.5))
    shafts = np.stack([heads, heads + length * along], axis=1)[chosen]
    _add_lines(metal, shafts, opacity * rng.uniform(0.6, 1.0), mean * rng.uniform(0.12, 0.19))


def _add_lines(metal: Metal, paths: Points, opacity: float, thickness: float) -> None:
    """Add (M, K, 2) open paths, pixels with edges at whole numbers.

    OpenCV draws smooth lines half a pixel to two and a half wider than told; thinner than a pixel they fade.
    """
    cover, fixed = np.zeros(metal.shape, np.uint8), np.rint((paths - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.polylines(cover, list(fixed), False, 255, max(1, round(thickness)), cv2.LINE_AA, _SUBPIXEL_BITS)
    metal += cover * np.float32(opacity * min(1.0, thickness) / 255)
