"""Vertebrae seen from the front: bodies whose endplates the ray meets at a slant, discs between them, and what lies behind."""

from itertools import pairwise

import numpy as np

from spinefm.anatomy import level_index, region
from spinefm.data.synthetic.outlines import POINTS_PER_EDGE, Points, place, rounded
from spinefm.data.synthetic.rays import RayField
from spinefm.data.synthetic.spines import Body, SimulatedSpine
from spinefm.data.synthetic.surroundings import curve

RODS_RATE = 0.03
"""Share of the spines that were straightened by surgery."""
SIDES = np.array([-1.0, 1.0])
_ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)

# Shapes in half breadths and half heights of the body, (-1, -1) its upper left corner.
_TRANSVERSE = np.array([(0.75, -0.55), (1.25, -0.62), (1.75, -0.75), (1.8, -0.45), (1.3, -0.25), (0.8, -0.1)])
_LAMINAE = np.array([(-0.62, -0.5), (-0.2, -0.1), (0.2, -0.1), (0.62, -0.5), (0.5, 0.3), (0.62, 1.2), (0.3, 1.35), (0.0, 0.8),
                     (-0.3, 1.35), (-0.62, 1.2), (-0.5, 0.3)])  # fmt: skip

_SLANT = (("C4", 12.0), ("T1", 20.0), ("T4", 11.0), ("T7", 0.0), ("T11", -9.0), ("L2", -6.0), ("L3", 2.0), ("L4", 10.0), ("L5", 22.0),
          ("S1", 38.0))  # fmt: skip
"""How far the endplates of a usual spine, seen from the side, are from level, degrees."""


def draw_frontal_vertebrae(field: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Add every vertebra of a spine and the discs between them, the un-annotated neighbours included."""
    density, core = rng.uniform(0.65, 1.25), rng.uniform(0.08, 0.22)
    wall, disc, curved = rng.uniform(0.14, 0.4), rng.uniform(0.0, 0.6) * core * density, rng.normal(0.8, 0.35)
    for upper, lower in pairwise(spine.bodies):
        # Lumbar discs are as thick as the trunk is there, and gut and muscle lie before and behind them.
        share = 2.0 if region(upper.level) == "lumbar" else 1.0
        field.add(_disc(upper, lower), share * disc, depth_mm=0.1 * upper.breadth, blur_mm=0.6)
    for body in spine.bodies:
        own = density * rng.normal(1.0, 0.06)
        _draw_body(field, body, core * own, wall * own, np.radians(curved * slant(body.level) + rng.normal(0, 3)), rng)
        if body.level != "S1":
            _draw_posterior(field, body, own, rng)
    if rng.random() < RODS_RATE:
        _draw_rods(field, spine, rng)


def slant(level: str) -> float:
    """Degrees from level of a usual body's endplates, seen from the side; positive where its front is the lower."""
    return float(np.interp(level_index(level), [level_index(name) for name, _ in _SLANT], [angle for _, angle in _SLANT]))


def _disc(upper: Body, lower: Body) -> Points:
    """Outline between the lower endplate of one body and the upper one of the next."""
    return np.concatenate([upper.outline[2 * POINTS_PER_EDGE : 3 * POINTS_PER_EDGE + 1], lower.outline[: POINTS_PER_EDGE + 1]])


def _draw_body(field: RayField, body: Body, core: float, wall: float, angle: float, rng: np.random.Generator) -> None:
    """Spongy bone in a dense wall, closed by endplates that are ellipses, as the ray seldom runs along them."""
    if body.level == "S1":
        # Only the promontory is a body; wing and sacrum are added as surroundings.
        core, wall = 0.4 * core, 0.4 * wall
    if region(body.level) == "lumbar":
        wall *= 1.2
    field.add(body.outline, core, wall, rng.uniform(1.0, 2.5), 0.12 * body.breadth)
    depth = 0.28 * body.breadth
    half = np.array([body.breadth / 2, max(depth * abs(np.sin(angle)), 0.5)])
    plates = np.stack([place(_CIRCLE * half, body.centre + v * body.height / 2 * body.down, body.across, body.down) for v in SIDES])
    field.add(plates, 0.15 * core, rng.uniform(0.5, 1.0) * wall, rng.uniform(0.7, 1.3), blur_mm=rng.uniform(0.2, 0.7))


def _draw_posterior(field: RayField, body: Body, density: float, rng: np.random.Generator) -> None:
    """Pedicles as rings on the body, laminae and facets down to the next one, spinous process in the midline, transverse processes."""
    lumbar, shift = region(body.level) == "lumbar", 0.35 * body.twist
    bold = density * (1.0 if lumbar else 0.5) * rng.uniform(0.6, 1.2)
    pedicles = np.stack([_oval(side * 0.68 + shift, -0.28, 0.15 - 0.04 * side * body.twist, 0.38) for side in SIDES])
    field.add(_placed(pedicles, body, rng, 0.02), 0.06 * bold, 0.28 * bold, 1.2, 0.0, 0.5)
    wings = rounded(np.stack([_TRANSVERSE * (side, 1.0) for side in SIDES]))
    field.add(_placed(wings, body, rng, 0.06), 0.09 * bold, 0.07 * bold, 0.7, 2.5, 0.4)
    facets = np.stack([_oval(side * 0.62 + shift, 1.12, 0.2, 0.62) for side in SIDES])
    field.add(_placed(facets, body, rng, 0.05), 0.11 * bold, 0.06 * bold, 0.8, 2.0, 0.6)
    field.add(_placed(rounded(_LAMINAE + (shift, 0)), body, rng, 0.06), 0.05 * bold, 0.03 * bold, 0.8, 2.0, 0.6)
    spinous = _oval(1.2 * shift, 0.75 if lumbar else 0.95, 0.1, 0.6 if lumbar else 0.42)
    field.add(_placed(spinous, body, rng, 0.02), 0.05 * bold, 0.12 * bold, 1.0, 0.0, 0.4)


def _draw_rods(field: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Two rods on the spine from a thoracic level to a lumbar one, held by a screw in most pedicles."""
    held = [body for body in spine.bodies if region(body.level) in ("thoracic", "lumbar")]
    held = held[int(rng.integers(1, 5)) : len(held) - int(rng.integers(0, 6))]
    for side in SIDES:
        path = np.array([body.centre + 0.3 * side * body.breadth * body.across for body in held])
        field.stroke(curve(path, 40), rng.uniform(1.5, 3.5), rng.uniform(4.5, 6.5))
        screws = np.stack([path, path + rng.uniform((0, -3), (9, 3), path.shape) * (side, 1.0)], axis=1)
        if (chosen := rng.random(len(path)) < 0.7).any():
            field.stroke(screws[chosen], rng.uniform(1.5, 3.5), 5.5)


def _oval(u: float, v: float, radius_u: float, radius_v: float) -> Points:
    return np.asarray(_CIRCLE * (radius_u, radius_v) + (u, v))


def _placed(shape: Points, body: Body, rng: np.random.Generator, spread: float) -> Points:
    """Carry a shape in halves of the body into the patient's plane, its points shifted at random."""
    return place((shape + rng.normal(0, spread, shape.shape)) * (body.breadth / 2, body.height / 2), body.centre, body.across, body.down)
