"""Random spines in millimetres: where each body lies, how it is tilted, shaped and worn."""

from dataclasses import dataclass

import numpy as np

from spinefm.anatomy import level_index, region
from spinefm.data.synthetic.levels import ANNOTATED, SIZES, sample_levels
from spinefm.data.synthetic.outlines import Points, atlas_outline, axis_outline, body_outlines
from spinefm.structures import View


@dataclass(frozen=True, eq=False)
class Body:
    """One vertebra of a simulated spine; x and y in millimetres, y down, the front of a lateral patient to the left.

    Attributes:
        level: Anatomical name.
        corners: (4, 2) upper front, upper back, lower back, lower front (AP: upper left, then clockwise).
        outline: (K, 2) closed.
        centre: (2,) of the body.
        across: (2,) unit vector to the back (AP: to the right of the film).
        down: (2,) unit vector to the feet.
        breadth: Of the body along `across`.
        height: Of the body along `down`.
        twist: Axial rotation, -1..1; moves pedicles and spinous process on an AP film.
        annotated: Whether the film's reader would outline it.
    """

    level: str
    corners: Points
    outline: Points
    centre: Points
    across: Points
    down: Points
    breadth: float
    height: float
    twist: float
    annotated: bool


@dataclass(frozen=True, eq=False)
class SimulatedSpine:
    """Bodies from head to foot.

    Attributes:
        view: Projection it was made for.
        bodies: From head to foot, drawn ones beyond the annotated included.
        variants: Names of what is unusual, such as "extra L6", "slip" or "wedge".
    """

    view: View
    bodies: tuple[Body, ...]
    variants: frozenset[str]

    def body(self, *levels: str) -> Body:
        """The first of `levels` that this spine has; its last body if it has none of them."""
        found = {body.level: body for body in self.bodies}
        return next((found[level] for level in levels if level in found), self.bodies[-1])


@dataclass(eq=False)
class _Draft:
    """The arrays of a spine under construction, V bodies each."""

    levels: tuple[str, ...]
    breadths: Points
    heights: Points
    discs: Points
    front_share: Points
    spurs: Points
    slips: Points
    variants: set[str]


def sample_spine(view: View, rng: np.random.Generator, curve_scale: float = 1.0) -> SimulatedSpine:
    """Draw one spine.

    Args:
        view: Projection and region; not `UNKNOWN`.
        rng: Everything random comes from here.
        curve_scale: Factor on the bends of a spine seen from the front.
    """
    levels, variants = sample_levels(view, rng)
    draft = _sizes(view, levels, set(variants), rng)
    if rng.random() < 0.35:
        _wear(draft, rng)
    if rng.random() < 0.12:
        _fracture(draft, rng)
    angles = _tilts(view, levels, draft.variants, curve_scale, rng)
    return _build(view, draft, angles, rng)


def _sizes(view: View, levels: tuple[str, ...], variants: set[str], rng: np.random.Generator) -> _Draft:
    table = np.array([[SIZES[view][level].breadth, SIZES[view][level].height, SIZES[view][level].disc] for level in levels])
    count = len(levels)
    build = rng.normal(1.0, (0.08, 0.06, 0.12), 3)
    table = table * build * rng.normal(1.0, (0.025, 0.025, 0.08), (count, 3))
    share = np.ones(count) + rng.normal(0, 0.025, count)
    if view is View.LATERAL_LUMBAR:
        share += np.array([0.12 if level in ("L5", "L6") else 0.0 for level in levels])
    if view is View.LATERAL_CERVICAL:
        share -= 0.03
    return _Draft(levels, table[:, 0], table[:, 1], np.maximum(table[:, 2], 1.5), share, np.zeros((count, 4)), np.zeros(count), variants)


def _wear(draft: _Draft, rng: np.random.Generator) -> None:
    """Narrow some discs, with osteophytes beside them and now and then a slip."""
    count = len(draft.levels)
    worn = rng.random(count) < np.array([0.1 if region(level) == "thoracic" else 0.3 for level in draft.levels])
    worn &= np.array([level not in ("C1", "S1") for level in draft.levels])
    draft.discs[worn] *= rng.uniform(0.3, 0.75, int(worn.sum()))
    spurs = np.minimum(rng.gamma(2.0, 0.06, (count, 4)), 0.3) * draft.heights[:, None] * (rng.random((count, 4)) < 0.75)
    draft.spurs[:, 2:] += spurs[:, 2:] * worn[:, None]
    draft.spurs[1:, :2] += spurs[1:, :2] * worn[:-1, None]
    # The back of a body grows small spurs only: the canal is behind it.
    draft.spurs[:, 1:3] *= 0.45
    slipped = worn & (rng.random(count) < 0.15) & np.array([region(level) != "thoracic" for level in draft.levels])
    draft.slips += slipped * rng.normal(-0.08, 0.06, count) * draft.breadths
    draft.variants |= {name for name, has in (("disc", worn.any()), ("spur", draft.spurs.any()), ("slip", slipped.any())) if has}


def _fracture(draft: _Draft, rng: np.random.Generator) -> None:
    """Wedge one or two bodies: their front gives way more than their back."""
    breakable = [i for i, level in enumerate(draft.levels) if region(level) in ("thoracic", "lumbar")]
    for index in rng.choice(breakable, int(rng.integers(1, 3)), replace=False):
        lost = rng.uniform(0.12, 0.45)
        draft.front_share[index] *= 1 - lost
        draft.heights[index] *= 1 - 0.15 * lost
    draft.variants.add("wedge")


