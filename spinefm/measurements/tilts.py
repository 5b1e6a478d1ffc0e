"""How a vertebra is tilted."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def tilt(corners: Points) -> float:
    """Of a vertebra's midline, from the middle of its left side to that of its right one: degrees below the horizontal of the film.

    Args:
        corners: (4, 2), see `spinefm.measurements`.

    Returns:
        -180..180; positive where the right end is the lower one.

    Source: AASCE 2019, whose published angles are differences of these tilts, and not of endplates; how exactly, docs/evaluation.md says.
    """
    dx, dy = (corners[[1, 3]] - corners[[0, 2]]).mean(0)
    return float(np.degrees(np.arctan2(dy, dx)))
