"""What lies around the spine on a lateral lumbar film: trunk, lung and diaphragm, ribs, bowel gas, pelvis and sacrum."""

import numpy as np

from spinefm.data.synthetic.outlines import place, rounded
from spinefm.data.synthetic.rays import RayField
from spinefm.data.synthetic.spines import SimulatedSpine
from spinefm.data.synthetic.surroundings import add_cloud, add_gas, bar, curve


def draw_trunk(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Add everything but the vertebrae."""
    _tissue(soft, spine, rng)
    _lung(soft, spine, rng)
    _ribs(soft, spine, rng)
    _sacrum(soft, spine, rng)
    _pelvis(soft, spine, rng)
    front = spine.body("L3").centre + (-rng.uniform(45, 85), rng.uniform(-20, 40))
    add_gas(soft, front, (22, 45), int(rng.integers(2, 14)), rng.uniform(0.2, 0.5), rng)
    add_cloud(soft, 0.09, 6, rng)
    add_cloud(soft, 0.025, 35, rng)


def _tissue(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """The trunk: thickest through the spine and the hips, thinner to the belly and to the back's skin."""
    top, l3, s1 = spine.bodies[0].centre, spine.body("L3").centre, spine.body("S1").centre
    back, front = rng.uniform(68, 100), rng.uniform(95, 170)
    outline = np.array([top + (-front, -80), l3 + (-front * 1.05, 0), s1 + (-front, 120), s1 + (back + 30, 120), s1 + (back + 5, 10),
                        l3 + (back, 0), top + (back + 8, -10), top + (back, -80)])  # fmt: skip
    soft.add(rounded(outline, 2), rng.uniform(3.2, 4.4), depth_mm=rng.uniform(70, 110), blur_mm=1)
    # Paraspinal muscle and fat behind, hips below.
    soft.add(rounded(np.array([s1 + (-110, -10), s1 + (0, -45), s1 + (80, -5), s1 + (90, 150), s1 + (-120, 150)]), 2),
             rng.uniform(0.3, 1.0), depth_mm=60, blur_mm=8)  # fmt: skip


def _lung(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Lungs above the two domes of the diaphragm, behind which the lower thoracic bodies show up dark."""
    base = spine.body("T12", "L1").centre + (0, rng.normal(-8, 14))
    for side in (0.0, rng.uniform(4, 16)):
        dome = np.array([(48, 34), (22, 16), (-20, -12), (-60, -34), (-110, -36), (-160, -10), (-160, -160), (60, -160)]) + (0, -side)
        soft.add(rounded(base + dome + rng.normal(0, 3, dome.shape), 2), -rng.uniform(0.35, 0.75), depth_mm=25, blur_mm=0.8)


def _ribs(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Ribs of both sides, from behind the bodies forwards and down."""
    for body in spine.bodies:
        if not body.level.startswith("T"):
            continue
        reach = {"T12": 0.45, "T13": 0.3, "T11": 0.75}.get(body.level, 1.0) * rng.normal(1, 0.1)
        for shift in (rng.normal(0, 3, 2), rng.normal((3, 4), 4)):
            path = np.array([(20, -10), (34, 0), (36, 16), (10, 40), (-40, 74), (-90, 96)], dtype=np.float64)
            path[3:] = path[2] + (path[3:] - path[2]) * reach
            soft.add(bar(curve(body.centre + path + shift), rng.uniform(7, 10)), 0.1, 0.16, 1.0, 3, 0.5)


def _sacrum(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """S2 to S4 below the annotated S1, its wing beside them and the crest behind."""
    s1 = spine.bodies[-1]
    angle = np.arctan2(s1.down[0], s1.down[1])
    centre, breadth = s1.centre + s1.down * s1.height / 2, 0.72 * s1.breadth
    for index in range(3):
        angle += np.radians(rng.uniform(4, 10)) * (1 if index < 1 else -1.2)
        down, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
        height = 24.0 - 2 * index
        box = np.array([(-0.5, 0.06), (0.5, 0.06), (0.4, 0.97), (-0.4, 0.97)]) * (breadth, height)
        soft.add(place(rounded(box), centre, across, down), 0.22, 0.2, 0.9, 6, 0.3)
        centre, breadth = centre + down * height, 0.8 * breadth
    crest = np.array([(0.5, -0.9), (0.95, -0.8), (1.3, 0.2), (1.5, 2.0), (1.2, 3.5), (0.7, 2.2), (0.6, 0.5)]) * (s1.breadth / 2, s1.height / 2)
    soft.add(place(rounded(crest, 2), s1.centre + s1.across * 6, s1.across, s1.down), 0.22, 0.12, 1.2, 6, 0.5)
    wing = np.array([(-0.9, -0.7), (0.8, -0.9), (1.1, 0.6), (0.9, 2.4), (0.0, 2.0), (-0.7, 0.8)]) * (s1.breadth / 2, s1.height / 2)
    soft.add(place(rounded(wing, 2), s1.centre, s1.across, s1.down), 0.12, 0.06, 1.2, 8, 1)


def _pelvis(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Both iliac wings over L5 and the sacrum, crest about at L4/L5."""
    crest = spine.body("L4").centre + (0, rng.normal(18, 8))
    for shift in (rng.normal(0, 4, 2), rng.normal((0, 6), 7)):
        wing = np.array([(-62, 60), (-58, 36), (-36, 10), (0, -2), (34, 6), (60, 30), (72, 62), (52, 88), (30, 92), (18, 120), (-30, 140), (-50, 100)])
        soft.add(rounded(crest + wing + shift, 2), rng.uniform(0.12, 0.3), 0.2, 1.6, 10, 0.5)
    line = curve(crest + np.array([(-46, 110), (-20, 88), (4, 60), (24, 44)]) + rng.normal(0, 4, 2))
    soft.stroke(line, 0.25, 2.0, 0.5)
    for shift in (0.0, rng.uniform(4, 16)):
        hip = crest + (-20 + shift, 175 + shift)
        angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        soft.add(hip + 27 * np.stack([np.cos(angle), np.sin(angle)], axis=1), 0.5, 0.2, 1.5, 14, 0.5)
