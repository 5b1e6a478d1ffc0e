"""What is measured of the spine a pipeline found on a film, and what is left out, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import AROUND_ABSENT, absent_levels, level_index, levels_between, order_with, region, steps_between
from spinefm.measurements.axes import lean_deg, spine_axes
from spinefm.measurements.corners import corners
from spinefm.measurements.curves import LEAST_CURVE_DEG, Curve, main_ends, spine_curves
from spinefm.measurements.tilts import tilt
from spinefm.structures import Point, Vertebra, View

REGIONS = ("thoracic", "lumbar")
"""Of the vertebrae between which curves are measured."""

LEVELS = levels_between("T1", "L5")
"""Of a whole thoracolumbar spine."""

MOST_MISSING = 3
"""With more of these levels missing, the largest angle of the others need not be that of the spine."""

LONGEST_STEP = 1.5
"""From one vertebra to the next, as a multiple of the steps beside it: a longer one leads over a vertebra that was not found."""

MAX_TILT_DEG, MAX_LEAN_DEG = 90.0, 75.0
"""Of a vertebra's midline from the horizontal, and of the spine's axis there from its chord: beyond, sides are not told apart. Of the
vertebrae that are annotated in AASCE one leans by 62 degrees."""

_LATERAL = "No curve is measured: the film is lateral, and curves are of films from the front."
_UNKNOWN = "No curve is measured: how the film was taken is unknown. If it is from the front, say so with `view=ap_spine`."

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeasuredVertebra:
    """A vertebra whose mask has four sides.

    Attributes:
        vertebra: As it was found.
        corners: (4, 2), see `spinefm.measurements`.
        tilt_deg: See `spinefm.measurements.tilts`.
        lean_deg: Between the spine's axis there and its chord, see `spinefm.measurements.axes`.
    """

    vertebra: Vertebra
    corners: Points
    tilt_deg: float
    lean_deg: float = 0.0

    @property
    def is_upright(self) -> bool:
        """Whether its upper side is told apart from the others for certain, on a film from the front."""
        return abs(self.tilt_deg) <= MAX_TILT_DEG and self.lean_deg <= MAX_LEAN_DEG


@dataclass(frozen=True, eq=False)
class SpineMeasurements:
    """What is measured of the vertebrae of a film.

    Attributes:
        vertebrae: Each as it was measured; None where its mask has no four sides.
        largest_left_out: Why the largest angle of the chain need not be that of the spine; None where it is.
        chain: The vertebrae between which angles are taken, from head to foot: thoracic and lumbar ones with a level.
        curves: Of at least 10 degrees, from head to foot; their indices are those of the chain.
        left_out: Why others were not measured, one sentence each.
        missing: Levels from T1 to L5 that are not in the chain, but for those that the spine lacks.
    """

    vertebrae: tuple[MeasuredVertebra | None, ...]
    largest_left_out: str | None
    chain: tuple[MeasuredVertebra, ...] = ()
    curves: tuple[Curve, ...] = ()
    left_out: tuple[str, ...] = ()
    missing: tuple[str, ...] = LEVELS

    @property
    def levels(self) -> tuple[str, ...]:
        """Of the chain."""
        return _levels(self.chain)

    @property
    def tilts(self) -> Points:
        """(N,) of the chain, degrees."""
        return np.array([its.tilt_deg for its in self.chain])


def measure_spine(vertebrae: Sequence[Vertebra], view: View = View.AP_SPINE) -> SpineMeasurements:
    """Measure a spine: the corners and tilts of its vertebrae on any film, and its curves on a film from the front.

    A curve is left out, with the reason, where a vertebra next to one of its ends is missing, from T1 to L5: whether the spine tilts
    on beyond such an end nobody can tell. A gap elsewhere leaves a curve as it is, and a T12 or L5 that the spine lacks is not missing.
    That there is no curve is certain only where none of them is missing.

    Args:
        vertebrae: From head to foot, any number.
        view: Of the film.
    """
    measured = _measured(vertebrae)
    if view != View.AP_SPINE:
        reason = _UNKNOWN if view == View.UNKNOWN else _LATERAL
        return SpineMeasurements(measured, reason, left_out=(reason,))
    chain = _chain(measured)
    levels, tilts = _levels(chain), np.array([its.tilt_deg for its in chain])
    accounted = {*levels, *_lacked(best_of_levels(vertebrae))}
    found = spine_curves(tilts, np.array([its.vertebra.centroid for its in chain]))
    missing = tuple(level for level in LEVELS if level not in accounted)
    too_few = _too_few(missing)
    reasons = [_doubt(curve, levels, accounted) for curve in found]
    curves = tuple(curve for curve, reason in zip(found, reasons, strict=True) if not reason)
    unseen = _unseen(levels, missing) if not found else _elsewhere(too_few)
    left_out = (*_unmeasured(vertebrae, measured), *unseen, *filter(None, reasons))
    return SpineMeasurements(measured, too_few or _doubtful_largest(tilts, levels, accounted), chain, curves, left_out, missing)


def _measured(vertebrae: Sequence[Vertebra]) -> tuple[MeasuredVertebra | None, ...]:
    """The line through vertebrae with a level says which side of each is its upper one; where there are not two, that through all."""
    named = best_of_levels(vertebrae)
    line = [its.centroid for its in (named if len(named) > 1 else vertebrae)]
    axes = spine_axes(line, [vertebra.centroid for vertebra in vertebrae])
    return tuple(_measure(vertebra, axis, line) for vertebra, axis in zip(vertebrae, axes, strict=True))


def _measure(vertebra: Vertebra, axis: Points, line: Sequence[Point]) -> MeasuredVertebra | None:
    found = corners(vertebra, axis)
    return None if found is None else MeasuredVertebra(vertebra, found, tilt(found), lean_deg(axis, line))


def best_of_levels(vertebrae: Sequence[Vertebra]) -> list[Vertebra]:
    """Those with a level, from head to foot by level; of two of one level the more confident."""
    ranked = sorted(vertebrae, key=lambda vertebra: vertebra.confidence)
    best = {vertebra.level: vertebra for vertebra in ranked if vertebra.level is not None}
    return [best[level] for level in sorted(best, key=level_index)]


def _chain(measured: Sequence[MeasuredVertebra | None]) -> tuple[MeasuredVertebra, ...]:
    usable = {id(its.vertebra): its for its in measured if its is not None and its.is_upright and _is_between(its.vertebra.level)}
    return tuple(usable[id(vertebra)] for vertebra in best_of_levels([its.vertebra for its in usable.values()]))


def _is_between(level: str | None) -> bool:
    return level is not None and region(level) in REGIONS


def _levels(chain: Sequence[MeasuredVertebra]) -> tuple[str, ...]:
    return tuple(str(its.vertebra.level) for its in chain)


def _lacked(named: Sequence[Vertebra]) -> set[str]:
    """The levels without which vertebrae, from head to foot by level, follow each other as closely as those beside them do."""
    levels = [str(vertebra.level) for vertebra in named]
    if not (absent := absent_levels(levels)):
        return set()
    strides = [steps_between(*pair) for pair in pairwise(levels)]
    steps = np.linalg.norm(np.diff([vertebra.centroid for vertebra in named], axis=0), axis=1) / strides
    return {level for level in absent if _is_ordinary(steps, levels.index(AROUND_ABSENT[level][0]))}


def _is_ordinary(steps: Points, index: int) -> bool:
    """Whether one of N steps, (N,), is hardly longer than those before and after it."""
    beside = [*steps[max(index - 1, 0) : index], *steps[index + 1 : index + 2]]
    return bool(beside) and bool(steps[index] < LONGEST_STEP * np.mean(beside))


def _missing_neighbour(level: str, levels: Collection[str]) -> str | None:
    """The thoracic or lumbar level next to one, or between it and them, that is not among `levels`; None where none is missing."""
    order = [each for each in order_with(levels) if region(each) in REGIONS]
    place = order.index(level)
    return next((each for each in order[max(place - 1, 0) : place + 2] if each not in levels), None)


def _doubtful_end(upper: str, lower: str, levels: Collection[str]) -> str | None:
    """Why two levels may not be a curve's end vertebrae: what is missing beside one of them; None where nothing is."""
    for end in (upper, lower):
        missing = _missing_neighbour(end, levels)
        if missing is not None:
            return f"{missing}, next to {end}, is missing"
    return None


