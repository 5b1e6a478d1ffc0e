"""How vertebrae are tilted, one by one and along the spine."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMOOTHING = 0.6
"""Of predicted masks, in vertebrae; see `smooth_tilts`."""

Points = NDArray[np.float64]
DEGREE = 2


def tilt(corners: Points) -> float:
    """Of a vertebra's midline, from the middle of its left side to that of its right one: degrees below the horizontal of the film.

    Args:
        corners: (4, 2), see `spinefm.measurements`.

    Returns:
        -180..180; positive where the right end is the lower one.

    Source: AASCE 2019, whose published angles are differences of these tilts, and not of endplates: from its corners all of its
        angles come out within 0.1 degrees, and the largest ones of exact masks of them within 0.21.
    """
    dx, dy = (corners[[1, 3]] - corners[[0, 2]]).mean(0)
    return float(np.degrees(np.arctan2(dy, dx)))


def smooth_tilts(tilts: ArrayLike, smoothing: float = SMOOTHING, places: Sequence[int] | None = None) -> Points:
    """Even out the tilts of a spine: at each vertebra, the parabola fitted to it and its neighbours.

    Errors of single masks make the largest difference of tilts too large, as it looks for the two vertebrae that are the most
    wrong; a parabola keeps the height of a smooth curve where a mean would cut it off.

    Args:
        tilts: (N,) degrees, from head to foot.
        smoothing: Standard deviation of the neighbours' Gaussian weights, in vertebrae; 0 leaves everything as it is.
        places: N positions along the spine, counted in vertebrae, where some are missing; by default there are no gaps.

    Returns:
        (N,) degrees.

    Raises:
        ValueError: If `smoothing` is negative.

    Source: local polynomial regression, Cleveland and Devlin, Journal of the American Statistical Association 1988.
    """
    if smoothing < 0:
        raise ValueError(f"Expected `smoothing` to be at least 0 vertebrae, but got {smoothing}.")
    values = np.asarray(tilts, dtype=np.float64)
    if smoothing == 0 or len(values) < 2:
        return values
    along = np.arange(len(values), dtype=np.float64) if places is None else np.asarray(places, dtype=np.float64)
    return np.array([_parabola_at(place, along, values, smoothing) for place in along])


def _parabola_at(place: float, along: Points, values: Points, smoothing: float) -> float:
    weights = np.exp(-0.25 * ((along - place) / smoothing) ** 2)  # the roots of Gaussian weights, as squares are minimised
    powers = np.vander(along - place, DEGREE + 1, increasing=True)
    coefficients, *_ = np.linalg.lstsq(powers * weights[:, None], values * weights, rcond=None)
    return float(coefficients[0])
