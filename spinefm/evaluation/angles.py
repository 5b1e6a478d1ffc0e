"""Cobb angles of a film: those that are known beside those of the spine that was found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinefm.anatomy import levels_between
from spinefm.measurements.challenge import challenge_angles
from spinefm.measurements.corners import spine_corners
from spinefm.measurements.curves import main_ends
from spinefm.measurements.spine import doubtful_end, named_chain
from spinefm.measurements.tilts import SMOOTHING, smooth_tilts, tilt
from spinefm.structures import CobbAngles, Radiograph, Vertebra

LEVELS = levels_between("T1", "L5")
"""Of the vertebrae between which the angles are known."""

MOST_MISSING = 3
"""With more of them missing, the largest angle of the others need not be that of the spine."""


@dataclass(frozen=True)
class AngleRecord:
    """The three Cobb angles of a film, see `spinefm.measurements.challenge`, degrees.

    Attributes:
        true: The known ones.
        found: Those of the vertebrae from T1 to L5 that were found and named, however many; 0 of fewer than two.
        left_out: Why the largest one is not measured; None where it is.
        missing: Levels from T1 to L5 that were not found, or whose masks have no four sides.
    """

    true: CobbAngles
    found: CobbAngles
    left_out: str | None
    missing: tuple[str, ...]

    @property
    def is_measured(self) -> bool:
        """Whether the largest angle is measured; see `record_angles`."""
        return self.left_out is None

    @property
    def is_complete(self) -> bool:
        """Whether all three are measured: every vertebra from T1 to L5 was found."""
        return not self.missing

    @property
    def error_deg(self) -> float:
        """How far the largest angle is from the known one, degrees."""
        return abs(self.found[0] - self.true[0])

    @property
    def smape_percent(self) -> float:
        """100 x the sum of the three differences over the sum of all six angles; 0 if all of them are 0."""
        total = sum(self.found) + sum(self.true)
        differences = sum(abs(found - true) for found, true in zip(self.found, self.true, strict=True))
        return 100 * differences / total if total else 0.0


def record_angles(radiograph: Radiograph, found: Sequence[Vertebra], smoothing: float = SMOOTHING) -> AngleRecord | None:
    """Compare the angles of what was found with those that are known.

    Which angles are measured depends on what was found alone, never on the truth. The largest one is left out where more than
    `MOST_MISSING` vertebrae from T1 to L5 are missing, or one next to an end of the angle, as the spine may tilt on beyond such an
    end; other gaps do not matter. All three together need every vertebra from T1 to L5.

    Args:
        radiograph: The film.
        found: Vertebrae of the spine that a pipeline found on it, from head to foot.
        smoothing: See `spinefm.measurements.tilts.smooth_tilts`.

    Returns:
        None where no angles are known.
    """
    if radiograph.cobb_angles is None:
        return None
    corners = spine_corners(found)
    chain = [index for index in named_chain(found, corners) if found[index].level in LEVELS]
    levels = [str(found[index].level) for index in chain]
    missing = tuple(level for level in LEVELS if level not in levels)
    too_few = f"{len(missing)} of {len(LEVELS)} vertebrae are missing" if len(missing) > MOST_MISSING else None
    if len(chain) < 2:
        return AngleRecord(radiograph.cobb_angles, (0.0, 0.0, 0.0), too_few, missing)
    quads = np.array([corners[index] for index in chain])
    tilts = smooth_tilts([tilt(quad) for quad in quads], smoothing, [LEVELS.index(level) for level in levels])
    upper, lower = main_ends(tilts)
    angles = challenge_angles(tilts, quads, radiograph.size[0])
    return AngleRecord(radiograph.cobb_angles, angles, too_few or doubtful_end(levels[upper], levels[lower], levels), missing)