def _doubtful_largest(tilts: Points, levels: Sequence[str], accounted: Collection[str]) -> str | None:
    """Why the largest angle between N vertebrae, N at least 2, need not be that of the spine; None where it is.

    Args:
        tilts: (N,) degrees.
        levels: N, from head to foot.
        accounted: These levels, and those that the spine lacks.
    """
    upper, lower = main_ends(tilts)
    return _doubtful_end(levels[upper], levels[lower], accounted)


def _too_few(missing: Sequence[str]) -> str | None:
    return f"{len(missing)} of {len(LEVELS)} vertebrae are missing" if len(missing) > MOST_MISSING else None


def _doubt(curve: Curve, levels: Sequence[str], accounted: Collection[str]) -> str | None:
    upper, lower = levels[curve.upper], levels[curve.lower]
    reason = _doubtful_end(upper, lower, accounted)
    return reason and f"The curve from {upper} to {lower} is left out: {reason}, so that it may end elsewhere."


def _unseen(levels: Sequence[str], missing: Sequence[str]) -> list[str]:
    """Why there may be a curve where none was found."""
    if len(levels) < 2:
        return [f"No curve is measured: at least two vertebrae between T1 and L5 are needed, but there are {len(levels)}."]
    none = f"No curve of at least {LEAST_CURVE_DEG:g} degrees was found, but there may be one, as these of T1 to L5 are missing"
    return [f"{none}: {', '.join(missing)}."] if missing else []


def _elsewhere(too_few: str | None) -> list[str]:
    """Why there may be a larger curve than those that were found."""
    return [f"The largest curve may not be among those measured: {too_few}, from T1 to L5."] if too_few else []


def _unmeasured(vertebrae: Sequence[Vertebra], measured: Sequence[MeasuredVertebra | None]) -> list[str]:
    """Why vertebrae are in no curve."""
    named = [(vertebra.level, its) for vertebra, its in zip(vertebrae, measured, strict=True) if vertebra.level is not None]
    nameless = len(vertebrae) - len(named)
    shapeless = [level for level, its in named if its is None]
    across = [level for level, its in named if its is not None and not its.is_upright]
    return [
        *([f"Vertebrae of unknown level are in no curve: {nameless}."] if nameless else []),
        *([f"Vertebrae whose masks have no four sides are in no curve: {', '.join(shapeless)}."] if shapeless else []),
        *([f"Vertebrae that lie across the spine are in no curve: {', '.join(across)}."] if across else []),
    ]
