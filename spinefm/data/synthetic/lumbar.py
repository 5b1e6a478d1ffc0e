"""What lies around the spine on a lateral lumbar film: trunk, lung and diaphragm, ribs, bowel gas, pelvis and sacrum."""

import numpy as np

from spinefm.data.synthetic.outlines import place, rounded
from spinefm.data.synthetic.rays import RayField
from spinefm.data.synthetic.spines import SimulatedSpine
from spinefm.data.synthetic.surroundings import add_cloud, add_clutter, add_gas, blob, curve, taper


def draw_trunk(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Add everything but the vertebrae."""
    _tissue(soft, spine, rng)
    _lung(soft, spine, rng)
    _ribs(soft, spine, rng)
    _sacrum(soft, spine, rng)
    _pelvis(soft, spine, rng)
    front = spine.body("L3").centre + (-rng.uniform(45, 85), rng.uniform(-20, 40))
    add_gas(soft, front, (22, 45), int(rng.integers(2, 14)), rng.uniform(0.2, 0.5), rng)
    add_clutter(soft, 10, 70, spine.body("L3").centre, rng)
    add_cloud(soft, rng.uniform(0.03, 0.09), 4, rng)


def _tissue(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """The trunk: thickest through the spine and the hips, thinner to the belly and to the back's skin."""
    top, l3, s1 = spine.bodies[0].centre, spine.body("L3").centre, spine.body("S1").centre
    back, front = rng.uniform(72, 110), rng.uniform(130, 220)
    outline = np.array([top + (-front, -80), l3 + (-front * 1.05, 0), s1 + (-front, 120), s1 + (back + 30, 120), s1 + (back + 5, 10),
                        l3 + (back, 0), top + (back + 8, -10), top + (back, -80)])  # fmt: skip
    soft.add(rounded(outline, 2), rng.uniform(3.2, 4.4), depth_mm=rng.uniform(70, 110), blur_mm=1)
    # Paraspinal muscle and fat behind, hips below.
    soft.add(rounded(np.array([s1 + (-190, 30), s1 + (-60, -25), s1 + (20, -40), s1 + (130, -10), s1 + (160, 190), s1 + (-190, 190)]), 2),
             rng.uniform(0.2, 0.7), depth_mm=90, blur_mm=10)  # fmt: skip


def _lung(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Lungs above the two domes of the diaphragm, behind which the lower thoracic bodies show up dark."""
    base = spine.body("T12", "L1").centre + (0, rng.normal(-8, 14))
    for side in (0.0, rng.uniform(4, 16)):
        dome = np.array([(48, 34), (22, 16), (-20, -12), (-60, -34), (-110, -36), (-160, -10), (-160, -160), (60, -160)]) + (0, -side)
        soft.add(rounded(base + dome + rng.normal(0, 3, dome.shape), 2), -rng.uniform(0.2, 0.55), depth_mm=30, blur_mm=rng.uniform(0.8, 3))


def _ribs(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Ribs of both sides, from behind the bodies forwards and down."""
    for body in spine.bodies:
        if not body.level.startswith("T"):
            continue
        reach = {"T12": 0.6, "T13": 0.4, "T11": 0.85}.get(body.level, 1.0) * rng.normal(1, 0.1)
        for shift in (rng.normal(0, 3, 2), rng.normal((3, 4), 4)):
            path = np.array([(20, -10), (34, 0), (36, 16), (10, 40), (-40, 74), (-90, 96)], dtype=np.float64)
            path[3:] = path[2] + (path[3:] - path[2]) * reach
            soft.add(taper(curve(body.centre + path + shift, 30), rng.uniform(7, 10)), 0.08, 0.13, 1.2, 3, 0.7)


def _sacrum(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """S2 to S4 below the annotated S1, its wing beside them and the crest behind."""
    s1 = spine.bodies[-1]
    angle = float(np.arctan2(s1.down[0], s1.down[1]))
    centre = s1.centre + s1.down * s1.height / 2
    breadth = 0.72 * s1.breadth
    for index in range(3):
        angle += float(np.radians(rng.uniform(4, 10))) * (1 if index < 1 else -1.2)
        down, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
        height = 24.0 - 2 * index
        box = np.array([(-0.5, 0.04), (0.0, 0.06), (0.5, 0.04), (0.42, 0.5), (0.42, 0.97), (0.0, 0.95), (-0.42, 0.97), (-0.42, 0.5)])
        soft.add(place(rounded(box * (breadth, height)), centre, across, down), 0.16, 0.14, 1.0, 6, 0.6)
        centre = centre + down * height
        breadth *= 0.8
    half = np.array([s1.breadth, s1.height]) / 2
    crest = np.array([(0.5, -0.9), (0.95, -0.8), (1.3, 0.2), (1.5, 2.0), (1.2, 3.5), (0.7, 2.2), (0.6, 0.5)]) * half
    soft.add(place(rounded(crest, 2), s1.centre + s1.across * 6, s1.across, s1.down), 0.22, 0.12, 1.2, 6, 0.5)
    wing = np.array([(-0.9, -0.7), (0.8, -0.9), (1.1, 0.6), (0.9, 2.4), (0.0, 2.0), (-0.7, 0.8)]) * half
    soft.add(place(rounded(wing, 2), s1.centre, s1.across, s1.down), 0.12, 0.06, 1.2, 8, 1)


def _pelvis(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Both iliac wings over L5 and the sacrum, crest about at L4/L5."""
    crest = spine.body("L4").centre + (0, rng.normal(18, 8))
    for shift in (rng.normal(0, 4, 2), rng.normal((0, 6), 7)):
        wing = np.array(
            [(-74, 210), (-66, 80), (-60, 44), (-38, 12), (0, -2), (34, 4), (60, 26), (76, 60), (72, 90), (50, 104), (44, 140), (50, 210)]
        )
        wing = (wing + rng.normal(0, 3, wing.shape)) * rng.normal(1, 0.08, 2)
        soft.add(rounded(crest + wing + shift, 2), rng.uniform(0.04, 0.2), rng.uniform(0.06, 0.2), 1.8, 20, rng.uniform(0.5, 1.5))
    line = curve(crest + np.array([(-46, 110), (-20, 88), (4, 60), (24, 44)]) + rng.normal(0, 4, 2))
    soft.stroke(line, rng.uniform(0.02, 0.12), 2.0, 1.2)
    for lag in (0.0, rng.uniform(4, 16)):
        hip = crest + (-20 + lag, 175 + lag)
        soft.add(blob(hip, (27, 27), rng, 0.03), 0.5, 0.2, 1.5, 14, 0.5)
