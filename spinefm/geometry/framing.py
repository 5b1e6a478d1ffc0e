"""How films are framed: where on them the spine begins and ends. Films that one person crops, or one machine takes, are framed alike."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from spinefm.anatomy import level_index
from spinefm.geometry.borders import content_box
from spinefm.geometry.centroids import centroids_of
from spinefm.structures import Radiograph

LEAST_FILMS = 10
"""Of fewer films of one reader nothing is learnt."""
BANDWIDTH = 0.15
"""Standard deviation of the kernel, spacings."""
OUTLIER_DENSITY = 1e-2
"""Added everywhere, per squared spacing, for films that are framed in another way: wherever a spine lies, no name is impossible."""

Margins = tuple[float, float]
"""How far the first vertebra's centroid lies below the upper edge of a film's content, and the last one's above the lower.

In spacings of their own end, vertical ones: the mean of the two steps there, a pixel at least.
"""


class Framing:
    """Where the first and the last level lie on the films of one reader: a Gaussian kernel density estimate with a floor.

    Args:
        known: (N, 2), the margins of N films.
    """

    def __init__(self, known: ArrayLike) -> None:
        self.known = np.asarray(known, dtype=np.float64)

    def log_density(self, margins: ArrayLike) -> NDArray[np.float64]:
        """(M,) of (M, 2) margins, per squared spacing; with its floor it sums up to more than 1."""
        kernels = np.exp(-cdist(np.asarray(margins), self.known, "sqeuclidean") / (2 * BANDWIDTH**2))
        density: NDArray[np.float64] = kernels.mean(1) / (2 * np.pi * BANDWIDTH**2)
        return np.log(density + OUTLIER_DENSITY)


def anyones(framings: Iterable[Framing]) -> Framing:
    """Of films of all these readers together; at least one."""
    return Framing(np.concatenate([framing.known for framing in framings]))


def margins_of(y: NDArray[np.float64], height: float, first: int, last: int) -> Margins:
    """Where a spine lies on a film, if `first` of the vertebrae found is its first one and `last` its last; to a thousandth.

    Args:
        y: (N,) of centroids from head to foot, at least three, pixels.
        height: Of the film, pixels.
        first: Index of a vertebra; one below 0, or from N on, lies straight on from those that were found.
        last: Likewise, at least two further.
    """
    indices, end = np.arange(first, last + 1), len(y) - 1
    beyond = np.minimum(indices, 0) * (y[2] - y[0]) / 2 + np.maximum(indices - end, 0) * (y[-1] - y[-3]) / 2
    place = np.interp(indices, np.arange(len(y)), y) + beyond
    upper, lower = (max(float(spacings) / 2, 1.0) for spacings in (place[2] - place[0], place[-1] - place[-3]))
    return round(float(place[0]) / upper, 3), round((height - float(place[-1])) / lower, 3)


def learnt_framings(films: Iterable[Radiograph], levels: Sequence[str]) -> dict[str, Framing]:
    """Of each reader of whom there are enough films that show the first and the last of `levels`.

    Nothing is learnt of a supernumerary end, or of two ends with fewer than two levels between them.
    """
    known = defaultdict[str, list[Margins]](list)
    ends = sorted({level_index(level) for level in levels})
    if len(ends) < 2 or ends[-1] - ends[0] < 3 or {"T13", "L6"} & set(levels):
        return {}
    for film in films:
        if film.reader is not None and (margins := _margins(film, (ends[0], ends[-1]))):
            known[film.reader].append(margins)
    return {reader: Framing(its) for reader, its in known.items() if len(its) >= LEAST_FILMS}


def _margins(film: Radiograph, ends: tuple[int, int]) -> Margins | None:
    """Of a film without its borders, which pipelines are not shown either; None unless both ends are annotated."""
    at = [index for index, vertebra in enumerate(film.vertebrae) if vertebra.level and level_index(vertebra.level) in ends]
    if len(at) != 2 or at[1] - at[0] < 2:
        return None
    _, top, _, bottom = content_box(film.pixels)
    return margins_of(centroids_of(film.vertebrae)[:, 1] - top, bottom - top, *at)
