"""Vertebrae seen from the side: dense shells and endplates around spongy bone, and the posterior elements."""

import numpy as np

from spinefm.anatomy import region
from spinefm.data.synthetic.outlines import POINTS_PER_EDGE, Points, place, rounded
from spinefm.data.synthetic.rays import RayField
from spinefm.data.synthetic.spines import Body, SimulatedSpine
from spinefm.structures import View

Shape = tuple[tuple[float, float], ...]

# All shapes below are (u, v) in half breadths and half heights of the body, (-1, -1) its upper front corner.
_PILLAR: Shape = ((0.75, -0.7), (0.95, -1.75), (1.25, -1.85), (2.35, -0.75), (2.45, 0.2), (2.4, 1.35), (2.15, 1.5), (0.85, 0.45))
_AXIS_MASS: Shape = ((-0.3, -0.75), (0.7, -1.0), (1.5, -0.7), (2.4, -0.2), (2.6, 0.9), (2.2, 1.6), (1.4, 1.2), (0.6, 0.4))
_NECK_LAMINA: Shape = ((2.0, -0.7), (3.0, -0.6), (3.3, 1.1), (2.2, 1.2))
_PEDICLE: Shape = ((0.8, -0.8), (1.5, -0.7), (1.55, -0.05), (0.8, 0.05))
_UPPER_FACET: Shape = ((1.3, -0.55), (1.45, -1.45), (1.7, -1.6), (1.95, -0.75), (1.85, -0.1), (1.4, 0.0))
_LOWER_FACET: Shape = ((1.45, -0.3), (1.95, -0.5), (2.2, 0.5), (2.15, 1.55), (1.85, 1.7), (1.6, 0.9))
_HATCHET: Shape = ((1.7, -0.3), (2.7, -0.1), (3.5, 0.15), (3.75, 0.7), (3.65, 1.25), (3.1, 1.3), (1.9, 1.0))
_SLANTED: Shape = ((2.0, -0.2), (2.5, 0.2), (3.4, 1.5), (3.4, 2.2), (3.1, 2.1), (2.1, 0.9))
_CORES = {View.LATERAL_CERVICAL: (0.26, 0.42), View.LATERAL_LUMBAR: (0.28, 0.48)}
"""Attenuation of a body's spongy bone, least and most."""
_SPINOUS_LENGTHS = {"C2": 5.3, "C3": 4.4, "C4": 4.4, "C5": 4.7, "C6": 5.6, "C7": 6.8}


