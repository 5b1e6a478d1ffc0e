"""Which levels a simulated spine has, and how large they are."""

from dataclasses import dataclass

import numpy as np

from spinefm.anatomy import levels_between
from spinefm.structures import View

EXTRA_RATE = 0.03
MISSING_RATE = 0.02

DRAWN: dict[View, tuple[str, str]] = {
    View.LATERAL_CERVICAL: ("C1", "T3"),
    View.LATERAL_LUMBAR: ("T9", "S1"),
    View.AP_SPINE: ("C4", "S1"),
}
"""First and last level that is drawn: more than is annotated, as on real films."""

ANNOTATED: dict[View, tuple[str, str]] = {
    View.LATERAL_CERVICAL: ("C1", "T1"),
    View.LATERAL_LUMBAR: ("T11", "S1"),
    View.AP_SPINE: ("T1", "L6"),
}


@dataclass(frozen=True)
class LevelSize:
    """Usual adult size of a body as its view shows it, millimetres.

    Attributes:
        breadth: Front to back on a lateral film, left to right on an AP one.
        height: Of the body at its middle.
        disc: Of the disc below.
    """

    breadth: float
    height: float
    disc: float


def _sizes(rows: dict[str, tuple[float, float, float]]) -> dict[str, LevelSize]:
    return {level: LevelSize(*row) for level, row in rows.items()}


_LATERAL = _sizes(
    {
        "C1": (14, 12, 3.0), "C2": (16.5, 19, 3.8), "C3": (17, 14.2, 4.2), "C4": (17, 13.9, 4.4), "C5": (17, 13.5, 4.6),
        "C6": (17.5, 13.6, 4.8), "C7": (18, 14.8, 4.4), "T1": (18.5, 16.6, 3.6), "T2": (19.5, 17.6, 3.2), "T3": (20.5, 18, 3.2),
        "T9": (30, 23, 4.2), "T10": (31, 24, 4.8), "T11": (32, 25, 5.2), "T12": (32.5, 26.5, 6.0), "T13": (33, 27, 6.5),
        "L1": (33.5, 27.5, 7.0), "L2": (34.5, 28, 8.2), "L3": (35.5, 28, 9.0), "L4": (36, 28, 9.8), "L5": (36, 27.5, 9.0),
        "L6": (36, 27, 9.0), "S1": (34.5, 29, 3.0),
    }
)  # fmt: skip
# T1 to L5 are the medians of the 481 AASCE training films for a T1-L5 length of 430 mm.
_AP = _sizes(
    {
        "C4": (24, 9.5, 5.0), "C5": (24.5, 10, 5.0), "C6": (26, 10.5, 5.0), "C7": (29, 11.5, 5.5), "T1": (31.5, 12.4, 5.3),
        "T2": (29.6, 14.0, 5.7), "T3": (27.9, 15.4, 5.7), "T4": (27.5, 16.6, 5.7), "T5": (28, 17.6, 5.6), "T6": (29, 18.0, 5.6),
        "T7": (30, 18.2, 5.8), "T8": (31, 18.7, 5.9), "T9": (32.4, 19.1, 6.4), "T10": (34, 20, 7.4), "T11": (36, 20.9, 8.1),
        "T12": (38, 22, 8.9), "T13": (39, 22.4, 9.4), "L1": (40.2, 22.7, 9.8), "L2": (40.8, 22.8, 10.7), "L3": (42.7, 23.6, 10.9),
        "L4": (44.6, 24.7, 10.5), "L5": (48, 23.1, 8.5), "L6": (49, 23, 8.5), "S1": (50, 22, 2.0),
    }
)  # fmt: skip

SIZES: dict[View, dict[str, LevelSize]] = {
    View.LATERAL_CERVICAL: _LATERAL,
    View.LATERAL_LUMBAR: _LATERAL,
    View.AP_SPINE: _AP,
}


def sample_levels(view: View, rng: np.random.Generator) -> tuple[tuple[str, ...], frozenset[str]]:
    """Levels from head to foot, drawn ones beyond the annotated included, and the names of the variants among them."""
    first, last = DRAWN[view]
    levels = list(levels_between(first, last))
    draw, which = rng.random(), int(rng.integers(2))
    if "T12" not in levels:
        return tuple(levels), frozenset()
    if draw < EXTRA_RATE:
        before, extra = (("T12", "T13"), ("L5", "L6"))[which]
        levels.insert(levels.index(before) + 1, extra)
        return tuple(levels), frozenset({f"extra {extra}"})
    if draw < EXTRA_RATE + MISSING_RATE:
        missing = ("T12", "L5")[which]
        levels.remove(missing)
        return tuple(levels), frozenset({f"missing {missing}"})
    return tuple(levels), frozenset()
