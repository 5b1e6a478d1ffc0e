"""What lies around the spine on a lateral cervical film: skull, jaw, teeth, airway, hyoid, neck and shoulders."""

import numpy as np

from spinefm.data.synthetic.outlines import Points, rounded
from spinefm.data.synthetic.rays import RayField
from spinefm.data.synthetic.spines import SimulatedSpine
from spinefm.data.synthetic.surroundings import add_cloud, add_clutter, bar, blob, curve, taper


def draw_neck(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Add everything but the vertebrae."""
    _tissue(soft, spine, rng)
    _skull(soft, spine, rng)
    _jaw(soft, spine, rng)
    _airway(soft, spine, rng)
    _shoulders(soft, spine, rng)
    add_clutter(soft, 8, 45, spine.body("C4").centre, rng)
    add_cloud(soft, rng.uniform(0.03, 0.07), 6, rng)


def _beside(spine: SimulatedSpine, levels: tuple[str, ...], offsets: tuple[float, ...]) -> Points:
    """Points at a distance in front (negative) or behind each body's centre, millimetres."""
    return np.array([spine.body(level).centre + (offset, 0.0) for level, offset in zip(levels, offsets, strict=True)])


def _tissue(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """The neck as a rounded column, with the skin line in front and behind."""
    front, back = rng.uniform(48, 72), rng.uniform(52, 75)
    c2, t1 = spine.body("C2").centre, spine.body("T1").centre
    anterior = np.array([c2 + (-130, -130), c2 + (-118, 8), c2 + (-95, 30), spine.body("C4").centre + (-front - 12, 4),
                         spine.body("C6").centre + (-front, 0), t1 + (-front - 5, 10),
                         t1 + (-front - 40, 70), t1 + (-110, 190)])  # fmt: skip
    posterior = np.array([t1 + (150, 190), t1 + (back + 25, 40), spine.body("C6").centre + (back + 4, 0),
                          spine.body("C4").centre + (back, 0),
                          c2 + (back + 14, -12), c2 + (100, -60), c2 + (110, -130)])  # fmt: skip
    outline = rounded(np.concatenate([anterior, posterior]), 2)
    soft.add(outline, rng.uniform(2.1, 2.8), depth_mm=rng.uniform(18, 36), blur_mm=0.6)


def _skull(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Occiput, skull base and petrous bone."""
    atlas = spine.body("C1").centre
    gap = rng.uniform(1, 6)
    vault = atlas + np.array([(-30, -34), (-14, -20), (4, -12 - gap), (22, -11 - gap), (44, -17), (66, -32), (84, -60),
                              (88, -100), (60, -150), (-40, -150), (-60, -80)])  # fmt: skip
    outline = rounded(vault + rng.normal(0, 2, vault.shape), 2)
    soft.add(outline, rng.uniform(0.5, 0.9), rim=0.3, rim_mm=2.5, depth_mm=30, blur_mm=0.5)
    table = curve(atlas + np.array([(18, -12 - gap), (44, -18), (66, -33), (83, -60), (87, -100)]))
    soft.add(bar(table, rng.uniform(5, 8)), 0.25, 0.25, 1.2, 2.0, 0.3)
    for _ in range(7):
        place = atlas + (rng.uniform(-22, 22), rng.uniform(-46, -22))
        soft.add(blob(place, (rng.uniform(6, 16), rng.uniform(5, 11)), rng), rng.uniform(0.1, 0.4), 0.12, 1.2, 6, 0.7)
    # Mastoid tips and the condyles hang over the joint with C1.
    for side in (-1.0, 1.0):
        soft.add(blob(atlas + (4 + 3 * side, -17), (9, 9), rng), 0.14, 0.08, 1.0, 5, 0.5)


def _jaw(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Both halves of the mandible, the upper jaw and the teeth, in front of C1 to C3."""
    shift = np.array([rng.uniform(-10, 2), rng.uniform(-12, 6)])
    axis = spine.body("C2").centre + shift
    turn = np.radians(rng.normal(0, 6))
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    half = np.array([(-12, -46), (-24, -46), (-32, -22), (-44, -8), (-94, 2), (-102, 10), (-98, 24), (-88, 26), (-60, 20), (-36, 14),
                     (-22, 4), (-14, -18)]) @ turned  # fmt: skip
    face = np.array([(-28, -24), (-34, -70), (-110, -80), (-112, -16), (-98, -10), (-50, -16)]) @ turned
    soft.add(rounded(axis + face, 2), rng.uniform(0.3, 0.7), depth_mm=18, blur_mm=2)
    for offset in (rng.normal(0, 1.5, 2), rng.normal(0, 2.5, 2) + (-2, 2)):
        soft.add(rounded(axis + half + offset, 2), 0.3, 0.25, 1.4, 6, 0.3)
    palate = np.array([(-32, -26), (-50, -30), (-92, -30), (-102, -24)]) @ turned
    soft.add(taper(curve(axis + palate), rng.uniform(4, 8)), 0.3, 0.12, 1.0, 2, 0.5)
    for row, length in ((-14.0, -8.0), (-3.0, 9.0)):
        for x in np.linspace(-46, -98, 9):
            tooth = np.array([(x - 2.8, row), (x + 2.6, row), (x + 1.6, row + length), (x - 1.6, row + length)]) @ turned
            filled = rng.random() < 0.12
            soft.add(rounded(axis + tooth + rng.normal(0, 0.5, 2)), 1.6 if filled else 0.45, 0.2, 0.6, 2, 0.2)


def _airway(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Pharynx, larynx and trachea as air in front of the prevertebral tissue; hyoid and calcified cartilage."""
    thin, thick = rng.uniform(4, 7), rng.uniform(11, 17)
    levels = ("C1", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "T1", "T3", "T3")
    reach = spine.body("C4").breadth / 2
    gaps = (
        np.array([-26, -8, -2 - thin, -thin, -thin - 1, -thick + 3, -thick, -thick, -thick, -thick - 4, -thick - 10], dtype=np.float64)
        - reach
    )
    wide = np.array([6, 13, 13, 13, 14, 7, 11, 14, 15, 15, 13]) * rng.uniform(0.75, 1.15)
    knots = _beside(spine, levels, tuple(gaps - wide / 2))
    knots[0, 1] -= rng.uniform(16, 28)
    knots[-1, 1] += 60
    path = curve(knots, 32)
    widths = np.interp(np.linspace(0, 1, 32), np.linspace(0, 1, len(wide)), wide)
    soft.add(bar(path, widths), -rng.uniform(0.2, 0.42), depth_mm=6, blur_mm=1.1)
    hyoid = spine.body("C3", "C4").centre + (-reach - thin - 24, rng.uniform(4, 14))
    soft.add(taper(curve(hyoid + np.array([(-12, 5), (-8, 1), (0, 0), (16, -5)]), 16), rng.uniform(3, 5.5)), 0.2, 0.12, 0.8, 2, 0.4)
    thyroid = spine.body("C5").centre + (-reach - thick - 12, 0)
    soft.add(blob(thyroid, (9, 12), rng, 0.2), rng.uniform(0, 0.12), rng.uniform(0, 0.18), 1.2, 4, 0.7)


def _shoulders(soft: RayField, spine: SimulatedSpine, rng: np.random.Generator) -> None:
    """Shoulders thicken the path below a sloping line, often from C7 down, sometimes from C6, sometimes not at all."""
    anchor = spine.body("C7").centre + (0, rng.normal(8, 11))
    slope = rng.uniform(-0.2, 0.25)
    for lag, share in ((0.0, 0.6), (rng.uniform(0, 14), 0.4)):
        hump = np.array([(-90, 40), (-45, 12), (-10, 2), (25, 0), (60, 8), (110, 30), (130, 200), (-120, 200)], dtype=np.float64)
        hump[:, 1] += hump[:, 0] * slope + lag
        soft.add(rounded(anchor + hump, 2), share * rng.uniform(0.8, 2.2), depth_mm=rng.uniform(45, 75), blur_mm=rng.uniform(1, 4))
    if rng.random() < 0.6:
        path = curve(anchor + np.array([(-58, 34), (-25, 22), (10, 16), (40, 22)]) + rng.normal(0, 4, 2))
        soft.add(bar(path, 9.0), 0.14, 0.12, 1.2, 3, 0.8)
