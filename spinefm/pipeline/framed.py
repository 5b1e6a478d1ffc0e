"""What a film's edges tell of the levels, where it is known how such films are framed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import LEVELS, level_index, levels_between
from spinefm.geometry.framing import OTHERWISE, Framing, margins_of

WEIGHT = 4.0
"""Against what the classifier saw, chosen on validation films: what misleads it in one vertebra of a film misleads it in all."""


def framing_evidence(framing: Framing, ends: Sequence[str], centroids: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """(N, L) log-likelihoods of each level at each of N things found, 0 at most; all in the one in the middle, of which the others follow.

    Args:
        framing: Of films like this one.
        ends: Levels, of which the first and the last are where the spines of these films begin and end.
        centroids: (N, 2) from head to foot, N at least 3, pixels.
        height: Of the film, pixels.
    """
    names = levels_between(min(ends, key=level_index), max(ends, key=level_index))
    middle, evidence = len(centroids) // 2, np.zeros((len(centroids), len(LEVELS)))
    margins = [margins_of(centroids[:, 1], height, middle - above, middle - above + len(names) - 1) for above in range(len(names))]
    logs = np.full(len(LEVELS), np.log(OTHERWISE))
    logs[[level_index(name) for name in names]] = framing.log_density(margins)
    evidence[middle] = WEIGHT * (logs - logs.max())
    return evidence
