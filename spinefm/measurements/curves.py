"""The sideways curves of a spine, and between which vertebrae they lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEAST_CURVE_DEG = 10.0
"""Smaller curves are no scoliosis. Source: Scoliosis Research Society."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A sideways curve of a spine.

    Attributes:
        angle_deg: Cobb's angle, between the midlines of its two end vertebrae, 0..180.
        upper: Index of its upper end vertebra, from head to foot.
        lower: Of its lower end vertebra.
        apex: Of the vertebra between them that lies farthest to the curve's side from the line between their centroids; None where
            there is none.
        direction: To which side of the film it is convex.
    """

    angle_deg: float
    upper: int
    lower: int
    apex: int | None
    direction: Literal["left", "right"]


def named_curve(curve: Curve, levels: Sequence[str]) -> dict[str, str | float | None]:
    """A curve in words, its angle rounded to a tenth of a degree; `levels` are those of the vertebrae it was found on."""
    return {
        "upper": levels[curve.upper],
        "lower": levels[curve.lower],
        "apex": None if curve.apex is None else levels[curve.apex],
        "angle_deg": round(curve.angle_deg, 1),
        "direction": curve.direction,
    }


def spine_curves(tilts: Points, centroids: Points, least_deg: float = LEAST_CURVE_DEG) -> list[Curve]:
    """The curves of a spine seen from the front: the largest one, and those that begin where another ends.

    Args:
        tilts: (N,) of its vertebrae from head to foot, degrees; see `spinefm.measurements.tilts`.
        centroids: (N, 2) as (x, y), pixels of the film.
        least_deg: Smaller ones are none.

    Returns:
        From head to foot; none if fewer than two vertebrae are given.
    """
    if len(tilts) < 2:
        return []
    curves = (_curve(upper, lower, tilts, centroids) for upper, lower in _ends(tilts))
    return [curve for curve in curves if curve.angle_deg >= least_deg]


def main_ends(tilts: Points) -> tuple[int, int]:
    """The two of N vertebrae, N at least 2, whose tilts differ the most: the upper one and the lower one."""
    differences = np.abs(tilts[:, None] - tilts)
    upper, lower = sorted(int(end) for end in np.unravel_index(differences.argmax(), differences.shape))
    return upper, lower


def _ends(tilts: Points) -> list[tuple[int, int]]:
    """Upper and lower ends of all curves, from head to foot."""
    upper, lower = main_ends(tilts)
    above = [(upper - end, upper - start) for start, end in _onwards(tilts[: upper + 1][::-1])]
    below = [(lower + start, lower + end) for start, end in _onwards(tilts[lower:])]
    return [*reversed(above), (upper, lower), *below]


def _onwards(tilts: Points) -> Iterator[tuple[int, int]]:
    """Where the largest curve from the first vertebra on ends, where the next one does, and so on."""
    start = 0
    while (end := start + int(np.abs(tilts[start:] - tilts[start]).argmax())) > start:
        yield start, end
        start = end


def _curve(upper: int, lower: int, tilts: Points, centroids: Points) -> Curve:
    # A vertebra whose right end is low stands above a spine that goes on to the left.
    to_left = tilts[upper] > tilts[lower]
    apex = _apex(centroids[upper : lower + 1], -1 if to_left else 1)
    angle_deg = float(abs(tilts[upper] - tilts[lower]))
    return Curve(angle_deg, upper, lower, None if apex is None else upper + apex, "left" if to_left else "right")


def _apex(centroids: Points, sign: int) -> int | None:
    """Which lies farthest to the right (for a sign of -1, left) of the line from the first to the last; None of fewer than three."""
    if len(centroids) < 3:
        return None
    (dx, dy), beside = centroids[-1] - centroids[0], centroids[1:-1] - centroids[0]
    return 1 + int((sign * (beside[:, 0] * dy - beside[:, 1] * dx)).argmax())
