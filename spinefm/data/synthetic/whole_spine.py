"""What lies around the spine on an AP whole-spine film: trunk, lungs, heart, ribs, shoulder girdle, bowel gas, pelvis."""

import numpy as np

from spinefm.data.synthetic.outlines import Points, place, rounded
from spinefm.data.synthetic.rays import RayField
from spinefm.data.synthetic.spines import SimulatedSpine
from spinefm.data.synthetic.surroundings import add_cloud, add_clutter, add_gas, bar, blob, curve, taper

SIDES = (-1.0, 1.0)


def draw_body(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Add everything but the vertebrae."""
    chest = rng.uniform(100, 128)
    middle = _middle(spine)
    _trunk(soft, middle, chest, spine, rng)
    _lungs(soft, middle, chest, spine, rng)
    _belly(soft, middle, chest, spine, rng)
    _heart(soft, middle, chest, spine, rng)
    _ribs(soft, middle, chest, spine, rng)
    _girdle(soft, middle, chest, spine, rng)
    _bowel(soft, middle, spine, rng)
    _pelvis(soft, spine, rng)
    _airway(soft, spine, rng)
    add_clutter(soft, 8, 110, spine.body("T12", "T11").centre, rng)
    add_cloud(soft, rng.uniform(0.03, 0.07), 4, rng)


def _middle(spine: SimulatedSpine) -> float:
    """x of the trunk's midline: a scoliotic spine swings about it, while the chest wall follows only in part."""
    return float(np.mean([body.centre[0] for body in spine.bodies]))


def _bent(outline: Points, middle: float, chest: float, spine: SimulatedSpine) -> Points:
    """Move an outline sideways with the spine: what lies close to the midline goes along, the chest wall less."""
    x, y = np.array([body.centre for body in spine.bodies]).T
    share = 0.9 - 0.6 * np.clip(np.abs(outline[..., 0] - middle) / chest, 0, 1)
    return np.asarray(outline + np.stack([share * np.interp(outline[..., 1], y, x - middle), np.zeros_like(share)], axis=-1))


def _y(spine: SimulatedSpine, *levels: str) -> float:
    return float(spine.body(*levels).centre[1])


def _mirrored(right_half: Points, middle: float) -> Points:
    """Close a left-right symmetric outline from its right half (x counted from the midline)."""
    left = right_half[::-1] * (-1.0, 1.0)
    return np.concatenate([right_half, left]) + (middle, 0.0)


def _trunk(soft: RayField, middle: float, chest: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Neck, shoulders, chest and belly as one rounded solid; the belly is denser than the chest because it holds no air."""
    t1, t6, l2, l5 = (_y(spine, level) for level in ("T1", "T6", "L2", "L5"))
    half = np.array([(52, t1 - 120), (50, t1 - 45), (62, t1 - 22), (chest + 40, t1 - 4), (chest + 75, t1 + 40), (chest + 45, t6),
                     (chest + 14, l2 - 30), (chest + 8, l2 + 10), (chest + 38, l5), (chest + 45, l5 + 160)])  # fmt: skip
    outline = _bent(rounded(_mirrored(half, middle), 2), middle, chest, spine)
    soft.add(outline, rng.uniform(2.2, 2.9), depth_mm=rng.uniform(60, 90), blur_mm=1)
    if rng.random() < 0.35:
        for side in SIDES:
            breast = (middle + side * rng.uniform(62, 84), _y(spine, "T9") + rng.uniform(-15, 20))
            soft.add(
                blob(np.array(breast), (rng.uniform(38, 52), rng.uniform(36, 56)), rng, 0.06),
                rng.uniform(0.15, 0.5),
                depth_mm=35,
                blur_mm=1,
            )


def _lungs(soft: RayField, middle: float, chest: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Air on both sides of the mediastinum, above the domes of the diaphragm, with vessels that thin out from the hilum."""
    t1, t4, t10 = (_y(spine, level) for level in ("T1", "T4", "T10"))
    air = rng.uniform(0.5, 1.25)
    for side in SIDES:
        base = t10 + rng.uniform(-10, 28) + (6 if side > 0 else 0)
        inner = rng.uniform(11, 20) if side < 0 else rng.uniform(16, 26)
        half = np.array([(inner + 8, t1 + 12), (38, t1 - 2), (64, t1 + 10), (chest - 22, t4 - 4), (chest - 7, t4 + 50),
                         (chest - 3, base - 30), (chest - 2, base + 26), (chest - 16, base - 2), (chest * 0.55, base - 20),
                         (inner + 12, base - 8), (inner, base - 30), (inner - 3, t4 + 40), (inner + 2, t4)])  # fmt: skip
        outline = rounded((half + rng.normal(0, 2.5, half.shape)) * (side, 1.0), 2) + (middle, 0.0)
        soft.add(_bent(outline, middle, chest, spine), -air, depth_mm=26, blur_mm=0.9)
        hilum = np.array([middle + side * 32, t4 + 55])
        vessels = [_vessel(hilum, side, rng) for _ in range(10)]
        soft.add(_bent(np.stack(vessels), middle, chest, spine), rng.uniform(0.06, 0.14), blur_mm=0.9)


def _vessel(hilum: Points, side: float, rng: np.random.Generator) -> Points:
    """Outline of a vessel that thins out from the hilum into the lung."""
    angle, reach = rng.uniform(-1.1, 1.3), rng.uniform(25, 75)
    end = hilum + reach * np.array([side * np.cos(angle), np.sin(angle)])
    path = curve(np.array([hilum + rng.normal(0, 5, 2), (hilum + end) / 2 + rng.normal(0, 5, 2), end]), 8)
    return bar(path, np.linspace(rng.uniform(3, 6), 0.8, 8))


def _belly(soft: RayField, middle: float, chest: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Liver, spleen and gut fill the trunk below the diaphragm, where the chest has air in front of and behind the spine."""
    top, hip = _y(spine, "T10") + rng.uniform(-4, 16), _y(spine, "L5") + 220
    half = np.array([(0, top - 34), (26, top - 24), (52, top - 16), (chest - 20, top - 6), (chest + 6, top + 40), (chest + 20, hip)])
    soft.add(rounded(_mirrored(half, middle), 2), rng.uniform(0.45, 1.05), depth_mm=rng.uniform(25, 60), blur_mm=1.5)


def _heart(soft: RayField, middle: float, chest: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Heart to the patient's left, aortic knob, mediastinum and the muscles along the spine."""
    t4, t7, t10 = (_y(spine, level) for level in ("T4", "T7", "T10"))
    size = rng.uniform(0.85, 1.35)
    heart = np.array([(-8, t7 - 12), (8, t7 - 50), (26, t7 - 32), (46 * size, t7), (68 * size, t10 - 30), (72 * size, t10 - 8),
                      (44, t10 - 2), (10, t10 - 8), (-26 * size, t10 - 22), (-22 * size, t7 + 14)])  # fmt: skip
    soft.add(_bent(rounded(heart, 2) + (middle, 0.0), middle, chest, spine), rng.uniform(0.25, 0.8), depth_mm=20, blur_mm=1.0)
    arch = blob(np.array([middle + 22, t4 + 14]), (11, 13), rng)
    soft.add(_bent(arch, middle, chest, spine), rng.uniform(0.15, 0.4), depth_mm=8, blur_mm=0.8)
    # Muscle and ligament go along with a bent spine, also where it leaves the mediastinum.
    column = curve(np.array([body.centre for body in spine.bodies if body.level.startswith("T")]), 30)
    soft.add(taper(column, rng.uniform(32, 50)), rng.uniform(0.1, 0.4), depth_mm=rng.uniform(14, 22), blur_mm=rng.uniform(1, 3))
    mediastinum = curve(np.array([(middle, t4 - 70), (middle + 2, t4), (middle + 6, t7), (middle + 4, t10 + 20)]))
    soft.add(_bent(bar(mediastinum, rng.uniform(30, 44)), middle, chest, spine), 0.1, depth_mm=16, blur_mm=2)


# Reach and fall of the ribs T1 to T13, shares of the chest's half width and millimetres.
_REACH = np.array([0.5, 0.7, 0.84, 0.92, 0.97, 1.0, 1.02, 1.03, 1.03, 1.0, 0.9, 0.62, 0.4])
_FALL = np.array([26, 44, 58, 68, 76, 84, 92, 98, 108, 118, 110, 90, 60])


def _ribs(soft: RayField, middle: float, chest: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Twelve pairs: from the body outwards and down to the chest wall, then fainter inwards along the front."""
    fall, bright, width = rng.uniform(0.75, 1.2), rng.uniform(1.0, 2.4), rng.uniform(6, 9)
    for body in (body for body in spine.bodies if body.level.startswith("T")):
        index = int(body.level[1:]) - 1
        for side in SIDES:
            clear = bright * (0.35 if index >= 9 else 1.0)  # behind liver and gut little is seen of them
            start = body.centre + side * body.across * body.breadth * 0.48 - body.down * 0.25 * body.height
            reach = abs(middle + side * _REACH[index] * chest - start[0])
            if index >= 10:
                # The last two pairs float: they run down and out and stop.
                path = curve(start + np.array([(0, 0), (side * 0.3 * reach, 6), (side * 0.75 * reach, 0.5 * _FALL[index]),
                                               (side * 0.95 * reach, 0.9 * _FALL[index])]) * (1, fall))  # fmt: skip
                soft.add(taper(path, 0.9 * width), 0.1 * clear, 0.12 * clear, 0.9, 3, 0.4)
                continue
            front = _rib_arch(soft, start, side * reach, fall * _FALL[index], index, (width * rng.normal(1, 0.08), clear), rng)
            soft.add(front, 0.06 * clear, 0.06 * clear, 1.2, 3, 0.8)


def _rib_arch(
    soft: RayField, start: Points, reach: float, fall: float, index: int, look: tuple[float, float], rng: np.random.Generator
) -> Points:
    """Add the back of one rib, up to the chest wall, and return the outline of its front."""
    width, bright = look
    phi = np.linspace(0, np.radians(150) * rng.normal(1, 0.05), 30)
    lift = 11 if index < 9 else 5
    x = start[0] + reach * np.sin(phi)
    y = start[1] + fall * (1 - np.cos(phi)) * 0.58 - lift * np.sin(2 * np.clip(phi, 0, np.pi / 2))
    path = np.stack([x, y], axis=1)
    turn = int(np.searchsorted(phi, np.radians(88)))
    soft.add(bar(path[: turn + 2], np.linspace(0.8, 1.1, turn + 2) * width), 0.11 * bright, 0.15 * bright, 0.9, 3, 0.35)
    return bar(path[turn:], 1.3 * width)


def _girdle(soft: RayField, middle: float, chest: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Clavicles, shoulder blades, and the skull base or the jaw where the film reaches up to it."""
    t1, t3 = _y(spine, "T1"), _y(spine, "T3")
    lift = rng.uniform(-18, 22)
    for side in SIDES:
        knots = np.array([(14, t3 + 4), (36, t3 - 6), (70, t1 + 2 - lift / 2), (chest + 10, t1 - 8 - lift), (chest + 45, t1 - 4 - lift)])
        soft.add(bar(curve(knots * (side, 1.0)) + (middle, 0.0), rng.uniform(10, 13)), 0.16, 0.22, 1.1, 4, 0.4)
        blade = np.array([(chest + 20, t1 + 8), (chest - 12, t1 + 20), (chest - 30, t3 + 10), (chest - 14, t3 + 80), (chest + 2, t3 + 100),
                          (chest + 22, t3 + 30)]) * (side, 1.0)  # fmt: skip
        soft.add(rounded(blade, 2) + (middle + rng.normal(0, 5), rng.normal(0, 8)), 0.12, 0.14, 1.4, 6, 0.5)
        soft.add(blob(np.array([middle + side * (chest + 42), t1 + 26]), (23, 23), rng, 0.05), 0.4, 0.15, 1.5, 12, 0.5)
    top = spine.bodies[0].centre
    jaw = np.array([(-48, -70), (-44, -30), (-26, -8), (0, -2), (26, -8), (44, -30), (48, -70)]) + (0, rng.uniform(-24, -6))
    soft.add(rounded(jaw, 2) + top, rng.uniform(0.8, 1.4), 0.3, 2.5, 20, 0.6)


def _bowel(soft: RayField, middle: float, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Stomach bubble under the left dome, gas in both colic corners, mottled faeces."""
    t12, l4 = _y(spine, "T12", "T11"), _y(spine, "L4")
    if rng.random() < 0.65:
        bubble = np.array([middle + rng.uniform(38, 70), t12 + rng.uniform(-16, 12)])
        soft.add(blob(bubble, (rng.uniform(12, 28), rng.uniform(9, 20)), rng), -rng.uniform(0.3, 0.9), depth_mm=10, blur_mm=0.7)
    for side in SIDES:
        corner = np.array([middle + side * rng.uniform(62, 95), l4 + rng.uniform(-35, 35)])
        add_gas(soft, corner, (16, 30), int(rng.integers(1, 14)), rng.uniform(0.15, 0.6), rng)
    if rng.random() < 0.4:
        add_gas(soft, np.array([middle, l4 - 10]), (45, 25), int(rng.integers(3, 10)), rng.uniform(0.1, 0.4), rng)


def _pelvis(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Sacrum with its holes below the last body, iliac wings, sacroiliac joints."""
    s1 = spine.bodies[-1]
    across, down, centre = s1.across, s1.down, s1.centre
    hips = centre * (1.0, 1.0)
    sacrum = np.array(
        [(-27, -10), (-50, -8), (-56, 8), (-46, 36), (-22, 80), (-10, 100), (10, 100), (22, 80), (46, 36), (56, 8), (50, -8), (27, -10)]
    )
    soft.add(place(rounded(sacrum, 2), centre, across, down), 0.24, 0.12, 1.2, 10, 0.5)
    for row in range(3):
        for side in SIDES:
            hole = blob(np.array([side * (22 - 2.5 * row), 16 + 23 * row]), (5, 4), rng, 0.1)
            soft.add(place(hole, centre, across, down), -0.12, 0.12, 0.8, 3, 0.4)
        arc = np.stack([np.linspace(-30, 30, 12), 10 + 23 * row + 3 * np.cos(np.linspace(-3, 3, 12))], axis=1)
        soft.stroke(place(arc, centre, across, down), 0.16, 1.2, 0.3)
    for side in SIDES:
        crest = rng.uniform(-30, -14)
        wing = np.array([(40, -6), (52, crest + 8), (80, crest - 4), (112, crest + 6), (134, crest + 40), (128, 62), (96, 92), (70, 100),
                         (52, 70), (46, 36)]) * (side, 1.0)  # fmt: skip
        soft.add(rounded(wing + rng.normal(0, 2, wing.shape), 2) + hips, 0.26, 0.3, 1.8, 8, 0.5)
        joint = curve(np.array([(46, -4), (51, 16), (45, 40), (38, 58)]) * (side, 1.0))
        soft.stroke(joint + hips, 0.22, 1.6, 0.4)
        soft.stroke(joint + hips + (side * 2.8, 0), -0.14, 1.6, 0.4)


def _airway(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """The trachea's dark column over C5 to T4, parted into both main bronchi."""
    levels = ("C4", "C5", "C6", "C7", "T1", "T2", "T3", "T4")
    path = np.array([spine.body(level).centre for level in levels])
    # A windpipe is straighter than a scoliotic spine.
    path[:, 0] = 0.5 * path[:, 0] + 0.5 * path[:, 0].mean() + rng.normal(2, 3)
    width = rng.uniform(13, 18)
    soft.add(bar(curve(path), np.linspace(0.6, 1.0, 24) * width), -rng.uniform(0.22, 0.45), depth_mm=5, blur_mm=0.8)
    for side in SIDES:
        soft.add(bar(curve(path[-1] + np.array([(0, -3), (side * 12, 10), (side * 30, 22)]), 10), 9), -0.18, depth_mm=3, blur_mm=0.9)
