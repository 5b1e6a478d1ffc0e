"""Cobb angles of a film: those that are known beside those of the spine that was found."""

from dataclasses import dataclass

import numpy as np

from spinefm.measurements.challenge import challenge_angles
from spinefm.measurements.spine import SpineMeasurements
from spinefm.structures import CobbAngles


@dataclass(frozen=True)
class AngleRecord:
    """The three Cobb angles of a film, see `spinefm.measurements.challenge`, degrees.

    Attributes:
        true: The known ones.
        found: Those of the vertebrae that were found and named, however many; 0 of fewer than two.
        left_out: Why the largest one is not measured; None where it is.
        missing: Levels from T1 to L5 that were not found, or whose masks are in no chain, but for those that the spine lacks.
    """

    true: CobbAngles
    found: CobbAngles
    left_out: str | None
    missing: tuple[str, ...]

    @property
    def is_measured(self) -> bool:
        """Whether the largest angle is measured."""
        return self.left_out is None

    @property
    def is_complete(self) -> bool:
        """Whether all three are measured: no vertebra from T1 to L5 is missing."""
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


def record_angles(known: CobbAngles, measured: SpineMeasurements, height: int) -> AngleRecord:
    """Compare the angles of what was found with those that are known.

    Which angles are measured depends on what was found alone, never on the truth: the largest one by
    `SpineMeasurements.largest_left_out`, as in inference, and all three together where no vertebra from T1 to L5 is missing.

    Args:
        known: Of the film.
        measured: Of the spine that a pipeline found on it.
        height: Of the film, pixels.
    """
    corners = [its.corners for its in measured.chain]
    found = challenge_angles(measured.tilts, np.array(corners), height) if len(corners) > 1 else (0.0, 0.0, 0.0)
    return AngleRecord(known, found, measured.largest_left_out, measured.missing)
