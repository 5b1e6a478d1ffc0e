"""The three angles that come with AASCE 2019, to compare with them."""

import numpy as np
from numpy.typing import NDArray

from spinefm.measurements.curves import main_ends
from spinefm.structures import CobbAngles

Points = NDArray[np.float64]


def challenge_angles(tilts: Points, corners: Points, height: float) -> CobbAngles:
    """The largest Cobb angle of a spine, and two more: above and below it, or both above.

    The largest one is the largest difference of two vertebrae's tilts, which are its ends. Where the middles of all endplates, but for
    the last vertebra's, lie on one side of the line from the first of all to the last, the others are those between the first vertebra
    and the upper end, and between the lower end and the last vertebra. Else, where the ends lie in the upper half of the film, they are
    the largest differences from the upper end upwards, and from the lower end downwards. Else, the largest difference from the upper
    end upwards, and from where that ends upwards again.

    Args:
        tilts: (N,) of N vertebrae from head to foot, N at least 2, degrees; see `spinefm.measurements.tilts`.
        corners: (N, 4, 2), see `spinefm.measurements`.
        height: Of the film, pixels.

    Returns:
        Degrees, not negative; the first is the largest.

    Raises:
        ValueError: If there are fewer than two vertebrae.

    Source: the data set's own tool, which is not described; reproduced from its figures. How exactly, docs/evaluation.md says.
    """
    if len(tilts) < 2:
        raise ValueError(f"Expected the tilts of at least two vertebrae, but got {len(tilts)}.")
    upper, lower = main_ends(tilts)
    differences = np.abs(tilts[:, None] - tilts)
    largest = float(differences[upper, lower])
    endplates = corners.reshape(-1, 2, 2).mean(1)
    if _is_one_sided(endplates):
        return largest, float(differences[0, upper]), float(differences[lower, -1])
    top = int(differences[upper, : upper + 1].argmax())
    if endplates[2 * upper + 1, 1] + endplates[2 * lower + 1, 1] < height:
        return largest, float(differences[upper, top]), float(differences[lower, lower:].max())
    return largest, float(differences[upper, top]), float(differences[top, : top + 1].max())


def _is_one_sided(middles: Points) -> bool:
    """Whether all of them, but for the last two, lie on one side of the line from the first to the last."""
    along, beside = middles[0] - middles[-1], middles[:-2] - middles[-1]
    distances = beside[:, 1] * along[0] - beside[:, 0] * along[1]
    return not ((distances > 0).any() and (distances < 0).any())
