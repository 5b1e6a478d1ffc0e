"""Outlines of vertebral bodies as a ray sees them."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

POINTS_PER_EDGE = 8

# (u, v) millimetres about the centre of C2's body, u to the back and v to the feet: body, then the dens on top.
_C2 = np.array(
    [(-5.6, -9), (-4.4, -13), (-4.3, -17), (-4.2, -21), (-2.2, -24), (1.6, -24.2), (4, -21.5), (4.1, -17), (4.4, -13), (6, -9),
     (7.4, -4), (7.2, 2), (7.6, 9), (2.5, 9), (-3, 10), (-8.2, 11.6), (-7.2, 5), (-6.8, -2), (-7, -6)]
)  # fmt: skip
# About the centre of C1: anterior arch, over the tip of the dens, lateral mass, posterior arch and back.
_C1 = np.array(
    [(-12.4, 0), (-12.2, -4), (-10, -6.8), (-5, -8.2), (0, -9), (5.5, -8.4), (8.5, -5), (14, -3.4), (21, -3.2), (29, -4.8), (35, -6),
     (38, -3), (37, 2), (31, 3.6), (22, 2.6), (14, 2.8), (9.5, 4), (7.8, 7.4), (3, 8.6), (-2, 8.2), (-4.6, 5), (-7.4, 6.4), (-10.6, 5)]
)  # fmt: skip


def rounded(polygon: Points, rounds: int = 1) -> Points:
    """Cut the corners of closed polygons: (..., K, 2) -> (..., 2^rounds K, 2) (Chaikin)."""
    for _ in range(rounds):
        following = np.concatenate([polygon[..., 1:, :], polygon[..., :1, :]], axis=-2)
        cut = np.empty((*polygon.shape[:-2], 2 * polygon.shape[-2], 2))
        cut[..., ::2, :] = 0.75 * polygon + 0.25 * following
        cut[..., 1::2, :] = 0.25 * polygon + 0.75 * following
        polygon = cut
    return polygon


def body_outlines(corners: Points, sag: Points, spurs: Points) -> Points:
    """Outlines of bodies with waisted walls, dished endplates and osteophytes.

    Args:
        corners: (V, 4, 2) upper front, upper back, lower back, lower front, millimetres.
        sag: (V, 4) how far the middle of the upper, back, lower and front edge lies inwards, millimetres.
        spurs: (V, 4) length of the osteophyte at each corner, millimetres; 0 for none.

    Returns:
        (V, 4 P, 2) closed outlines, millimetres.
    """
    edges = np.roll(corners, -1, axis=1) - corners
    inward = np.stack([-edges[..., 1], edges[..., 0]], axis=-1) / np.linalg.norm(edges, axis=-1, keepdims=True)
    t = (np.arange(POINTS_PER_EDGE) / POINTS_PER_EDGE)[:, None]
    dish = (4 * t * (1 - t)) ** 0.8
    points = corners[:, :, None] + edges[:, :, None] * t + inward[:, :, None] * (sag[..., None, None] * dish)
    points = points.reshape(len(corners), -1, 2) + _spur_shift(corners, spurs)
    neighbours = np.roll(points, 1, axis=1) + np.roll(points, -1, axis=1)
    return np.asarray(0.76 * points + 0.12 * neighbours)


def _spur_shift(corners: Points, spurs: Points) -> Points:
    """(V, 4 P, 2) shift of each outline point: osteophytes stretch a corner out along the endplate and a little into the disc."""
    count = 4 * POINTS_PER_EDGE
    behind = np.abs(np.arange(count)[None] - np.arange(0, count, POINTS_PER_EDGE)[:, None])
    weight = np.exp(-((np.minimum(behind, count - behind) / 1.1) ** 2))
    away = corners - corners.mean(1, keepdims=True)
    away = away / np.linalg.norm(away, axis=-1, keepdims=True)
    return np.asarray(np.einsum("vc,cp,vcx->vpx", spurs, weight, away))


def place(shape: Points, centre: Points, across: Points, down: Points, scale: float = 1.0) -> Points:
    """Carry (..., 2) local (u, v) into the patient's plane, u along `across` and v along `down`."""
    return np.asarray(centre + scale * (shape[..., :1] * across + shape[..., 1:] * down))


def axis_outline(centre: Points, across: Points, down: Points, scale: float) -> Points:
    """C2: body and dens, (K, 2) millimetres."""
    return place(rounded(_C2), centre, across, down, scale)


def atlas_outline(centre: Points, across: Points, down: Points, scale: float) -> Points:
    """C1: its ring from the side, over the tip of the dens, which the annotation gives to C1."""
    return place(rounded(_C1), centre, across, down, scale)