def draw_lateral_vertebrae(field: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Add every vertebra of a spine, the un-annotated neighbours included."""
    density, core = rng.uniform(0.65, 1.25), rng.uniform(*_CORES[spine.view])
    draw_posterior = {View.LATERAL_CERVICAL: _neck_posterior, View.LATERAL_LUMBAR: _back_posterior}[spine.view]
    for body in spine.bodies:
        own = density * rng.normal(1.0, 0.06)
        _draw_body(field, body, own, core, rng)
        draw_posterior(field, body, own, rng)


def _draw_body(field: RayField, body: Body, density: float, core: float, rng: np.random.Generator) -> None:
    """Spongy core, cortical walls at the edge and the two endplates as thin dense lines."""
    if body.level == "C1":
        return _draw_atlas(field, body, density)
    if body.level == "S1":
        # Its front end only is solid bone; wing, sacrum and pelvis are added as surroundings.
        core *= 0.65
    depth = 0.22 * body.breadth
    # The walls of the near and the far side do not coincide unless the patient stands exactly square to the beam.
    for share, shift in ((0.6, 0.0), (0.4, rng.normal(0, 0.8))):
        field.add(body.outline + shift * body.across, share * core * density, share * 0.2 * density, 0.6, depth)
    if body.level == "C2":
        field.add(body.outline[:20], 0.1 * density, 0.1 * density, 0.6)
        return None
    plate = rng.uniform(0.16, 0.3) * density
    paths = np.stack([body.outline[start : start + POINTS_PER_EDGE + 1] for start in (0, 2 * POINTS_PER_EDGE)])
    field.stroke(paths, plate, 0.9, 0.15)
    # The far rim of the endplate lies a little off the near one, unless the ray runs exactly along it.
    inward = body.down * (rng.uniform(0.06, 0.13, (2, 1, 1)) * body.height * [[[1.0]], [[-1.0]]])
    field.stroke(paths[:, 1:-1] + inward, 0.5 * plate, 0.7, 0.25)
    return None


def _draw_atlas(field: RayField, body: Body, density: float) -> None:
    """C1: dense anterior arch, broad faint lateral mass, posterior arch."""
    scale = float(np.linalg.norm(body.outline[0] - body.centre)) / 12.2
    arch = np.array([(-12.4, 0), (-12, -4), (-9.8, -6.6), (-7.2, -5), (-6.6, 0), (-7.4, 5.6), (-10.6, 5)])
    mass = np.array([(-6, -7), (0, -8.8), (6, -8), (8.5, -4), (7.8, 7.4), (3, 8.6), (-3, 8), (-5, 2)])
    back = np.array([(6, -4.6), (14, -3.4), (21, -3.2), (29, -4.8), (35, -6), (38, -3), (37, 2), (31, 3.6), (22, 2.6), (6, 4)])
    for shape, core, rim in ((arch, 0.34, 0.2), (mass, 0.3, 0.08), (back, 0.2, 0.2)):
        outline = place(rounded(shape), body.centre, body.across, body.down, scale)
        field.add(outline, core * density, rim * density, 0.7, 2.5)


def _place(shape: Shape | Points, body: Body, rng: np.random.Generator, spread: float = 0.06, rounds: int = 1) -> Points:
    local = np.asarray(shape, dtype=np.float64)
    local = local + rng.normal(0, spread, local.shape)
    scaled = rounded(local, rounds) * (body.breadth / 2, body.height / 2)
    return place(scaled, body.centre, body.across, body.down)


def _neck_posterior(field: RayField, body: Body, density: float, rng: np.random.Generator) -> None:
    """Articular pillars of both sides, lamina with its dense spinolaminar line, spinous process."""
    if body.level == "C1":
        return
    if body.level == "C2":
        field.add(_place(_AXIS_MASS, body, rng), 0.14 * density, 0.06 * density, 0.7, 3.0, 0.2)
    else:
        spread, tip_off = rng.normal(0, 0.9, 2)
        # The two sides never cover each other exactly.
        for side in (-1.0, 1.0):
            pillar = _place(_PILLAR, body, rng, 0.09) + body.across * side * spread + body.down * side * tip_off
            field.add(pillar, 0.13 * density, 0.1 * density, 0.6, 2.0, 0.15)
    field.add(_place(_NECK_LAMINA, body, rng, 0.1), 0.16 * density, 0.05 * density, 0.7, 2.5, 0.3)
    length = _SPINOUS_LENGTHS.get(body.level, 6.6) * rng.normal(1.0, 0.06)
    tip = (length - 0.4, 0.75), (length, 1.25), (length - 0.35, 1.75)
    if body.level == "C2":
        tip = (length - 0.9, 0.1), (length, 0.9), (length - 0.5, 1.35)
    field.add(_place(((2.5, -0.5), (3.3, -0.35), *tip, (3.3, 1.15), (2.6, 1.2)), body, rng), 0.2 * density, 0.1 * density, 0.8, 3.5)
    line = place(np.array([(3.1, -0.45), (3.22, 0.2), (3.25, 0.9)]) * (body.breadth / 2, body.height / 2),
                 body.centre, body.across, body.down)  # fmt: skip
    field.stroke(line, 0.14 * density, 1.1, 0.3)


def _back_posterior(field: RayField, body: Body, density: float, rng: np.random.Generator) -> None:
    """Pedicles, facets and spinous process of a thoracic or lumbar vertebra seen from the side."""
    if body.level == "S1":
        return
    for shift in rng.normal(0, 0.8, 2):
        for shape, core in ((_PEDICLE, 0.12), (_UPPER_FACET, 0.14), (_LOWER_FACET, 0.14)):
            field.add(_place(shape, body, rng) + shift * body.across, core * density, 0.07 * density, 0.8, 3.0, 0.45)
    spinous = _SLANTED if region(body.level) == "thoracic" and body.level != "T12" else _HATCHET
    field.add(_place(spinous, body, rng), 0.15 * density, 0.05 * density, 1.2, 4.0, 0.5)
