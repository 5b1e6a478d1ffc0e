"""What is measured of the spine a pipeline found on a film, and what is left out, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import level_index, order_with, region
from spinefm.measurements.corners import spine_corners
from spinefm.measurements.curves import Curve, spine_curves
from spinefm.measurements.tilts import SMOOTHING, smooth_tilts, tilt
from spinefm.structures import Vertebra, View

REGIONS = ("thoracic", "lumbar")
"""Of the vertebrae between which curves are measured."""

_LATERAL = "No curve is measured: the film is lateral, and curves are of films from the front."
_UNKNOWN = "No curve is measured: how the film was taken is unknown. If it is from the front, say so with `view=ap_spine`."

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpineMeasurements:
    """What is measured of the vertebrae of a film.

    Attributes:
        corners: (4, 2) of each vertebra, see `spinefm.measurements`; None where its mask has no four sides.
        tilts: Of each, degrees; see `spinefm.measurements.tilts`.
        smooth_tilts: The same, evened out along the spine, between which angles are taken; None also where a vertebra is not `chain`.
        chain: Indices of the vertebrae between which angles are taken, from head to foot; see `named_chain`.
        curves: Of at least 10 degrees, from head to foot; their indices are those of the vertebrae.
        left_out: Why others were not measured, one sentence each.
    """

    corners: tuple[Points | None, ...]
    tilts: tuple[float | None, ...]
    smooth_tilts: tuple[float | None, ...]
    chain: tuple[int, ...]
    curves: tuple[Curve, ...] = ()
    left_out: tuple[str, ...] = ()


def measure_spine(vertebrae: Sequence[Vertebra], view: View = View.AP_SPINE, smoothing: float = SMOOTHING) -> SpineMeasurements:
    """Measure a spine: the corners and tilts of its vertebrae on any film, and its curves on a film from the front.

    A curve is left out, with the reason, where a vertebra next to one of its ends is missing, from T1 to L5: whether the spine tilts
    on beyond such an end nobody can tell. A gap elsewhere leaves a curve as it is.

    Args:
        vertebrae: From head to foot, any number.
        view: Of the film.
        smoothing: See `spinefm.measurements.tilts.smooth_tilts`; 0 for exact annotations.
    """
    corners = spine_corners(vertebrae)
    tilts = [None if its is None else tilt(its) for its in corners]
    if view != View.AP_SPINE:
        return SpineMeasurements(
            tuple(corners), tuple(tilts), (None,) * len(tilts), (), left_out=(_UNKNOWN if view == View.UNKNOWN else _LATERAL,)
        )
    chain = named_chain(vertebrae, corners)
    levels = [str(vertebrae[index].level) for index in chain]
    even = smooth_tilts([_known(tilts[index]) for index in chain], smoothing, positions(levels))
    found = spine_curves(even, np.array([vertebrae[index].centroid for index in chain]))
    reasons = [_doubt(curve, levels) for curve in found]
    curves = [_of_vertebrae(curve, chain) for curve, reason in zip(found, reasons, strict=True) if not reason]
    smoothed = dict(zip(chain, map(float, even), strict=True))
    left_out = [*_unmeasured(vertebrae, corners, chain), *filter(None, reasons)]
    every = [smoothed.get(index) for index in range(len(vertebrae))]
    return SpineMeasurements(tuple(corners), tuple(tilts), tuple(every), tuple(chain), tuple(curves), tuple(left_out))


def named_chain(vertebrae: Sequence[Vertebra], corners: Sequence[Points | None]) -> list[int]:
    """Indices of the thoracic and lumbar vertebrae with corners, by level from head to foot; of two of one level the more confident."""
    best: dict[str, int] = {}
    for index in sorted(range(len(vertebrae)), key=lambda index: vertebrae[index].confidence):
        level = vertebrae[index].level
        if level is not None and region(level) in REGIONS and corners[index] is not None:
            best[level] = index
    return [best[level] for level in sorted(best, key=level_index)]


def positions(levels: Sequence[str]) -> list[int]:
    """Places of thoracic and lumbar levels along the spine, counted in vertebrae."""
    order = order_with(levels)
    return [order.index(level) for level in levels]


def missing_neighbour(level: str, levels: Collection[str]) -> str | None:
    """The thoracic or lumbar level next to one, or between it and them, that is not among `levels`; None where none is missing."""
    order = [each for each in order_with(levels) if region(each) in REGIONS]
    place = order.index(level)
    return next((each for each in order[max(place - 1, 0) : place + 2] if each not in levels), None)


def doubtful_end(upper: str, lower: str, levels: Collection[str]) -> str | None:
    """Why two levels may not be a curve's end vertebrae: what is missing beside one of them; None where nothing is."""
    for end in (upper, lower):
        missing = missing_neighbour(end, levels)
        if missing is not None:
            return f"{missing}, next to {end}, is missing"
    return None


def _doubt(curve: Curve, levels: Sequence[str]) -> str | None:
    upper, lower = levels[curve.upper], levels[curve.lower]
    reason = doubtful_end(upper, lower, levels)
    return reason and f"The curve from {upper} to {lower} is left out: {reason}, so that it may end elsewhere."


def _of_vertebrae(curve: Curve, chain: Sequence[int]) -> Curve:
    """The same curve, counted in all vertebrae of the film."""
    apex = None if curve.apex is None else chain[curve.apex]
    return Curve(curve.angle_deg, chain[curve.upper], chain[curve.lower], apex, curve.direction)


def _unmeasured(vertebrae: Sequence[Vertebra], corners: Sequence[Points | None], chain: Sequence[int]) -> list[str]:
    """Why vertebrae are in no curve."""
    reasons = []
    if nameless := sum(vertebra.level is None for vertebra in vertebrae):
        reasons.append(f"Vertebrae of unknown level are in no curve: {nameless}.")
    shapeless = [vertebra.level for vertebra, its in zip(vertebrae, corners, strict=True) if vertebra.level is not None and its is None]
    if shapeless:
        reasons.append(f"Vertebrae whose masks have no four sides are in no curve: {', '.join(map(str, shapeless))}.")
    if len(chain) < 2:
        reasons.append(f"No curve is measured: at least two vertebrae between T1 and L5 are needed, but there are {len(chain)}.")
    return reasons


def _known(value: float | None) -> float:
    if value is None:
        raise ValueError("Expected the tilt of a vertebra with corners, but it has none.")
    return value