_CURVES: dict[View, tuple[tuple[str, float, float], ...]] = {
    View.LATERAL_CERVICAL: (("C1", -6, 8), ("C3", -6, 6), ("C5", 4, 5), ("C7", 17, 6), ("T1", 24, 6), ("T3", 26, 6)),
    View.LATERAL_LUMBAR: (("T9", -8, 7), ("T12", -16, 6), ("L2", -10, 5), ("L3", -2, 5), ("L4", 9, 5), ("L5", 22, 6), ("S1", 40, 8)),
}
"""Tilt of the downward axis at some levels, degrees, positive to the back: mean and spread."""


def _tilts(view: View, levels: tuple[str, ...], variants: set[str], curve_scale: float, rng: np.random.Generator) -> Points:
    """(V,) radians."""
    if view is View.AP_SPINE:
        return np.radians(_scoliosis(len(levels), variants, curve_scale, rng))
    knots = _CURVES[view]
    strength = rng.normal(1.0, 0.25)
    if strength < 0.6:
        variants.add("flat")
    means = np.array([mean for _, mean, _ in knots])
    values = means.mean() + (means - means.mean()) * strength + rng.normal(0, 1, len(knots)) * [0.6 * spread for *_, spread in knots]
    positions = [level_index(level) for level, *_ in knots]
    smooth = np.interp([level_index(level) for level in levels], positions, values + rng.normal(0, 4))
    return np.asarray(np.radians(smooth + rng.normal(0, 1.2, len(levels))))


def _scoliosis(count: int, variants: set[str], curve_scale: float, rng: np.random.Generator) -> Points:
    """(V,) degrees: one to three opposite bends, upright at both ends."""
    s = np.linspace(0, 1, count)
    peak = curve_scale * min(float(rng.gamma(2.2, 6.5)), 34.0)
    if peak > 5:
        variants.add("scoliosis")
    turns, phase = rng.uniform(0.8, 1.7), rng.uniform(0.0, 1.0)
    bend = np.sin(2 * np.pi * (turns * s + phase)) * np.sin(np.pi * np.clip(0.08 + 0.88 * s, 0, 1)) ** 0.8
    return np.asarray(peak * bend * rng.choice([-1.0, 1.0]) + rng.normal(0, 2) + rng.normal(0, 1.3, count))


def _build(view: View, draft: _Draft, angles: Points, rng: np.random.Generator) -> SimulatedSpine:
    down = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    across = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    centres = _centres(draft, down, across)
    half = draft.breadths / 2
    front, back = draft.heights * draft.front_share / 2, draft.heights * (2 - draft.front_share) / 2
    taper = np.array([0.74 if level == "S1" else 1.03 for level in draft.levels])
    u = np.stack([-half, half, half * taper, -half * taper], axis=1)
    v = np.stack([-front, -back, back, front], axis=1)
    corners = centres[:, None] + u[..., None] * across[:, None] + v[..., None] * down[:, None]
    corners += rng.normal(0, 0.35, corners.shape)
    sag = _sags(view, draft, rng)
    outlines = body_outlines(corners, sag, draft.spurs)
    twist = np.clip(-np.gradient(angles) * 6 + rng.normal(0, 0.06), -0.8, 0.8)
    first, last = (level_index(level) for level in ANNOTATED[view])
    bodies = tuple(
        Body(level, corners[i], outlines[i], centres[i], across[i], down[i], float(draft.breadths[i]), float(draft.heights[i]),
             float(twist[i]), first <= level_index(level) <= last)
        for i, level in enumerate(draft.levels)
    )  # fmt: skip
    return SimulatedSpine(view, _with_craniocervical(bodies), frozenset(draft.variants))


def _centres(draft: _Draft, down: Points, across: Points) -> Points:
    """(V, 2): bodies and discs stacked along the axis, then the slips."""
    half = (draft.heights / 2)[:, None] * down
    discs = draft.discs[:-1, None] * (down[:-1] + down[1:]) / 2
    steps = half[:-1] + discs + half[1:]
    centres = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    # A slip carries along everything above it.
    shifts = np.cumsum((draft.slips[:, None] * across)[::-1], axis=0)[::-1]
    return np.asarray(centres + shifts, dtype=np.float64)


def _sags(view: View, draft: _Draft, rng: np.random.Generator) -> Points:
    """(V, 4) millimetres inwards, as for `body_outlines`."""
    plate, wall = (0.028, 0.036) if view is not View.AP_SPINE else (0.02, 0.05)
    usual = np.array([plate, wall * 0.7, plate * 1.3, wall])
    if view is View.AP_SPINE:
        usual = np.array([plate, wall, plate, wall])
    spread = rng.gamma(6.0, 1 / 6.0, (len(draft.levels), 4))
    return usual * spread * np.sqrt(draft.heights * draft.breadths)[:, None] * 1.2


def _with_craniocervical(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    """Replace the box-like outlines of C1 and C2, which have their own shapes."""
    if bodies[0].level != "C1":
        return bodies
    atlas, axis = bodies[:2]
    # C1 turns about the dens of C2, so its ring is placed from C2 and not from the stack of bodies.
    scale = axis.height / 19
    centre = axis.centre - 18.5 * scale * axis.down + 0.3 * axis.across
    ring = atlas_outline(centre, atlas.across, atlas.down, scale)
    tooth = axis_outline(axis.centre, axis.across, axis.down, scale)
    return _reshaped(atlas, ring, centre), _reshaped(axis, tooth, axis.centre), *bodies[2:]


def _reshaped(body: Body, outline: Points, centre: Points) -> Body:
    return Body(body.level, body.corners, outline, centre, body.across, body.down, body.breadth, body.height, body.twist, body.annotated)
